"""Two electors and one Lease on a real API server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from anomaly_operator import resources
from anomaly_operator.errors import NotLeaderError
from anomaly_operator.kube import Kube
from anomaly_operator.leader import LEASE_NAME, Elector
from anomaly_operator.lease import Timing
from anomaly_operator.login import KubeconfigLogin
from anomaly_operator.throttle import TokenBucket
from anomaly_operator.transport import Transport
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

QUICK = Timing(duration=2.0, renew_deadline=1.2, retry_period=0.2, request_timeout=0.7)


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
    def make(identity: str, clock: Callable[[], float] = time.monotonic) -> Elector:
        return Elector(kube, namespace, identity, QUICK, clock)

    return make


async def within(seconds: float, elector: Elector) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await elector.acquire()
    except TimeoutError:
        return False
    return True


async def test_one_of_two_leads_and_the_other_waits(elector: Callable[..., Elector]) -> None:
    first, second = elector("first"), elector("second")
    assert await within(5, first)
    holding = asyncio.create_task(first.hold())
    assert not await within(3, second)
    assert first.leads
    assert not second.leads
    holding.cancel()


async def test_a_released_lease_is_taken_at_once(
    elector: Callable[..., Elector], kube: Kube, namespace: str
) -> None:
    first, second = elector("first"), elector("second")
    assert await within(5, first)
    await first.release()
    assert not first.leads
    started = time.monotonic()
    assert await within(5, second)
    assert time.monotonic() - started < QUICK.duration
    lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert lease is not None
    assert lease["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_does_not_renew_is_followed_and_never_leads_beside(
    elector: Callable[..., Elector],
) -> None:
    first, second = elector("first"), elector("second")
    assert await within(5, first)
    taking = asyncio.create_task(second.acquire())
    both = 0
    async with asyncio.timeout(10):
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
    first = elector("first", clock)
    assert await within(5, first)
    clock.offset += 60.0
    with pytest.raises(NotLeaderError):
        first.fence()
    async with asyncio.timeout(5):
        with pytest.raises(NotLeaderError):
            await first.hold()


async def test_a_deleted_lease_is_made_again_by_its_holder(
    elector: Callable[..., Elector], kube: Kube, namespace: str
) -> None:
    first = elector("first")
    assert await within(5, first)
    holding = asyncio.create_task(first.hold())
    lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert lease is not None
    uid = lease["metadata"]["uid"]
    await kube.delete(resources.LEASE, namespace, LEASE_NAME, uid=uid)
    async with asyncio.timeout(5):
        while await kube.get(resources.LEASE, namespace, LEASE_NAME) is None:
            await asyncio.sleep(0.05)
    assert first.leads
    holding.cancel()


async def test_a_lease_taken_by_somebody_else_ends_the_holding(
    elector: Callable[..., Elector], kube: Kube, namespace: str
) -> None:
    first = elector("first")
    assert await within(5, first)
    live = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert live is not None
    stolen = {**live["spec"], "holderIdentity": "thief", "leaseDurationSeconds": 60}
    await kube.update({**live, "spec": stolen})
    async with asyncio.timeout(10):
        with pytest.raises(NotLeaderError):
            await first.hold()
    lease = await kube.get(resources.LEASE, namespace, LEASE_NAME)
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == "thief"
