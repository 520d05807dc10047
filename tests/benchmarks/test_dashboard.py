"""What the dashboard costs: a page of a large fleet, and many browsers that look at it.

The dashboard is a process of its own on one core; the API server is a pretend one on loopback in
this process, and so are the browsers. The peer is what a page that reads the API itself has to
load for the same view: the two lists as JSON, compressed by the same level.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from anomaly_operator.api.resources import ANOMALY, CUSTOM, SERVICE
from anomaly_operator.api.text import to_text
from loopback.watched_kinds import WatchedKinds
from pretend.fleet import Fleet, fleet

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
MAX_PAGE_MS, MAX_PAGE_KIB = 300.0, 300.0
MAX_RSS_MIB, MAX_EDGE_SECONDS, MAX_GROWTH = 500.0, 2.0, 1.1
SERVICES, BROWSERS = 5_000, 50
SCORING_SECONDS = 120
EDGES, EDGE_EVERY = 10, 3.0
PAGES = 20


class Dashboard:
    """The process, and requests to it."""

    def __init__(self, process: subprocess.Popen[str], session: aiohttp.ClientSession) -> None:
        assert process.stdout is not None
        self._process = process
        self.session = session
        self.address = f"http://127.0.0.1:{process.stdout.readline().strip()}"

    async def get(self, path: str, **headers: str) -> bytes:
        """The body as it was sent, compressed."""
        headers = {"Accept-Encoding": "gzip", "Accept": "text/html", **headers}
        async with self.session.get(self.address + path, headers=headers) as answer:
            body = await answer.read()
            assert answer.status in {200, 304}, (path, answer.status)
            packed = answer.headers.get("Content-Encoding") == "gzip"
            return body if packed or not body else gzip.compress(body, 0)

    async def ready(self) -> None:
        async with asyncio.timeout(180):
            while True:
                with suppress(aiohttp.ClientError):
                    async with self.session.get(f"{self.address}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.2)

    def rss(self) -> float:
        """MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    def cpu(self) -> float:
        """Seconds on a processor so far."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]) / 1e9


@asynccontextmanager
async def running(made: Fleet) -> AsyncIterator[tuple[WatchedKinds, Dashboard]]:
    server = await WatchedKinds().start()
    kinds = {resource.kind: resource for resource in CUSTOM}
    for raw in made:
        server.preload(kinds[raw["kind"]], raw)
    command = [sys.executable, "-m", "tests.benchmarks.dashboard_process", server.address]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/operator:{ROOT}/tests"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=connector, auto_decompress=False
    ) as session:
        try:
            found = await asyncio.to_thread(Dashboard, process, session)
            await found.ready()
            yield server, found
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            await server.stop()


def edge_of(raw: dict[str, Any], number: int) -> dict[str, Any]:
    """A new critical incident like `raw`, more urgent than all others."""
    name = f"edge-{number}"
    metadata = {**raw["metadata"], "name": name, "uid": name}
    left = {"symptomOf", "closedAt", "rootCause", "symptoms", "symptomCount"}
    status = {key: value for key, value in raw["status"].items() if key not in left}
    priority = {**status.get("priority", {}), "value": 100, "missed": True}
    status |= {"state": "Open", "severity": "Critical", "priority": priority}
    return {**raw, "metadata": metadata, "status": status}


def shown(raw: dict[str, Any]) -> str:
    return f"/incidents/{raw['metadata']['namespace']}/{raw['metadata']['name']}"


async def test_the_first_page_of_a_thousand_services() -> None:
    made = fleet(1_000, now=int(time.time()))
    async with running(made) as (_, dashboard):
        await dashboard.get("/")
        seconds, cpu = list[float](), dashboard.cpu()
        for page in range(1, PAGES + 1):
            # Another one each time, so that nothing of it is at hand.
            begun = time.perf_counter()
            await dashboard.get(f"/?page={page}&sort=name")
            seconds.append(time.perf_counter() - begun)
        cpu = (dashboard.cpu() - cpu) / PAGES
        page = await dashboard.get("/")
        text = gzip.decompress(page).decode()
        assets = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text))
        sizes = {asset: len(await dashboard.get(asset.replace("&amp;", "&"))) for asset in assets}
        begun = time.perf_counter()
        lists = [json.dumps(list(part)).encode() for part in (made.services, made.incidents)]
        peer_bytes = sum(len(gzip.compress(one, 5)) for one in lists)
        peer_seconds = time.perf_counter() - begun
    usual = statistics.median(seconds) * 1e3
    kib = (len(page) + sum(sizes.values())) / 1024
    print(
        f"\n1,000 services: a page that is not at hand takes {usual:.0f} ms (median of {PAGES}, "
        f"{max(seconds) * 1e3:.0f} the worst), of a processor {cpu * 1e3:.0f} ms; "
        f"{kib:.0f} KiB with its {len(sizes)} assets, {len(page) / 1024:.1f} without. "
        f"Peer, both lists as JSON: {peer_bytes / 1024:.0f} KiB, {peer_seconds * 1e3:.0f} ms."
    )
    assert usual <= MAX_PAGE_MS
    assert kib <= MAX_PAGE_KIB


class Browser:
    """Asks for the fragment whenever it is told of a change; notes when it first saw an edge."""

    def __init__(self, dashboard: Dashboard, number: int) -> None:
        self._dashboard = dashboard
        self._person = f"person-{number}"
        self.seen: dict[str, float] = {}
        self.fetched = 0
        self.bytes = 0
        self.broken = 0

    async def look(self) -> None:
        url = f"{self._dashboard.address}/events"
        while True:
            headers = {"X-Person": self._person, "Accept-Encoding": "identity"}
            async with self._dashboard.session.get(url, headers=headers) as stream:
                async for line in stream.content:
                    if line.startswith(b"event: changed"):
                        await self._fetch()
            self.broken += 1

    async def _fetch(self) -> None:
        packed = await self._dashboard.get("/", **{"HX-Request": "true", "X-Person": self._person})
        text = gzip.decompress(packed).decode()
        self.fetched += 1
        self.bytes += len(packed)
        for address in re.findall(r"/incidents/[^/]+/edge-\d+", text):
            self.seen.setdefault(address, time.monotonic())


async def score(server: WatchedKinds, made: Fleet) -> None:
    """Each service has a new result every two minutes, spread evenly."""
    pause = SCORING_SECONDS / len(made.services)
    due = time.monotonic()
    while True:
        for raw in made.services:
            status = raw["status"]
            scored = {**status.get("detection", {}), "scoredThrough": to_text(int(time.time()))}
            await server.put(SERVICE, {**raw, "status": {**status, "detection": scored}})
            due += pause
            await asyncio.sleep(max(due - time.monotonic(), 0))


async def test_fifty_browsers_look_at_five_thousand_services() -> None:
    made = fleet(SERVICES, now=int(time.time()))
    async with running(made) as (server, dashboard):
        begun_rss = dashboard.rss()
        browsers = [Browser(dashboard, number) for number in range(BROWSERS)]
        tasks = [asyncio.create_task(one.look()) for one in browsers]
        tasks.append(asyncio.create_task(score(server, made)))
        await asyncio.sleep(EDGE_EVERY)
        memory, cpu, begun = [dashboard.rss()], dashboard.cpu(), time.monotonic()
        told: dict[str, float] = {}
        for number in range(EDGES):
            raw = edge_of(made.incidents[number], number)
            told[shown(raw)] = time.monotonic()
            await server.put(ANOMALY, raw)
            await asyncio.sleep(EDGE_EVERY)
            memory.append(dashboard.rss())
        took = time.monotonic() - begun
        busy = (dashboard.cpu() - cpu) / took
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    delays = sorted(
        browser.seen.get(address, float("inf")) - at
        for browser in browsers
        for address, at in told.items()
    )
    fetched = sum(one.fetched for one in browsers)
    kib = sum(one.bytes for one in browsers) / max(fetched, 1) / 1024
    print(
        f"\n{SERVICES:,} services, {BROWSERS} browsers, {took:.0f} s: {max(memory):.0f} MiB "
        f"({begun_rss:.0f} before the first browser), {busy:.0%} of a core; an edge reaches a "
        f"browser in {statistics.median(delays):.2f} s (median), {delays[-1]:.2f} s (last of "
        f"{len(delays)}); {fetched} fragments of {kib:.0f} KiB."
    )
    assert delays[-1] <= MAX_EDGE_SECONDS
    assert max(memory) <= MAX_RSS_MIB
    assert memory[-1] <= memory[0] * MAX_GROWTH
    assert not any(one.broken for one in browsers)
