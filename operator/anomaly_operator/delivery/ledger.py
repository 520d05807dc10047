"""Who was told what: the marks on the objects, and those that are not written yet.

A message is marked after it was taken. Until the mark is stored, memory has it, so that an API
server that is away costs no repeated message; only the end of the process in between does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from anomaly_operator.api import names
from anomaly_operator.api.errors import ApiError, ConflictError, NotFoundError, OperatorError
from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.client.kube import Kube
from anomaly_operator.notify.edges import Mark, read_marks, write_marks
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.observe.intake import Intake
from anomaly_operator.telemetry import logs
from anomaly_operator.world.objects import AnomalyObject

RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Ledger:
    """`run` writes what `note` took in, one object at a time."""

    def __init__(self, kube: Kube, cache: Cache, intake: Intake, receivers: Sequence[str]) -> None:
        self._kube, self._cache, self._intake = kube, cache, intake
        self._receivers = tuple(receivers)
        self._unwritten: dict[Key, tuple[str, dict[str, Mark]]] = {}
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    def marks(self, anomaly: AnomalyObject) -> dict[str, Mark]:
        """By receiver, the unwritten ones included."""
        stored = read_marks(anomaly.notifications)
        uid, unwritten = self._unwritten.get(anomaly.meta.key, ("", {}))
        return stored | unwritten if uid == anomaly.meta.uid else stored

    def note(self, anomaly: AnomalyObject, mark: Mark) -> None:
        """Remember `mark` and have it written; one that says nothing new is left out."""
        if self.marks(anomaly).get(mark.receiver) == mark:
            return
        key = anomaly.meta.key
        uid, unwritten = self._unwritten.get(key, ("", {}))
        known = unwritten if uid == anomaly.meta.uid else {}
        self._unwritten[key] = (anomaly.meta.uid, known | {mark.receiver: mark})
        self._settled.clear()
        self._news.set()

    async def settle(self) -> None:
        """Wait until all is written."""
        await self._settled.wait()

    async def run(self) -> None:
        """Write until cancelled. A failure waits some seconds; nothing else is held up by it."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self.flush():
                await asyncio.sleep(RETRY_SECONDS)
                self._news.set()

    async def flush(self) -> bool:
        """Write what is unwritten; False when something is left over."""
        done = True
        for key in list(self._unwritten):
            try:
                await self._write(key)
            except OperatorError as error:
                done = False
                kind, namespace, name = key
                logs.event(
                    logger, logging.WARNING, "notification mark not written",
                    kind=kind, namespace=namespace, name=name, reason=str(error),
                )  # fmt: skip
                if not (isinstance(error, ApiError) and error.of_object):
                    break  # the others would fail alike
        if not self._unwritten:
            self._settled.set()
        return done

    async def _write(self, key: Key) -> None:
        anomaly = self._cache.get(key)
        uid, unwritten = self._unwritten[key]
        if not isinstance(anomaly, AnomalyObject) or anomaly.meta.uid != uid:
            del self._unwritten[key]
            return
        marks = self.marks(anomaly)
        ours = [marks[name] for name in self._receivers if name in marks]
        others = [mark for name, mark in marks.items() if name not in self._receivers]
        try:
            raw = await self._kube.apply_status(
                ANOMALY,
                anomaly.meta.namespace,
                anomaly.meta.name,
                uid=uid,
                resource_version="",
                status={"notifications": write_marks((*ours, *others))},
                manager=names.NOTIFY_FIELD_MANAGER,
            )
        except (NotFoundError, ConflictError):
            self._unwritten.pop(key, None)
            return
        # Into the cache first: in between nobody must see an object without the mark.
        self._intake.take(raw)
        newest = self._unwritten.get(key)
        if newest is not None and newest[1] == unwritten:
            del self._unwritten[key]
