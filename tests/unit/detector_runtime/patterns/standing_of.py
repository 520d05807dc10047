"""A service as the tests of patterns set it up: five metrics with round borders."""

from __future__ import annotations

import numpy as np

from detector_runtime.contract.patterns import Level
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.patterns.standing import Course, Standing, standings

METRICS = (
    MetricSpec("rate", Role.TRAFFIC, "", Unit.REQUESTS_PER_SECOND, Direction.BOTH),
    MetricSpec("latency", Role.LATENCY, "", Unit.MILLISECONDS, Direction.UP),
    MetricSpec("errors", Role.ERRORS, "", Unit.RATIO, Direction.UP),
    MetricSpec("dependency", Role.DEPENDENCY_LATENCY, "", Unit.MILLISECONDS, Direction.UP),
    MetricSpec("database", Role.DATABASE_LATENCY, "", Unit.SECONDS, Direction.UP),
)
USUAL = np.array([100.0, 200.0, 0.002, 60.0, 0.050])
WIDTH = np.array([10.0, 10.0, 0.0004, 5.0, 0.004])
BORDERS = np.array([-3.0, -2.0, 0.5, 1.0, 2.0, 3.0])
"""In units of the spread: very low, low, moderate, elevated, high, very high."""


def course(values: list[list[float]]) -> Course:
    """The windows of a deviation with these values of METRICS."""
    read = np.array(values, dtype=float)
    k, m = read.shape
    return Course(
        residual=np.clip((read - USUAL) / WIDTH, -100, 100),
        borders=np.broadcast_to(BORDERS, (k, m, 6)),
        middle=np.zeros((k, m)),
        values=read,
        usual=USUAL,
        width=WIDTH,
        low=USUAL - 3 * WIDTH,
        high=USUAL + 3 * WIDTH,
    )


def standing(windows: int = 4, **values: float) -> tuple[Standing, ...]:
    """The metrics after `windows` windows at these values, the others at their usual ones."""
    one = [values.get(spec.name, usual) for spec, usual in zip(METRICS, USUAL, strict=True)]
    return standings(METRICS, course([one] * windows))


def levels(found: tuple[Standing, ...]) -> dict[str, Level]:
    return {one.metric.name: one.level for one in found}
