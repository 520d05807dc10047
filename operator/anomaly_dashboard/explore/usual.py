"""The usual range and the scores beside a service's values: of a model fitted here.

The model that serves lies on a volume that the dashboard does not mount. So a worker fits one with
the product's own engine on the service's own lookback, once an hour for each service that somebody
looks at. What comes of it is kept; a chart is drawn without it in the meantime.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from anomaly_dashboard.explore.extent import MAX_DAYS
from anomaly_dashboard.explore.job import Job, Raw, Side
from anomaly_dashboard.explore.reading import Say, read
from anomaly_dashboard.explore.runs import BusyError, Run, Runs, State
from anomaly_dashboard.series.curves import Curves
from anomaly_dashboard.series.kept import Kept
from anomaly_dashboard.series.proxy import Proxy
from anomaly_dashboard.series.sources import Queries
from detector_runtime.series.frame import Frame

HOUR = 3_600
KEPT_SECONDS = 3_600.0
FAILED_SECONDS = 300.0
"""Before what failed is tried again."""
KEPT_BYTES = 64 * 1024 * 1024
NOTE = (
    "usual range and scores are of a model that the dashboard fits on the service's lookback, at "
    "most an hour old; the model that serves may differ a little"
)
_WAIT = "the usual range is being computed"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """`curves` None: not known, and `note` says why; `pending`: it will be soon."""

    curves: Curves | None
    note: str
    pending: bool = False


class Usual:
    """One for the process."""

    def __init__(
        self, runs: Runs, proxy: Proxy, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._runs, self._proxy = runs, proxy
        self._kept: Kept[Curves] = Kept(KEPT_SECONDS, KEPT_BYTES, lambda one: one.bytes, clock)
        self._failed: Kept[str] = Kept(FAILED_SECONDS, KEPT_BYTES, len, clock)
        self._running: dict[object, asyncio.Task[None]] = {}

    def find(self, queries: Queries, service: Raw, hours: int, now: float) -> Answer:
        """What is known of the last `hours`; what is not is begun. `now` in unix seconds."""
        days = 1 if hours <= 24 else MAX_DAYS
        key = (queries.key, queries.source, days)
        found = self._kept.get(key)
        if found is not None:
            return Answer(found, NOTE)
        failed = self._failed.get(key)
        if failed is not None:
            return Answer(None, f"no usual range: {failed}")
        if key not in self._running:

            async def prepare(say: Say) -> Job:
                return await self._job(queries, service, days, now, say)

            try:
                run = self._runs.start(f"usual of {key}", prepare, watched=False)
            except BusyError as error:
                return Answer(None, f"no usual range yet: {error}", pending=True)
            self._running[key] = asyncio.get_running_loop().create_task(self._take(key, run))
        return Answer(None, _WAIT, pending=True)

    async def _job(self, queries: Queries, service: Raw, days: int, now: float, say: Say) -> Job:
        found = await read(queries, days, self._proxy, now, say)
        frame = ahead(found.frame)
        return Job((Side("usual", service, (), frame, found.warmup),), refit=0, points=0)

    async def _take(self, key: object, run: Run) -> None:
        try:
            await run.finished.wait()
            if run.state is State.DONE and run.result and run.result[0].models:
                self._kept.put(key, run.result[0].curves)
            elif run.state is not State.CANCELLED:
                said = run.said or "; ".join(run.result[0].notes if run.result else ())
                self._failed.put(key, said or "the service has too little history")
        finally:
            self._running.pop(key, None)
            self._runs.cancel(run)


def ahead(frame: Frame) -> Frame:
    """`frame` and the hour after it without values: what is usual then is known before it comes."""
    count = max(HOUR // frame.step, 1)
    later = frame.times[-1] + frame.step * (1 + np.arange(count, dtype=np.int64))
    values = np.vstack([frame.values, np.full((count, frame.values.shape[1]), np.nan)])
    undefined = frame.undefined
    if undefined is not None:
        undefined = np.vstack([undefined, np.zeros((count, undefined.shape[1]), dtype=bool)])
    times = np.concatenate([frame.times, later])
    return replace(frame, times=times, values=values, undefined=undefined)
