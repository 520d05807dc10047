"""A requested relist stays requested until every list has succeeded."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from anomaly_operator.api.errors import UnreachableError
from anomaly_operator.api.resources import POLICY, WATCHED, Resource
from anomaly_operator.observe import relist
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.relist import Relister
from anomaly_operator.observe.watch_count import LISTING_SECONDS, WatchCount
from anomaly_operator.telemetry.metrics import Metrics

PERIOD = 3600.0
PAUSE = 0.02


class Server:
    """Lists nothing, or fails as long as it is told to, and notes when it was asked."""

    def __init__(self, failures: int, kind: str) -> None:
        self.failures = failures
        self.kind = kind
        self.asked: list[tuple[float, str]] = []
        self.named: tuple[str, ...] = ()

    async def pages(self, resource: Resource, *_: Any, **__: Any) -> AsyncIterator[list[Any]]:
        self.asked.append((time.monotonic(), resource.kind))
        if resource.kind == self.kind and self.failures:
            self.failures -= 1
            raise UnreachableError(0, "no answer", "list")
        if resource is not POLICY:
            yield []
            return
        kind = {"apiVersion": POLICY.api_version, "kind": POLICY.kind}
        yield [kind | {"metadata": {"namespace": "a", "name": name}} for name in self.named]

    @property
    def rounds(self) -> int:
        return len(self.asked) // len(WATCHED)


def _relister(server: Server) -> Relister:
    cache = Cache()
    intake = Intake(cache, lambda _change: None)
    return Relister(server, cache, intake, Metrics("test"))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relist, "PAUSE_SECONDS", PAUSE)


@pytest.mark.parametrize("kind", [WATCHED[0].kind, WATCHED[-1].kind])
async def test_a_list_that_fails_is_asked_for_again_later_each_time(kind: str) -> None:
    server = Server(3, kind)
    relister = _relister(server)
    relister.request_relist()
    keeping = asyncio.create_task(relister.keep(PERIOD))
    await asyncio.sleep(1.0)
    keeping.cancel()
    assert server.failures == 0
    assert server.rounds == 4
    begins = [moment for moment, kind in server.asked if kind == WATCHED[0].kind]
    gaps = [after - before for before, after in itertools.pairwise(begins)]
    assert all(gap >= PAUSE * (1 + 2**number) for number, gap in enumerate(gaps))


async def test_a_relist_that_succeeded_is_not_repeated() -> None:
    server = Server(0, "")
    relister = _relister(server)
    relister.request_relist()
    keeping = asyncio.create_task(relister.keep(PERIOD))
    await asyncio.sleep(0.3)
    keeping.cancel()
    assert server.rounds == 1


def test_one_full_list_follows_the_first_lists_of_all_watches() -> None:
    """What happened between our first list and theirs, nobody else tells."""
    count = WatchCount(2, begun=0.0)
    assert not count.listed("/a")
    assert not count.count(2, now=1.0)
    assert not count.complete
    assert not count.listed("/b")
    assert count.count(2, now=2.0)
    assert count.complete
    assert not count.count(2, now=1000.0)


def test_a_watch_that_begins_anew_asks_for_a_full_list() -> None:
    count = WatchCount(1, begun=0.0)
    assert not count.listed("/a")
    assert count.count(1, now=1.0)
    assert count.listed("/a")


def test_a_full_list_does_not_wait_for_ever_for_a_kind_that_is_not_listed() -> None:
    count = WatchCount(2, begun=0.0)
    count.listed("/a")
    assert not count.count(2, now=LISTING_SECONDS - 1)
    assert count.count(2, now=LISTING_SECONDS + 1)
    assert not count.complete
    assert count.listed("/b"), "it was not listed when the full list was asked for"


async def test_the_first_full_list_after_the_start_counts_nothing_as_missed() -> None:
    server = Server(0, "")
    relister = _relister(server)
    keeping = asyncio.create_task(relister.keep(PERIOD))

    async def listed(*names: str) -> str:
        """What the metrics say after a full list with these objects."""
        server.named, rounds = names, server.rounds
        relister.request_relist()
        async with asyncio.timeout(30):
            while server.rounds == rounds:
                await asyncio.sleep(0.01)
        return relister._metrics.exposition().decode()

    assert 'cache_missed_total{kind="SLOPolicy"} 0.0' in await listed("a")
    assert 'cache_missed_total{kind="SLOPolicy"} 1.0' in await listed("a", "b")
    keeping.cancel()
