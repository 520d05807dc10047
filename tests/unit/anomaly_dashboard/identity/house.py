"""A dashboard behind its real door, at clocks that a test turns."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx

from anomaly_dashboard.app import Parts, build_app
from anomaly_dashboard.identity.access import Access
from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.identity.door import Door
from anomaly_dashboard.identity.gate import Rules
from anomaly_dashboard.identity.limits import Limit
from anomaly_dashboard.identity.lines import Lines
from anomaly_dashboard.identity.one_time_code import OneTimeCode
from anomaly_dashboard.identity.register import Register
from anomaly_dashboard.identity.sign_in import SignIn
from anomaly_dashboard.identity.tokens import Tokens
from anomaly_dashboard.settings import DashboardSettings
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.web.site import Site
from anomaly_operator.api.resources import ANOMALY, SERVICE
from loopback.authorizer import Authorizer

NOW = 1_790_000_000.0
PLACES = ("shop", "bank")
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_SEEN = re.compile(r'"X-CSRF-Token": "([^"]+)"')
Json = dict[str, Any]


class House:
    """`now` is the time of every clock in it."""

    def __init__(self, authorizer: Authorizer, settings: DashboardSettings | None = None) -> None:
        self.authorizer = authorizer
        self.settings = settings or DashboardSettings()
        self.now = NOW
        self.store = Store()
        lines = Lines(authorizer, lambda: self.now)
        tokens = Tokens(lines, lambda: self.now)
        self.register = Register(
            self.settings,
            lines,
            tokens,
            requests=Limit(20.0, 200, lambda: self.now),
            attempts=Limit(10 / 60, 10, lambda: self.now),
            wall=lambda: self.now,
        )
        self.access = Access(lines, lambda: self.now)
        self.door = Door(self.register, self.store, self.access)
        self.code = OneTimeCode() if self.settings.local else None
        self.rules = Rules(self.settings, Limit(50.0, 500, lambda: self.now))
        for namespace in PLACES:
            self.put(namespace)

    def put(self, namespace: str) -> None:
        """A service and its incident, in the store and at the API server."""
        metadata = {"namespace": namespace, "uid": "u", "resourceVersion": "1"}
        self.store.put(SERVICE, {"metadata": {**metadata, "name": f"{namespace}-till"}, "spec": {}})
        incident = {
            "metadata": {**metadata, "name": f"{namespace}-till-1"},
            "spec": {"serviceRef": {"name": f"{namespace}-till"}},
            "status": {"state": "Open", "severity": "High", "pattern": "latency"},
        }
        self.store.put(ANOMALY, incident)
        self.authorizer.incidents[namespace, f"{namespace}-till-1"] = incident

    def caller(self, name: str) -> Caller:
        """Somebody who came with their token."""
        token = f"token-of-{name}"
        return Caller(name, name, "", (), self.register.tokens.login(token))

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A browser in front of it."""
        parts = Parts(
            Site(self.settings.path_prefix, lambda: self.now),
            self.door,
            rules=self.rules,
            lines=self.register.lines,
            sign_in=SignIn(self.register, self.code),
        )
        transport = httpx.ASGITransport(
            app=build_app(replace(parts)), client=("192.0.2.7", 4711), raise_app_exceptions=False
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(
            transport=transport,
            base_url="https://dashboard.test",
            headers={"Accept": "text/html", **named},
        )


def token_in(page: httpx.Response) -> str:
    """What the forms of a page bring back."""
    found = _CSRF.search(page.text) or _SEEN.search(page.text)
    assert found, page.text
    return found[1]


async def signed_in(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """By the form; the answer to it."""
    prefix = str(client.base_url.path).rstrip("/")
    form = await client.get(f"{prefix}/sign-in")
    data = {"csrf": token_in(form), "token": token}
    return await client.post(f"{prefix}/sign-in", data=data)
