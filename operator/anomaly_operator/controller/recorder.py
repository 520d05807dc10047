"""Events for people who ask `kubectl describe`: on transitions, few, never the only record.

The name follows from object, reason and words, so a transition that is reported again after a crash
makes no second Event. The same one within the hour counts up; each object has 25 Events and then
one in five minutes (the figures of the Kubernetes components). A full queue drops, and counts it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.api.errors import AlreadyExistsError, NotFoundError, OperatorError
from anomaly_operator.api.text import cut, micro_time
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.plan import EventSpec

BURST = 25
PER_SECOND = 1 / 300
MAX_NOTE_BYTES = 1024
_REMEMBERED = 4096
_SERIES_SECONDS = 3600.0
"""The API server forgets an Event after an hour; a later one of that name is a new one."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Series:
    first: float
    count: int = 1


@dataclass(slots=True)
class Limiter:
    """Which Events may pass, and which repeat an earlier one. Times in seconds, any clock."""

    _buckets: OrderedDict[str, TokenBucket] = field(default_factory=OrderedDict)
    _series: OrderedDict[str, _Series] = field(default_factory=OrderedDict)

    def admit(self, uid: str, name: str, now: float) -> int:
        """How often `name` was reported, this time included; 0 = the object reported too much."""
        bucket = self._buckets.setdefault(uid, TokenBucket(PER_SECOND, BURST))
        self._buckets.move_to_end(uid)
        if not bucket.take(now):
            return 0
        series = self._series.get(name)
        if series is None or now - series.first > _SERIES_SECONDS:
            series = self._series[name] = _Series(now, 0)
        self._series.move_to_end(name)
        series.count += 1
        for known in (self._buckets, self._series):
            while len(known) > _REMEMBERED:
                known.popitem(last=False)
        return series.count


class Recorder:
    """Posts Events in the background, in order; `post` never waits and never fails."""

    def __init__(self, kube: Kube, metrics: Metrics, instance: str) -> None:
        self._kube = kube
        self._metrics = metrics
        self._instance = instance[:128]
        self._limiter = Limiter()
        self._queue: asyncio.Queue[EventSpec] = asyncio.Queue(maxsize=1000)

    def post(self, event: EventSpec) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._metrics.events_dropped.labels("queue full").inc()

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._send(event)
            except OperatorError as error:
                self._metrics.events_dropped.labels(error.reason).inc()
                logs.event(logger, logging.WARNING, "event not posted", reason=str(error))
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait for what is queued, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            self._metrics.events_dropped.labels("shutdown").inc(self._queue.qsize())

    async def _send(self, event: EventSpec) -> None:
        name = event_name(event)
        count = self._limiter.admit(event.regarding.uid, name, time.monotonic())
        if count == 0:
            self._metrics.events_dropped.labels("rate limit").inc()
            return
        wall = time.time()
        if count > 1 and await self._count_up(event, name, count, wall):
            return
        try:
            await self._kube.create(manifest(event, self._instance, wall))
        except AlreadyExistsError:
            return  # posted before a restart
        self._metrics.events.labels(event.reason).inc()

    async def _count_up(self, event: EventSpec, name: str, count: int, wall: float) -> bool:
        series = {"series": {"count": count, "lastObservedTime": micro_time(wall)}}
        try:
            await self._kube.merge(resources.EVENT, event.regarding.namespace, name, series)
        except NotFoundError:
            return False
        return True


def event_name(event: EventSpec) -> str:
    """Equal for equal transitions of one object; at most 63 characters."""
    regarding = event.regarding
    tail = names.short_hash(regarding.uid, event.reason, event.message, length=16)
    return f"{regarding.name[:46].rstrip('-.')}.{tail}"


def manifest(event: EventSpec, instance: str, wall: float) -> dict[str, Any]:
    """The Event of events.k8s.io/v1; `wall` in unix seconds."""
    regarding = event.regarding
    return {
        "apiVersion": resources.EVENT.api_version,
        "kind": resources.EVENT.kind,
        "metadata": {"name": event_name(event), "namespace": regarding.namespace},
        "eventTime": micro_time(wall),
        "reportingController": f"{names.GROUP}/operator",
        "reportingInstance": instance,
        "action": event.action,
        "reason": event.reason,
        "type": event.type.value,
        "note": cut(event.message, MAX_NOTE_BYTES),
        "regarding": {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
            "uid": regarding.uid,
        },
    }
