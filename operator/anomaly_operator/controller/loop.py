"""The loop: a key from the queue, its world from the cache, a plan from the pure core, done.

It decides nothing about services: it keeps the order (one worker a key, namespaces in turns and
of each the detections first), the queue of trainings under their cap, and the consequences of
failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api import resources
from anomaly_operator.api.errors import OperatorError, RefusedError, Retry, UnsettledError
from anomaly_operator.api.reasons import EventReason
from anomaly_operator.api.text import sentence
from anomaly_operator.controller import routing, views
from anomaly_operator.controller.carrier import Carrier
from anomaly_operator.controller.counts import Counts, count_transitions
from anomaly_operator.controller.emptied import Emptied
from anomaly_operator.controller.evaluation_counts import EvaluationCounts
from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.gauges import add_gauges
from anomaly_operator.controller.recorder import Recorder
from anomaly_operator.controller.refusal_backoff import RefusalBackoff
from anomaly_operator.controller.sibling_index import SiblingIndex
from anomaly_operator.controller.training_queue import TrainingQueue
from anomaly_operator.controller.workqueue import BASE_DELAY, SOON_DELAY, Priority, WorkQueue
from anomaly_operator.observe.cache import Cache, Change, Key
from anomaly_operator.observe.trainings import lets_go
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.plan import EventSpec, EventType, Lookup, Plan
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.shared import NAMESPACE, NamespaceView, namespace_key
from anomaly_operator.world.view import Answer, PolicyView, ServiceView, Unlisted

RESYNC_SECONDS = 36_000.0
"""A service that nothing wakes is looked at once in ten hours."""
MIN_REQUEUE_SECONDS = 0.5
MAX_ROUNDS = 4
"""Lookups answered for one reconcile at most: each answer may raise one more question."""
MAX_REFUSED = 16
"""Plans made for one reconcile at most: each leaves out one more object that was refused."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconcilers:
    """The pure core. `now` in unix seconds."""

    service: Callable[[ServiceView, float, Settings], Plan]
    policy: Callable[[PolicyView, float, Settings], Plan]
    namespace: Callable[[NamespaceView, float, Settings], Plan]


