"""Whenever a worker is cancelled, it leaves no key behind that nobody works on any more."""

from __future__ import annotations

import asyncio

import pytest

from tests.pretend.cluster import Cluster
from tests.pretend.loop import Loop


@pytest.mark.parametrize("turns", range(8))
async def test_a_key_is_worked_on_after_its_worker_was_cancelled(turns: int) -> None:
    cluster = Cluster()
    cluster.service("checkout")
    loop = Loop(cluster)
    worker = asyncio.create_task(loop.controller.work(loop._executor))
    for _ in range(turns):
        await asyncio.sleep(0)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    loop.queue.add(("AnomalyService", "shop", "checkout"))
    await loop.calm()
    assert len(cluster.jobs()) == 1
