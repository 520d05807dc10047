"""A curve of a training run as a drawing: loss, learning rate or accuracy by step.

The values are texts of an object, which may be no numbers; those leave a gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import texts
from detector_runtime.contract.text import decimal

WIDTH, HEIGHT = 600, 120
_HISTORIES = (
    ("Loss", "lossHistory"),
    ("Learning rate", "learningRateHistory"),
    ("Accuracy", "accuracyHistory"),
)


@dataclass(frozen=True, slots=True)
class RunCurve:
    """`path`: of the line in the drawing; `low`, `high`: what its edges stand for; `values`: as
    they were written, oldest first; `gaps`: how many of them are no finite number."""

    name: str
    path: str
    low: str
    high: str
    first: str
    last: str
    values: tuple[str, ...]
    gaps: int
    width: int = WIDTH
    height: int = HEIGHT


def evidence_curves(run: Raw) -> tuple[RunCurve, ...]:
    """Of an Anomaly's `trainingRun`: the values before its worst trigger."""
    return tuple(
        curve
        for name, key in _HISTORIES
        if (curve := run_curve(name, texts(run, key), "oldest", "newest")) is not None
    )


def run_curve(name: str, values: Sequence[str], first: str, last: str) -> RunCurve | None:
    """None where fewer than two values are finite. `first`, `last`: words for the ends."""
    numbers = [_number(one) for one in values]
    known = [one for one in numbers if math.isfinite(one)]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)
    return RunCurve(
        name=name,
        path=_path(numbers, low, high),
        low=decimal(low),
        high=decimal(high),
        first=first,
        last=last,
        values=tuple(values),
        gaps=len(numbers) - len(known),
    )


def _path(numbers: Sequence[float], low: float, high: float) -> str:
    parts, drawing = [], False
    for at, value in enumerate(numbers):
        if not math.isfinite(value):
            drawing = False
            continue
        x = WIDTH * at / max(len(numbers) - 1, 1)
        share = (value - low) / (high - low) if high > low else 0.5
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {4 + (HEIGHT - 8) * (1 - share):.1f}")
        drawing = True
    return "".join(parts)


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan
