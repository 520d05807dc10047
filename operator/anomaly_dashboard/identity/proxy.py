"""People whom a proxy in front names by headers: they may read what their name and groups may read.

The headers count only when the peer itself is one of the named networks; from anybody else they are
taken off the request before anything reads it. Names and groups that start with `system:` are the
cluster's own and are never taken from a header.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import Scope

from anomaly_dashboard.identity.addresses import behind
from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.identity.sessions import key_of
from anomaly_dashboard.settings import ProxySettings

_EVERYBODY = "system:authenticated"
_OWN = "system:"
_LONGEST = 512
_MOST_GROUPS = 200


def strip(scope: Scope, proxy: ProxySettings | None) -> None:
    """Take the headers off a request that does not come from the proxy."""
    if proxy is None or not proxy.user_header or behind(HTTPConnection(scope), proxy.networks):
        return
    named = {proxy.user_header.lower().encode(), proxy.groups_header.lower().encode()}
    scope["headers"] = [(key, value) for key, value in scope["headers"] if key not in named]


def named(connection: HTTPConnection, proxy: ProxySettings | None) -> Caller | None:
    """Whom the proxy names, without the token of a form; None where it names nobody."""
    if proxy is None or not proxy.user_header or not behind(connection, proxy.networks):
        return None
    users = connection.headers.getlist(proxy.user_header)
    if len(users) != 1 or not _fit(users[0].strip()):
        return None
    groups: list[str] = []
    if proxy.groups_header:
        said = ",".join(connection.headers.getlist(proxy.groups_header)).split(",")
        groups = sorted({one.strip() for one in said if _fit(one.strip())})[:_MOST_GROUPS]
    user, whole = users[0].strip(), (*groups, _EVERYBODY)
    return Caller(user, key_of("\0".join(("proxy", user, *whole))), "", whole)


def _fit(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and name.isprintable() and not name.startswith(_OWN)