class Controller:
    """`changed` is the cache's listener; `work` is one worker, of which there are several."""

    def __init__(
        self,
        *,
        settings: Settings,
        cache: Cache,
        queue: WorkQueue[Key],
        recorder: Recorder,
        metrics: Metrics,
        reconcilers: Reconcilers,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._cache = cache
        self._queue = queue
        self._recorder = recorder
        self._metrics = metrics
        self._reconcilers = reconcilers
        self._wall = wall
        self._counts = Counts()
        self._evaluations = EvaluationCounts(wall)
        self._training_queue = TrainingQueue(settings.training.max_concurrent)
        self._emptied = Emptied()
        self._siblings = SiblingIndex(cache, settings.dependencies.across_namespaces)
        self._refusals = RefusalBackoff(time.monotonic, cache, queue)
        self._carrier = Carrier(cache, recorder, metrics, self._training_queue, self._wake_queue)
        self._detected: dict[Key, float] = {}
        self._started = False
        self._closing = False
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        add_gauges(
            metrics,
            cache,
            queue,
            trainings=self._training_queue,
            counts=self._counts,
            evaluations=self._evaluations,
        )

    def changed(self, change: Change) -> None:
        """News in the cache: queue whom it concerns. Before `start` the cache is only filling."""
        self._counts.take(change)
        self._evaluations.take(change)
        self._siblings.take(change)
        if change.meta.kind == resources.SERVICE.kind and change.new is not None:
            self._emptied.forget(change.meta.namespace)
        if not self._started:
            return
        count_transitions(change, self._metrics)
        for key, priority in routing.wishes(change, self._cache):
            self._queue.add(key, priority=priority)
            if priority is Priority.DETECTION:
                self._detected.setdefault(key, time.monotonic())
        gone = change.meta.kind == resources.SERVICE.kind and change.new is None
        if gone or lets_go(change.old, change.new):
            self._wake_queue()

    def start(self) -> None:
        """The cache is complete: look at everything once, of each namespace the oldest first."""
        self._started = True
        services = list(self._cache.services())
        for service in sorted(services, key=lambda item: (item.meta.created, item.meta.key)):
            self._queue.add(service.meta.key, priority=Priority.RESYNC)
        for policy in self._cache.policies():
            self._queue.add(policy.meta.key, priority=Priority.RESYNC)
        for namespace in self._cache.left_behind():
            self._queue.add(namespace_key(namespace), priority=Priority.RESYNC)

    async def work(self, executor: Executor) -> None:
        """Reconcile keys until cancelled."""
        while not self._closing:
            taken = await self._queue.get()
            self._busy += 1
            self._idle.clear()
            try:
                # A reconcile that asks and writes nothing never waits, and a fleet has thousands of
                # them: the lease is renewed and the probes are answered in between.
                await asyncio.sleep(0)
                self._metrics.queue_seconds.observe(taken.waited)
                started = time.monotonic()
                result = await self._attempt(taken.key, executor)
            finally:
                self._queue.done(taken.key)
                self._rest()
            kind = taken.key[0]
            self._metrics.reconciles.labels(kind, result).inc()
            self._metrics.reconcile_seconds.labels(kind).observe(time.monotonic() - started)

    def _rest(self) -> None:
        self._busy -= 1
        if self._busy == 0:
            self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Begin nothing more and wait for what is under way, at most `seconds`."""
        self._closing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    async def _attempt(self, key: Key, executor: Executor) -> str:
        """One reconcile with what follows from its failure; the result for the metrics."""
        detected = self._detected.pop(key, None)
        try:
            await self._reconcile(key, executor)
        except OperatorError as error:
            self._failed(key, error)
            return error.reason
        except Exception as error:  # noqa: BLE001 - a defect in one service's path stops no other
            delay = self._queue.retry(key)
            text = f"{type(error).__name__}: {error}"
            _log(key, logging.ERROR, "defect", error=True, reason=text, retry_in=round(delay, 1))
            self._metrics.retries.inc()
            return "Defect"
        if detected is not None:
            self._metrics.detection_seconds.observe(time.monotonic() - detected)
        if self._refusals.remaining(key) is not None:
            return "Refused"
        self._queue.forget(key)
        return "Success"

    async def _reconcile(self, key: Key, executor: Executor) -> None:
        """What the server refuses is left out and reported; the rest of the plan goes on."""
        for tries in range(1, MAX_REFUSED + 1):
            withheld = self._refusals.view(key)
            plan = await self._plan(key, executor, withheld)
            if plan is None:
                if self._training_queue.forget(key):
                    self._wake_queue()
                self._refusals.forget(key)
                return
            try:
                await self._carrier.carry_out(key, plan, executor)
            except RefusedError as error:
                if tries == MAX_REFUSED or not self._refusals.take(key, error, withheld):
                    raise
                _log(key, logging.WARNING, "refused", reason=str(error))
                continue
            if withheld.retrying:
                # All that was refused is done: the next plan says so.
                self._refusals.forget(key)
                continue
            self._again(key, plan, executor)
            return

    def _again(self, key: Key, plan: Plan, executor: Executor) -> None:
        held = (self._refusals.remaining(key), executor.put_off(plan.actions))
        waits = (plan.requeue_after, *held, RESYNC_SECONDS)
        wait = min(wait for wait in waits if wait is not None)
        self._queue.add(key, delay=max(wait, MIN_REQUEUE_SECONDS), priority=Priority.RESYNC)

    async def _plan(self, key: Key, executor: Executor, withheld: Withheld) -> Plan | None:
        """The plan with its questions answered; None when the object is gone. Raises
        UnsettledError where each answer raised one more, as the cache changes meanwhile.

        Nothing is awaited between the last look at the cache and the return.
        """
        answers: dict[Lookup, Answer] = {}
        for _ in range(MAX_ROUNDS):
            plan = self._decide(key, answers, withheld)
            if plan is None:
                return None
            asked = [lookup for lookup in plan.lookups if lookup not in answers]
            if not asked:
                return plan
            for lookup in asked:
                answers[lookup] = await executor.answer(lookup)
        plan = self._decide(key, answers, withheld)
        if plan is not None and not answers.keys() >= set(plan.lookups):
            raise UnsettledError(f"the plan for {'/'.join(key)} changed with each answer")
        return plan

    def _decide(
        self, key: Key, answers: Mapping[Lookup, Answer], withheld: Withheld
    ) -> Plan | None:
        kind, namespace, name = key
        now = self._wall()
        if kind == resources.POLICY.kind:
            world = views.policy_view(self._cache, key, answers, withheld)
            return None if world is None else self._reconcilers.policy(world, now, self._settings)
        if kind == NAMESPACE:
            return self._decide_namespace(namespace, now, answers, withheld)
        service = self._cache.service(namespace, name)
        if service is None or service.meta.deleting:
            return None
        training = self._training_queue.view(key, self._cache)
        view = views.service_view(
            self._cache,
            service,
            training,
            answers,
            withheld,
            open_namespaces=self._settings.dependencies.across_namespaces,
            siblings=self._siblings.of(namespace),
            max_anomalies=self._settings.max_anomalies,
        )
        return self._reconcilers.service(view, now, self._settings)

    def _decide_namespace(
        self, namespace: str, now: float, answers: Mapping[Lookup, Answer], withheld: Withheld
    ) -> Plan | None:
        for answer in answers.values():
            self._emptied.answered(namespace, now, known=not isinstance(answer, Unlisted))
        since = self._emptied.since(namespace, now)
        view = views.namespace_view(self._cache, namespace, since, answers, withheld)
        if view is None:
            self._emptied.forget(namespace)
            return None
        return self._reconcilers.namespace(view, now, self._settings)

    def _failed(self, key: Key, error: OperatorError) -> None:
        # It loses its place in the queue: one that cannot start must not hold up the others.
        if self._training_queue.leave(key):
            self._wake_queue()
        if error.retry is Retry.ON_CHANGE:
            self._queue.forget(key)
            self._queue.add(key, delay=RESYNC_SECONDS, priority=Priority.RESYNC)
            delay = RESYNC_SECONDS
        else:
            base = SOON_DELAY if error.retry is Retry.SOON else BASE_DELAY
            delay = self._queue.retry(key, at_least=error.retry_after or 0.0, base=base)
        self._metrics.retries.inc()
        level = logging.INFO if error.retry is Retry.SOON else logging.WARNING
        _log(key, level, "reconcile failed", reason=str(error), retry_in=round(delay, 1))
        lasting = error.retry is Retry.ON_CHANGE or self._queue.failures(key) > 1
        if error.reason in _WORTH_AN_EVENT and lasting:
            self._post_failure(key, error)

    def _post_failure(self, key: Key, error: OperatorError) -> None:
        value = self._cache.get(key)
        if value is None:
            return
        reason = EventReason.RECONCILE_FAILED.value
        text = sentence(str(error))
        self._recorder.post(EventSpec(value.meta.ref, EventType.WARNING, reason, text))

    def _wake_queue(self) -> None:
        for key in self._training_queue.next(self._cache):
            self._queue.add(key)


_WORTH_AN_EVENT = frozenset({"Forbidden", "Invalid", "NameConflict", "NewerStatus", "ServerError"})
"""What a person has to mend; all other failures pass by themselves."""


def _log(key: Key, level: int, message: str, *, error: bool = False, **fields: Any) -> None:
    kind, namespace, name = key
    logs.event(
        logger, level, message, error=error, kind=kind, namespace=namespace, name=name, **fields
    )
