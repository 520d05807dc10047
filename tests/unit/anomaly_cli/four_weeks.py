"""A recording of four weeks by the hour in which a fault of half a day is known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np

BEGIN, STEP, ROWS = 1_704_067_200, 3600, 24 * 28
FAULT = range(600, 612)
Draw = Callable[[np.random.Generator, bool], float]
"""The value of a row, and whether it belongs to the fault."""


def latency(rng: np.random.Generator, bad: bool) -> float:
    """About 0.2; five times as high in the fault."""
    return rng.normal(0.2, 0.01) * (5 if bad else 1)


def rate(rng: np.random.Generator, bad: bool) -> float:
    """About 100; the fault does not touch it."""
    return rng.normal(100, 5)


def lost_rate(rng: np.random.Generator, bad: bool) -> float:
    """About 100; a fifth of that in the fault."""
    return rng.normal(100, 5) * (0.2 if bad else 1)


def recorded(
    path: Path,
    columns: Mapping[str, Draw],
    *,
    labels: bool = False,
    absent: Collection[tuple[str, int]] = (),
) -> Path:
    """Write `columns` to a CSV; `absent`: cells without a value, by column and row; `labels`: with
    a column `label` that marks the fault."""
    rng = np.random.default_rng(4)
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["timestamp", *columns, *(["label"] if labels else [])])
        for row in range(ROWS):
            bad = row in FAULT
            values = {name: draw(rng, bad) for name, draw in columns.items()}
            cells = [
                "" if (name, row) in absent else f"{value:.4f}" for name, value in values.items()
            ]
            lines.writerow([BEGIN + row * STEP, *cells, *([int(bad)] if labels else [])])
    return path
