"""What the rules cost: time for a run of 143,000 rows, and memory over a million."""

from __future__ import annotations

import gc
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detector_runtime.training_run import watch
from detector_runtime.training_run.memory import dump
from detector_runtime.training_run.rows import Row

PARTS = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """`growth`: KiB that the process gained between the first tenth of the rows and the last."""

    rows: int
    seconds: float
    growth: int
    document: int


def measured(rows: int) -> Cost:
    """Of rows with loss, learning rate, accuracy and two metrics, that are never kept."""
    state, peaks, begin = watch.State(), list[int](), time.process_time()
    for at, row in enumerate(_rows(rows)):
        state, _ = watch.step(state, row)
        if at % (rows // PARTS) == rows // PARTS - 1:
            gc.collect()
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    size = len(json.dumps(dump(state), separators=(",", ":")))
    return Cost(rows, time.process_time() - begin, peaks[-1] - peaks[0], size)


def _rows(rows: int) -> Iterator[Row]:
    random = np.random.default_rng(1)
    for first in range(0, rows, 1000):
        noise = random.standard_normal((1000, 3)).tolist()
        for at, (loss, norm, right) in enumerate(noise, start=first):
            yield Row(
                step=at,
                loss=2 + 9 / (1 + at / 50) + 0.02 * loss,
                learning_rate=3e-4 * (1 - at / rows),
                accuracy=0.6 + 0.01 * right,
                metrics={"grad_norm": 1 + abs(norm), "tokens": float(at)},
            )
