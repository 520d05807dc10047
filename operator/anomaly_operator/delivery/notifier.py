"""Tells people: couriers for all receivers, and the ledger of what they were told.

It runs in the leading replica alone and beside the reconciles, which it never holds up. It is
driven by the cache: a restart looks at every incident once, and the marks say who was told of what.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from anomaly_operator.client.kube import Kube
from anomaly_operator.delivery.courier import Courier, Office
from anomaly_operator.delivery.desk import Desk
from anomaly_operator.delivery.ledger import Ledger
from anomaly_operator.delivery.post import Poster
from anomaly_operator.observe.cache import Cache, Change, Key
from anomaly_operator.observe.intake import Intake
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import AnomalyObject, ServiceObject


class Notifier:
    """`changed` is a listener of the cache; `run` sends until cancelled."""

    def __init__(
        self,
        *,
        settings: Settings,
        cache: Cache,
        kube: Kube,
        intake: Intake,
        metrics: Metrics,
        fence: Callable[[], None] | None = None,
        poster: Poster | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        receivers = settings.notifications.receivers
        self._cache = cache
        self._ledger = Ledger(kube, cache, intake, [one.name for one in receivers])
        self._desk = Desk(cache, settings, self._ledger)
        office = Office(
            settings=settings.notifications,
            desk=self._desk,
            ledger=self._ledger,
            poster=poster or Poster(wall),
            metrics=metrics,
            fence=fence or (lambda: None),
            wall=wall,
        )
        self._couriers = [Courier(one, office) for one in receivers]
        metrics.add_gauge(
            "notifications_pending",
            "Messages that are due and that the receiver has not taken",
            lambda: {one.name: float(one.pending) for one in self._couriers},
            "receiver",
        )

    def changed(self, change: Change) -> None:
        """News in the cache: whom it may concern."""
        value = change.new or change.old
        if isinstance(value, AnomalyObject):
            if self._couriers:
                self._look(change.meta.key, *self._desk.symptoms(value))
        elif _spec_changed(change):
            self._look(*(one.meta.key for one in self._cache.anomalies(change.meta.uid)))

    async def run(self) -> None:
        """Look at all incidents, then send as things change. Never ends by itself."""
        self._look(*self._desk.unfinished())
        tasks = [
            asyncio.create_task(self._ledger.run()),
            *(asyncio.create_task(courier.run()) for courier in self._couriers),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, seconds: float) -> None:
        """Begin no more requests, and wait for those under way and their marks, at most
        `seconds`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for courier in self._couriers:
                    await courier.close()
                await self._ledger.settle()

    def _look(self, *keys: Key) -> None:
        for courier in self._couriers:
            for key in keys:
                courier.look(key)


def _spec_changed(change: Change) -> bool:
    """A service's labels, category or silent patterns may be others."""
    old, new = change.old, change.new
    if not isinstance(old, ServiceObject) or not isinstance(new, ServiceObject):
        return False
    return old.meta.generation != new.meta.generation
