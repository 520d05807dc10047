"""The stream of a browser, read from the application itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from anomaly_dashboard.app import Parts, build_app
from anomaly_dashboard.identity.caller import Caller, NotSignedInError
from anomaly_dashboard.identity.gate import Rules
from anomaly_dashboard.live import fan_out as fan_out_module
from anomaly_dashboard.live.event_stream import Pace
from anomaly_dashboard.live.live import Live
from anomaly_dashboard.watched.sight import EVERYTHING, Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.web.site import Site
from anomaly_operator.api.resources import SERVICE
from unit.anomaly_dashboard.signed_in import OpenDoor

QUICK = Pace(heartbeat=0.02, recheck=0.05, send=30.0)


class Browser:
    """One open stream of the ASGI application; `stuck`: it takes nothing any more."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.stuck = False
        self._asked = False
        self._text = ""
        self._came = asyncio.Event()
        self._leave = asyncio.Event()
        self.over = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        while self.stuck:
            await asyncio.sleep(3600)
        self._text += message.get("body", b"").decode()
        self._came.set()

    def leave(self) -> None:
        self._leave.set()

    async def event(self) -> dict[str, str]:
        """The next event, heartbeats left out."""
        async with asyncio.timeout(10):
            while True:
                block, found, rest = self._text.partition("\n\n")
                if not found:
                    self._came.clear()
                    await self._came.wait()
                    continue
                self._text = rest
                fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
                if "event" in fields:
                    return fields


class Page:
    """The application over a store, with a task that tells."""

    def __init__(self, pace: Pace) -> None:
        self.store = Store()
        self.door = OpenDoor(self.store)
        self.live = Live(pace=pace)
        self.rules = Rules()
        self.app = build_app(Parts(Site(), self.door, rules=self.rules, live=self.live))
        self.tasks: list[asyncio.Task[None]] = []

    def change(self, name: str, namespace: str = "shop") -> None:
        version = str(self.store.version + 1)
        metadata = {"name": name, "namespace": namespace, "resourceVersion": version}
        self.store.put(SERVICE, {"metadata": metadata})

    def browser(self, query: str = "") -> Browser:
        found = Browser()
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": "/events",
            "raw_path": b"/events", "root_path": "", "scheme": "http",
            "headers": [(b"host", b"localhost")], "query_string": query.encode(),
            "client": ("127.0.0.1", 1), "server": ("d", 80),
        }  # fmt: skip

        async def run() -> None:
            await self.app(scope, found.receive, found.send)
            found.over.set()

        self.tasks.append(asyncio.create_task(run()))
        return found


@asynccontextmanager
async def page(pace: Pace = QUICK) -> AsyncIterator[Page]:
    found = Page(pace)
    found.tasks.append(asyncio.create_task(found.live.fan_out.run(found.store)))
    await asyncio.sleep(0)
    yield found
    for task in found.tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out_module, "TICK_SECONDS", 0.01)


async def test_a_change_arrives_by_name() -> None:
    async with page() as here:
        browser = here.browser()
        hello = await browser.event()
        here.change("a")
        changed = await browser.event()
        assert changed["id"] == here.live.mark()
    assert browser.status == 200
    assert browser.headers["content-type"].startswith("text/event-stream")
    assert "content-security-policy" in browser.headers
    assert hello["event"] == "hello"
    assert (changed["event"], json.loads(changed["data"])) == ("changed", ["AnomalyService/shop/a"])


async def test_who_was_away_is_told_only_when_something_changed() -> None:
    async with page() as here:
        first = here.browser()
        await first.event()
        here.change("a")
        mark = (await first.event())["id"]
        same = here.browser(f"since={mark}")
        assert (await same.event())["event"] == "hello"
        here.change("b")
        assert (await first.event())["id"] != mark
        back = here.browser(f"since={mark}")
        await back.event()
        assert json.loads((await back.event())["data"]) == ["*"]
        assert json.loads((await same.event())["data"]) == ["AnomalyService/shop/b"]
        other_life = here.browser("since=1")
        await other_life.event()
        assert json.loads((await other_life.event())["data"]) == ["*"]


async def test_what_changes_between_a_page_and_its_stream_is_told() -> None:
    async with page() as here:
        first = here.browser()
        await first.event()
        transport = httpx.ASGITransport(app=here.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            text = (await client.get("/")).text
        here.change("a")
        await first.event()
        mark = text.split('data-since="')[1].split('"')[0]
        stream = here.browser(f"since={mark}")
        await stream.event()
        assert json.loads((await stream.event())["data"]) == ["*"]


async def test_changes_elsewhere_are_not_told() -> None:
    async with page() as here:
        here.door.scopes = Scopes(Scope(namespaces=frozenset({"bank"})))
        browser = here.browser()
        await browser.event()
        here.change("a", "shop")
        here.change("b", "bank")
        assert json.loads((await browser.event())["data"]) == ["AnomalyService/bank/b"]


@pytest.mark.parametrize("how", ["scopes", "signed out", "another person", "unreachable"])
async def test_a_stream_ends_with_the_rights_of_its_caller(how: str) -> None:
    async with page() as here:
        browser = here.browser()
        await browser.event()

        async def nobody(_: object) -> Caller:
            raise NotSignedInError if how == "signed out" else ConnectionError

        if how == "scopes":
            here.door.scopes = replace(EVERYTHING, services=Scope())
        elif how == "another person":
            here.door.person = Caller("eve", "eve", "")
        else:
            here.door.caller = nobody  # type: ignore[method-assign]
        await asyncio.wait_for(browser.over.wait(), 10)
        assert len(here.live.fan_out) == 0


async def test_a_browser_that_leaves_frees_its_place() -> None:
    async with page(Pace()) as here:
        browser = here.browser()
        await browser.event()
        browser.leave()
        await asyncio.wait_for(browser.over.wait(), 10)
        assert len(here.live.fan_out) == 0


async def test_a_browser_that_takes_nothing_is_gone_and_holds_nobody_up() -> None:
    async with page(Pace(heartbeat=0.02, recheck=30.0, send=0.05)) as here:
        stuck, other = here.browser(), here.browser()
        await stuck.event()
        await other.event()
        stuck.stuck = True
        here.change("a")
        assert json.loads((await other.event())["data"]) == ["AnomalyService/shop/a"]
        await asyncio.wait_for(stuck.over.wait(), 10)
        assert len(here.live.fan_out) == 1


async def test_a_ninth_tab_is_refused_in_words() -> None:
    async with page() as here:
        for _ in range(8):
            await here.browser().event()
        ninth = here.browser()
        await asyncio.wait_for(ninth.over.wait(), 10)
        assert ninth.status == 429
        assert ninth.headers["retry-after"] == "10"


async def test_all_streams_end_with_the_process() -> None:
    async with page(Pace()) as here:
        browser = here.browser()
        await browser.event()
        here.rules.ending.set()
        await asyncio.wait_for(browser.over.wait(), 10)
