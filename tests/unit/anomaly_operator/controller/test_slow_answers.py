"""Answers that are out of date as they come delay a service, and leave none behind."""

from __future__ import annotations

import itertools
from typing import Any

from anomaly_operator.controller.loop import Reconcilers
from anomaly_operator.reconcile import namespace, slo_policy
from anomaly_operator.world.plan import GetObject, Lookup, Plan
from anomaly_operator.world.view import Answer
from tests.pretend.cluster import Cluster
from tests.pretend.loop import Loop

CHECKOUT = ("AnomalyService", "shop", "checkout")


async def test_a_service_of_a_namespace_that_is_being_filled_is_set_up() -> None:
    """What its training is told names its siblings, and so does the object that is asked for."""
    cluster = Cluster()
    cluster.service("first", suspend=True)
    loop = Loop(cluster)
    await loop.calm()
    answer = loop._executor.answer
    made = 0

    async def slow(lookup: Lookup) -> Answer:
        nonlocal made
        found = await answer(lookup)
        if made < 6 and isinstance(lookup, GetObject) and "checkout-run" in lookup.name:
            made += 1
            cluster.service(f"sibling-{made}", suspend=True)
        return found

    loop._executor.answer = slow  # type: ignore[method-assign]
    cluster.service("checkout")
    await loop.until(lambda: len(cluster.jobs()) == 1)
    assert made == 6


async def test_questions_without_an_end_are_asked_again_soon() -> None:
    cluster = Cluster()
    cluster.service("checkout")
    loop = Loop(cluster)
    numbers = itertools.count()

    def ever_more(*_: Any) -> Plan:
        return Plan((GetObject("v1", "ConfigMap", "shop", f"run-{next(numbers)}"),))

    loop.controller._reconcilers = Reconcilers(ever_more, slo_policy.reconcile, namespace.reconcile)
    await loop.calm(0.02)
    assert loop.queue.failures(CHECKOUT) >= 1
    waits = loop.queue.next_due()
    assert waits is not None
    assert waits < 1
    assert 'result="Unsettled"' in loop.metrics.exposition().decode()
