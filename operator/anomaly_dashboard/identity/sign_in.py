"""Signing in and out: by a token, or on one's own machine by the printed code.

Before a session exists the form is bound to a random cookie, so that no other site signs somebody
in as somebody else. The token goes from the form into memory and nowhere else.
"""

from __future__ import annotations

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response

from anomaly_dashboard.identity import cookies
from anomaly_dashboard.identity.addresses import address
from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.identity.one_time_code import OneTimeCode
from anomaly_dashboard.identity.people import known_as
from anomaly_dashboard.identity.refused import RefusedError
from anomaly_dashboard.identity.register import Register
from anomaly_dashboard.identity.sessions import LIFE_SECONDS
from anomaly_operator.client.login import token_expiry

_LOCAL = "local"
_FOREVER = float("inf")


class SignIn:
    """`code`: of the local mode, None in a cluster."""

    def __init__(self, register: Register, code: OneTimeCode | None = None) -> None:
        self._register = register
        self._code = code

    @property
    def local(self) -> bool:
        """Whether people come in by the printed code alone."""
        return self._code is not None

    def form(self, request: HTTPConnection) -> tuple[str, str]:
        """Value of the cookie BEFORE, and the token that the form brings back with it."""
        before = cookies.read(request, cookies.BEFORE, self._register.settings.path_prefix)
        before = before if 0 < len(before) <= 64 else secrets.token_urlsafe(16)
        return before, self._register.seal.token(f"{cookies.BEFORE}:{before}")

    def remember(self, response: Response, request: HTTPConnection, before: str) -> None:
        """Set the cookie BEFORE."""
        cookies.put(response, request, cookies.BEFORE, self._register.settings.path_prefix, before)

    async def with_token(self, request: HTTPConnection, token: str, csrf: str) -> str:
        """The id of a new session. Raises RefusedError, ApiError."""
        self._register.attempts.spend(address(request, self._register.settings.networks))
        before = cookies.read(request, cookies.BEFORE, self._register.settings.path_prefix)
        if not before or not self._register.seal.holds(f"{cookies.BEFORE}:{before}", csrf):
            raise RefusedError(403, "Not signed in", "The form is too old. Try again.")
        person = None if self.local else await self._register.tokens.person(token)
        if person is None:
            raise RefusedError(
                401,
                "Not signed in",
                "The API server does not accept this token. Make a new one, for example by "
                "`kubectl create token NAME -n NAMESPACE`.",
            )
        now = self._register.wall()
        ends = min(now + LIFE_SECONDS, token_expiry(token) or _FOREVER)
        login = self._register.tokens.login(token)
        return self._register.sessions.open(person.name, person.groups, login, now, ends=ends)

    async def with_code(self, request: HTTPConnection, code: str) -> str:
        """The id of the session that lasts as long as this process. Raises RefusedError,
        ApiError."""
        self._register.attempts.spend(address(request, self._register.settings.networks))
        refused = RefusedError(
            401,
            "Not signed in",
            "This address was used before, or is of another run. Start anomaly-dashboard again and "
            "open the address that it prints.",
        )
        if self._code is None or not self._code.fits(code):
            raise refused
        async with self._register.lines.under(_LOCAL, self._register.lines.own) as transport:
            person = await known_as(transport)
        if not self._code.use(code):
            raise refused
        return self._register.sessions.open(
            person.name,
            person.groups,
            self._register.lines.own,
            self._register.wall(),
            ends=_FOREVER,
            idle=_FOREVER,
        )

    def enter(self, response: Response, request: HTTPConnection, identity: str) -> None:
        """Give the browser its session."""
        cookies.put(
            response, request, cookies.SESSION, self._register.settings.path_prefix, identity
        )

    def leave(self, response: Response, request: HTTPConnection, caller: Caller) -> None:
        """End the session."""
        self._register.sessions.close(caller.key)
        self._register.tokens.forget(caller.key)
        self.enter(response, request, "")
