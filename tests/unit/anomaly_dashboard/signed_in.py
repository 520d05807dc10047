"""An application in which everybody is somebody, over a store that a test fills."""

from __future__ import annotations

import httpx
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from anomaly_dashboard.app import Parts, build_app
from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.identity.caller import Caller, Entrance
from anomaly_dashboard.identity.lines import Lines
from anomaly_dashboard.watched.sight import EVERYTHING, Scopes, Sight
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.web.site import Site
from anomaly_operator.api.errors import LoginFailedError
from anomaly_operator.api.resources import Resource
from anomaly_operator.client.login import Connection

NOW = 1_790_000_000


class OpenDoor(Entrance):
    """Lets everybody in as `caller`, who sees `scopes` and may do what `allowed` says."""

    def __init__(self, store: Store, scopes: Scopes = EVERYTHING, *, allowed: bool = True) -> None:
        self.store = store
        self.scopes = scopes
        self.allowed = allowed
        self.person = Caller("ann", "ann", "csrf-of-ann")

    async def caller(self, request: HTTPConnection) -> Caller:
        return self.person

    def trusts(self, caller: Caller, csrf: str) -> bool:
        return csrf == caller.csrf

    async def sight(self, caller: Caller) -> Sight:
        return Sight(self.store, self.scopes)

    async def may(
        self, caller: Caller, verb: str, resource: Resource, namespace: str, name: str = ""
    ) -> bool:
        return self.allowed


class _Within(httpx.ASGITransport):
    """The application in this process; its connections to an API server end with the client."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        self._lines: Lines = app.state.parts.lines

    async def aclose(self) -> None:
        await self._lines.close()
        await super().aclose()


class _Nobody:
    async def connect(self) -> Connection:
        raise LoginFailedError("the application has no login of its own")


def application(door: OpenDoor, prefix: str = "", desk: Desk | None = None) -> FastAPI:
    """The application behind that door, at a clock that stands at NOW."""
    return build_app(Parts(Site(prefix, lambda: NOW), door, lines=Lines(_Nobody()), desk=desk))


def browser(door: OpenDoor, prefix: str = "", desk: Desk | None = None) -> httpx.AsyncClient:
    """A client of the application in this process."""
    transport = _Within(application(door, prefix, desk))
    return httpx.AsyncClient(transport=transport, base_url="http://dashboard.test")
