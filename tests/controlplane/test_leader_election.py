"""Two electors and one Lease on a real API server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from anomaly_operator.api import resources
from anomaly_operator.api.errors import NotLeaderError
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.leader import LEASE_NAME, Elector
from anomaly_operator.client.lease import Timing
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

QUICK = Timing(duration=2.0, renew_deadline=1.2, retry_period=0.2, request_timeout=0.7)
"""For a lease that is to be lost."""
STEADY = Timing(duration=60.0, renew_deadline=40.0, retry_period=0.2, request_timeout=10.0)
"""For a lease that is to be kept, however slow the machine."""


@pytest.fixture
async def kube(sandbox: Sandbox) -> AsyncIterator[Kube]:
    client = Kube(Transport(KubeconfigLogin(sandbox.kubeconfig), TokenBucket(100, 100)))
    yield client
    await client.close()


class FrozenClock:
    """A clock that can be made to stand still, as a process that is stopped sees it."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.offset


@pytest.fixture
def elector(kube: Kube, namespace: str) -> Callable[..., Elector]:
    def make(identity: str, timing: Timing, clock: Callable[[], float] = time.monotonic) -> Elector:
        return Elector(kube, namespace, identity, timing, clock)

    return make


async def within(seconds: float, elector: Elector) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await elector.acquire()
    except TimeoutError:
        return False
    return True


async def test_one_of_two_leads_and_the_other_waits(elector: Callable[..., Elector]) -> None:
    clock = FrozenClock()
    first, second = elector("first", STEADY), elector("second", STEADY, clock)
    assert await within(30, first)
    holding = asyncio.create_task(first.hold())
    waiting = asyncio.create_task(second.acquire())
    # Nearly the lease's length passes for the second one after each renewal that it saw.
    for _ in range(5):
        known = second._seen.record
        async with asyncio.timeout(30):
            while second._seen.record == known:
                await asyncio.sleep(0.01)
        clock.offset += 0.75 * STEADY.duration
    assert first.leads
    assert not second.leads
    assert not waiting.done()
    waiting.cancel()
    holding.cancel()


async def test_a_released_lease_is_taken_at_once(
    elector: Callable[..., Elector], kube: Kube, namespace: str
) -> None:
    first, second = elector("first", STEADY), elector("second", STEADY)
    assert await within(30, first)
    await first.release()
    assert not first.leads
    started = time.monotonic()
    assert await within(30, second)
    assert time.monotonic() - started < STEADY.duration
    lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_does_not_renew_is_followed_and_never_leads_beside(
    elector: Callable[..., Elector],
) -> None:
    first, second = elector("first", QUICK), elector("second", QUICK)
    assert await within(30, first)
    taking = asyncio.create_task(second.acquire())
    both = 0
    async with asyncio.timeout(60):
        while not second.leads:
            both += first.leads and second.leads
            await asyncio.sleep(0.01)
    await taking
    assert both == 0
    assert not first.leads
    with pytest.raises(NotLeaderError):
        first.fence()


async def test_a_leader_that_was_frozen_stops_before_it_renews(
    elector: Callable[..., Elector],
) -> None:
    clock = FrozenClock()
    first = elector("first", STEADY, clock)
    assert await within(30, first)
    clock.offset += STEADY.duration
    with pytest.raises(NotLeaderError):
        first.fence()
    async with asyncio.timeout(30):
        with pytest.raises(NotLeaderError):
            await first.hold()


async def test_a_deleted_lease_is_made_again_by_its_holder(
    elector: Callable[..., Elector], kube: Kube, namespace: str
) -> None:
    first = elector("first", STEADY)
    assert await within(30, first)
    holding = asyncio.create_task(first.hold())
    lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert lease is not None
    uid = lease["metadata"]["uid"]
    await kube.delete(resources.LEASE, namespace, LEASE_NAME, uid=uid)
    async with asyncio.timeout(30):
        while lease is None or lease["metadata"]["uid"] == uid:
            await asyncio.sleep(0.05)
            lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert first.leads
    holding.cancel()


async def test_a_lease_taken_by_somebody_else_ends_the_holding(
    elector: Callable[..., Elector], kube: Kube, namespace: str
) -> None:
    first = elector("first", QUICK)
    assert await within(30, first)
    live = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert live is not None
    stolen = {**live["spec"], "holderIdentity": "thief", "leaseDurationSeconds": 60}
    await kube.update({**live, "spec": stolen})
    async with asyncio.timeout(60):
        with pytest.raises(NotLeaderError):
            await first.hold()
    lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == "thief"
