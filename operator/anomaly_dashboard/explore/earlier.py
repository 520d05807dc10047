"""What earlier trials found, for the next one: a person changes one side and tries again.

The key is everything that a worker would be given, the windows included, so what is kept is what
the worker would answer. A side that is known is not sent to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from anomaly_dashboard.explore import job as jobs
from anomaly_dashboard.explore.job import Job, Side
from anomaly_dashboard.explore.process import Limits, Progress, carried_out
from anomaly_dashboard.explore.runs import Carry
from anomaly_dashboard.explore.tried import Tried
from anomaly_dashboard.series.kept import Kept

KEPT_SECONDS = 900.0
KEPT_BYTES = 32 * 1024 * 1024
"""A result of five metrics with its thinned curves has about 250 kB."""


class Earlier:
    """A `Carry` that asks another for what it does not know."""

    def __init__(
        self, carry: Carry = carried_out, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._carry = carry
        self._kept: Kept[Tried] = Kept(KEPT_SECONDS, KEPT_BYTES, _bytes, clock)

    async def carry(
        self, job: Job, settings: Path | None, limits: Limits, on_progress: Progress
    ) -> tuple[Tried, ...]:
        """What comes of each side of `job`. Raises TrialFailedError."""
        if not job.points:
            # Whole curves are large, and whoever asks for them keeps them.
            return await self._carry(job, settings, limits, on_progress)
        keys = await asyncio.to_thread(_keys, job, settings)
        found = {key: known for key in keys if (known := self._kept.get(key)) is not None}
        asked: dict[bytes, Side] = {}
        for key, side in zip(keys, job.sides, strict=True):
            if key not in found:
                asked.setdefault(key, side)
        if asked:
            rest = replace(job, sides=tuple(asked.values()))
            answers = await self._carry(rest, settings, limits, on_progress)
            for key, answer in zip(asked, answers, strict=True):
                self._kept.put(key, answer)
                found[key] = answer
        return tuple(
            replace(found[key], label=side.label) for key, side in zip(keys, job.sides, strict=True)
        )


def _keys(job: Job, settings: Path | None) -> list[bytes]:
    """One for each side; what it is called is not part of it."""
    given = b""
    if settings is not None:
        with contextlib.suppress(OSError):  # the worker says what is wrong with it
            given = settings.read_bytes()
    alone = (replace(job, sides=(replace(side, label=""),)) for side in job.sides)
    return [hashlib.sha256(given + b"\n" + jobs.dumped(one).encode()).digest() for one in alone]


def _bytes(one: Tried) -> int:
    text = sum(len(line) for line in (*one.notes, *(found.sentence for found in one.incidents)))
    return one.curves.bytes + text + 500 * len(one.incidents)
