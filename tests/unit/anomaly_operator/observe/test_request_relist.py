"""A requested relist stays requested until every list has succeeded."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from anomaly_operator.api.errors import UnreachableError
from anomaly_operator.api.resources import WATCHED, Resource
from anomaly_operator.observe import relist, watch
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.relist import Relister
from anomaly_operator.observe.watch import Watch
from anomaly_operator.settings.values import WatchSettings
from anomaly_operator.telemetry.metrics import Metrics

PERIOD = 3600.0
PAUSE = 0.02


class Server:
    """Lists nothing, or fails as long as it is told to, and notes when it was asked."""

    def __init__(self, failures: int, kind: str) -> None:
        self.failures = failures
        self.kind = kind
        self.asked: list[tuple[float, str]] = []

    async def pages(self, resource: Resource, *_: Any, **__: Any) -> AsyncIterator[list[Any]]:
        self.asked.append((time.monotonic(), resource.kind))
        if resource.kind == self.kind and self.failures:
            self.failures -= 1
            raise UnreachableError(0, "no answer", "list")
        yield []

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


async def test_a_full_list_follows_the_first_lists_of_the_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was deleted between our first list and theirs, nobody else tells."""
    monkeypatch.setattr(watch, "LISTING_SECONDS", 0.2)
    requests: list[float] = []
    watching = Watch(
        None,  # type: ignore[arg-type]
        Intake(Cache(), lambda _change: None),
        Metrics("test"),
        WatchSettings(),
        request_relist=lambda: requests.append(time.monotonic()),
    )
    check = asyncio.create_task(watching._check())
    await asyncio.sleep(1.8)
    watching.stop()
    await check
    assert len(requests) == 1
