"""Who asks: a session, a token that comes with the request, or a person whom a proxy names.

A token that is sent counts before the cookie, and either before a proxy's headers, as only they
carry rights of their own. It opens nothing by itself: what somebody may see is the API server's to
say.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import HTTPConnection

from anomaly_dashboard.identity import cookies, proxy
from anomaly_dashboard.identity.access import Access
from anomaly_dashboard.identity.addresses import address
from anomaly_dashboard.identity.caller import Caller, NotSignedInError
from anomaly_dashboard.identity.refused import too_many
from anomaly_dashboard.identity.register import Register
from anomaly_dashboard.identity.sessions import key_of
from anomaly_dashboard.watched.sight import Scopes, Sight
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.errors import UnauthorizedError
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE, Resource


class Door:
    """The entrance of the running dashboard."""

    def __init__(self, register: Register, store: Store, access: Access) -> None:
        self._register = register
        self._store = store
        self._access = access
        self._namespaces: tuple[int, frozenset[str]] = (-1, frozenset())

    async def caller(self, request: HTTPConnection) -> Caller:
        """Who asks. Raises NotSignedInError, RefusedError for too many requests, ApiError."""
        found = await self._by_token(request) or self._by_session(request)
        found = found or proxy.named(request, self._register.settings.proxy)
        if found is None:
            raise NotSignedInError
        self._register.requests.spend(found.key)
        return replace(found, csrf=self._register.seal.token(found.key))

    def trusts(self, caller: Caller, csrf: str) -> bool:
        """Whether a form with that token was shown to the caller's own session."""
        return self._register.seal.holds(caller.key, csrf)

    async def sight(self, caller: Caller) -> Sight:
        """What the caller may list. Raises NotSignedInError, ApiError, LoginFailedError."""
        try:
            where = self._where()
            return Sight(
                self._store,
                Scopes(
                    services=await self._access.scope(caller, SERVICE, where),
                    incidents=await self._access.scope(caller, ANOMALY, where),
                    policies=await self._access.scope(caller, POLICY, where),
                ),
            )
        except UnauthorizedError as error:
            raise self._ended(caller, error) from error

    async def may(
        self, caller: Caller, verb: str, resource: Resource, namespace: str, name: str = ""
    ) -> bool:
        """Raises NotSignedInError, ApiError, LoginFailedError."""
        try:
            return await self._access.may(caller, verb, resource, namespace, name)
        except UnauthorizedError as error:
            raise self._ended(caller, error) from error

    async def _by_token(self, request: HTTPConnection) -> Caller | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or self._register.settings.local:
            return None
        # What a proxy passes along may be a token of its own, which the API server does not know.
        named = proxy.named(request, self._register.settings.proxy) is not None
        fresh, person = self._register.tokens.known(token)
        if not fresh:
            where = address(request, self._register.settings.networks)
            if not named and not self._register.attempts.left(where):
                raise too_many(self._register.attempts.wait)
            person = await self._register.tokens.person(token)
            if person is None and not named:
                self._register.attempts.take(where)
        if person is not None:
            login = self._register.tokens.login(token)
            return Caller(person.name, key_of(token), "", person.groups, login)
        if named:
            return None
        raise NotSignedInError

    def _by_session(self, request: HTTPConnection) -> Caller | None:
        register = self._register
        identity = cookies.read(request, cookies.SESSION, register.settings.path_prefix)
        one = register.sessions.find(identity, register.wall()) if identity else None
        return Caller(one.name, one.key, "", one.groups, one.login) if one else None

    def _where(self) -> frozenset[str]:
        """Namespaces that have objects of any kind: whoever looks at a service's namespace is told
        of its first incident too."""
        store, version = self._store, self._store.version
        if self._namespaces[0] != version:
            shelves = (store.services.rows, store.incidents.rows, store.policies.rows)
            found = frozenset(namespace for rows in shelves for namespace, _ in rows)
            self._namespaces = version, found
        return self._namespaces[1]

    def _ended(self, caller: Caller, error: UnauthorizedError) -> Exception:
        """Credentials that were good are no more. The dashboard's own, and a kubeconfig's, are not
        got back by signing in again, so there the error stays."""
        if caller.login is None or self._register.settings.local:
            return error
        self._register.sessions.close(caller.key)
        self._register.tokens.forget(caller.key)
        return NotSignedInError()
