"""The cookies: HttpOnly, SameSite=Strict, and Secure but on a loopback address.

A browser takes a `__Host-` cookie from no other host and for no other path; behind a prefix the
path is the prefix, so there the name is `__Secure-`. On a loopback address several dashboards share
their cookies, so the name has the port.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

from anomaly_dashboard.identity.addresses import loopback, split_host

SESSION = "anomaly-session"
BEFORE = "anomaly-before"
"""Of a browser in which nobody is signed in yet, for the form that signs in."""


def read(connection: HTTPConnection, kind: str, prefix: str) -> str:
    """The cookie's value, empty where there is none."""
    return connection.cookies.get(_name(connection, kind, prefix), "")


def put(response: Response, connection: HTTPConnection, kind: str, prefix: str, value: str) -> None:
    """Set it until the browser ends; an empty `value` takes it away."""
    response.set_cookie(
        _name(connection, kind, prefix),
        value,
        max_age=None if value else 0,
        path=prefix or "/",
        secure=not _local(connection),
        httponly=True,
        samesite="strict",
    )


def _name(connection: HTTPConnection, kind: str, prefix: str) -> str:
    if _local(connection):
        _, port = split_host(connection.headers.get("host", ""))
        return f"{kind}-{port or 80}"
    return f"__Secure-{kind}" if prefix else f"__Host-{kind}"


def _local(connection: HTTPConnection) -> bool:
    return loopback(split_host(connection.headers.get("host", ""))[0])
