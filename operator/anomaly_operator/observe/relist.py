"""Full lists: the first picture before anything is decided, then the check on the watches.

Without the first one, a service would be reconciled before its Jobs are known. Later ones find
what the watches missed; an object they no longer have is a ghost and leaves the cache. One that
they have in an older version shows that etcd was restored from a backup, and the list is the truth.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.errors import NotFoundError, OperatorError
from anomaly_operator.api.resources import CUSTOM, WATCHED, Resource
from anomaly_operator.client.kube import Kube
from anomaly_operator.observe.cache import Cache, Sweep
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.read import metadata
from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics

PAUSE_SECONDS = 1.0
"""Between the request and the list: broken watches come in swarms."""
MAX_BACKOFF_SECONDS = 60.0
"""Between lists of which one failed; what it would have shown is not known yet."""
WATCHED_LABEL = f"{names.LABEL_WATCHED}={names.WATCHED}"

logger = logging.getLogger(__name__)


class Relister:
    """Lists every watched kind of `namespaces` (empty = all) into the cache."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        intake: Intake,
        metrics: Metrics,
        namespaces: Sequence[str] = (),
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._intake = intake
        self._metrics = metrics
        self._namespaces = tuple(namespaces)
        self._relist_requested = asyncio.Event()

    def request_relist(self) -> None:
        """A watch was broken off: what was deleted meanwhile, only a full list can tell."""
        self._relist_requested.set()

    async def first(self) -> None:
        """Fill the cache, however long the API server or the CRDs keep us waiting."""
        for resource in WATCHED:
            delay = 0.5
            while not await self._try(resource):
                await asyncio.sleep(delay)
                delay = min(delay * 2, 15.0)

    async def keep(self, period: float) -> None:
        """Hold the cache against the server every `period` seconds, give or take a fifth, and
        soon after a request, which stands until every list has succeeded. The first of these lists
        is no check on the watches: it brings what happened before they began.
        """
        backoff, check = 0.0, False
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(period * random.uniform(0.8, 1.2)):  # noqa: S311
                    await self._relist_requested.wait()
            await asyncio.sleep(PAUSE_SECONDS + backoff)
            self._relist_requested.clear()
            if all([await self._try(resource, check=check) for resource in WATCHED]):
                backoff, check = 0.0, True
            else:
                self._relist_requested.set()
                backoff = min(max(2 * backoff, PAUSE_SECONDS), MAX_BACKOFF_SECONDS)

    async def _try(self, resource: Resource, *, check: bool = False) -> bool:
        try:
            await self.sweep(resource, check=check)
        except NotFoundError:
            hint = "install the CRDs of the chart" if resource in CUSTOM else "the API has no such"
            logs.event(logger, logging.ERROR, "kind not served", kind=resource.kind, hint=hint)
        except OperatorError as error:
            text = str(error)
            logs.event(logger, logging.WARNING, "list failed", kind=resource.kind, reason=text)
        else:
            return True
        return False

    async def sweep(self, resource: Resource, *, check: bool = False) -> None:
        """One full list. With `check`, count what the watch should have shown."""
        labels = "" if resource in CUSTOM else WATCHED_LABEL
        rewound = 0
        sweep = self._cache.begin_sweep(resource.kind, self._namespaces)
        try:
            for namespace in self._namespaces or ("",):
                async for page in self._kube.pages(resource, namespace, labels=labels):
                    for raw in page:
                        rewound += self._take(sweep, raw, check=check)
        except BaseException:
            self._cache.abandon_sweep(sweep)
            raise
        ghosts = self._cache.finish_sweep(sweep)
        self._metrics.ghosts.labels(resource.kind).inc(len(ghosts))
        for ghost in ghosts:
            self._intake.tell(ghost)
        if rewound:
            hint = "etcd was restored from a backup; the list is taken as the truth"
            kind = resource.kind
            logs.event(
                logger, logging.WARNING, "history rewound", kind=kind, older=rewound, hint=hint
            )
            # News of the restored history that came before the list looked old, and are lost.
            self.request_relist()

    def _take(self, sweep: Sweep, raw: Mapping[str, Any], *, check: bool) -> bool:
        """Take one object of a list in; True when it shows that history was rewound."""
        meta = metadata(raw)
        sweep.seen.add(meta.key)
        if self._cache.rewound(sweep, meta):
            self._intake.rewind(raw)
            return True
        value = self._intake.read(raw)
        if value is not None and self._intake.put(value):
            self._metrics.missed.labels(raw["kind"]).inc(int(check))
        return False
