"""What carrying a plan out means beside its writes: places of trainings, Events at their moment,
counts of what gave way.

The order is that of the plan; what a failure leads to is the matter of the loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.recorder import Recorder
from anomaly_operator.controller.training_queue import TrainingQueue
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.observe.trainings import makes_training
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.plan import Create, Delete, EventSpec, Plan

logger = logging.getLogger(__name__)


class Carrier:
    """`wake`: somebody else may have the place of a training."""

    def __init__(
        self,
        cache: Cache,
        recorder: Recorder,
        metrics: Metrics,
        trainings: TrainingQueue,
        wake: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._recorder = recorder
        self._metrics = metrics
        self._trainings = trainings
        self._wake = wake

    async def carry_out(self, key: Key, plan: Plan, executor: Executor) -> None:
        """Raises the first failure of a write."""
        trains = any(
            isinstance(one, Create) and makes_training(one.manifest) for one in plan.actions
        )
        gave_way = False
        if plan.waits_for_training:
            self._trainings.wait(key)
        else:
            gave_way = self._trainings.leave(key) and not trains
        if self._trainings.let_go(key, unplaced=plan.unplaced) or gave_way:
            self._wake()
        if trains:
            self._trainings.start(key)
        first, rest = plan.around_status_of(key)
        try:
            await executor.run(first)
        except BaseException:
            if trains:
                self._trainings.started(key)
                self._wake()
            raise
        if trains:
            self._trainings.started(key)
        # Not after the rest: should that fail, the next plan starts from the status just written
        # and knows of no transition.
        kind, namespace, name = key
        for event in plan.events:
            logs.event(
                logger, logging.INFO, event.message,
                event=event.reason, kind=kind, namespace=namespace, name=name,
            )  # fmt: skip
            self._recorder.post(event)
        try:
            await executor.run(rest)
        finally:
            self._tell_others(plan.events)
        for action in plan.actions:
            if isinstance(action, Delete) and action.owner:
                self._metrics.removed_early.labels(action.target.namespace).inc()

    def _tell_others(self, events: tuple[EventSpec, ...]) -> None:
        """The same Events on the other objects they are of, which the plan may just have made."""
        for event in events:
            other = event.also
            known = other and self._cache.get((other.kind, other.namespace, other.name))
            if known:
                self._recorder.post(replace(event, regarding=known.meta.ref, also=None))
