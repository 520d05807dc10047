"""Thousands of services with nothing to do must not keep the lease from being renewed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.loop import Controller, Reconcilers
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.reconcile import namespace, slo_policy
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.plan import Plan
from anomaly_operator.world.view import ServiceView
from tests.pretend.cluster import Cluster

SERVICES, WORKERS = 40, 4


async def test_others_get_their_turn_between_reconciles_that_never_wait() -> None:
    cluster = Cluster()
    for number in range(SERVICES):
        cluster.service(f"service-{number}")
    seen: list[str] = []
    turns: list[int] = []

    def nothing_to_do(world: ServiceView, now: float, settings: Settings) -> Plan:
        seen.append(world.service.meta.name)
        return Plan()

    cache = Cache()
    controller = Controller(
        settings=cluster.settings,
        cache=cache,
        queue=WorkQueue(time.monotonic),
        recorder=_Nobody(),
        metrics=Metrics("test"),
        reconcilers=Reconcilers(nothing_to_do, slo_policy.reconcile, namespace.reconcile),
    )
    intake = Intake(cache, controller.changed)
    for raw in cluster.objects.values():
        intake.take(raw)
    controller.start()
    executor = Executor(_Nobody(), intake)
    workers = [asyncio.create_task(controller.work(executor)) for _ in range(WORKERS)]
    while len(seen) < SERVICES:
        await asyncio.sleep(0)
        turns.append(len(seen))
    for worker in workers:
        worker.cancel()
    done_between = [after - before for before, after in zip([0, *turns], turns, strict=False)]
    assert max(done_between) <= WORKERS


class _Nobody:
    """Neither API server nor recorder is asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was called")
