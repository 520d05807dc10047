"""What a leader does with what it reads in the Lease, on a Lease in memory."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from anomaly_operator.api.errors import NotLeaderError
from anomaly_operator.client.leader import Elector
from anomaly_operator.client.lease import Timing


class Lease:
    """The one Lease, as its client sees it."""

    def __init__(self) -> None:
        self.live: dict[str, Any] | None = None

    async def get(self, *_: object) -> dict[str, Any] | None:
        return copy.deepcopy(self.live)

    async def create(self, body: dict[str, Any]) -> dict[str, Any]:
        assert self.live is None
        return await self.update(body)

    async def update(self, body: dict[str, Any]) -> dict[str, Any]:
        self.live = copy.deepcopy(body)
        return body


async def test_a_leader_that_reads_another_holder_stops_at_once() -> None:
    """Somebody deleted the Lease and another replica was the first to make it anew."""
    lease, timing = Lease(), Timing(retry_period=0.001)
    first = Elector(lease, "system", "first", timing, lambda: 100.0)  # type: ignore[arg-type]
    await first.acquire()
    assert first.leads
    lease.live = None
    second = Elector(lease, "system", "second", timing, lambda: 100.0)  # type: ignore[arg-type]
    await second.acquire()
    with pytest.raises(NotLeaderError):
        async with asyncio.timeout(5):
            await first.hold()
    assert not first.leads
    assert second.leads


async def test_a_failed_read_leaves_the_deadline_as_it_is() -> None:
    lease, now = Lease(), [100.0]
    elector = Elector(lease, "system", "first", Timing(), lambda: now[0])  # type: ignore[arg-type]
    await elector.acquire()

    async def late(*_: object) -> None:
        raise TimeoutError

    lease.get = late  # type: ignore[method-assign,assignment]
    now[0] += Timing().renew_deadline - 0.1
    await elector._attempt()
    assert elector.leads
    now[0] += 0.2
    assert not elector.leads
