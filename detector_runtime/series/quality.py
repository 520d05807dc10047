"""Is the data good enough to learn from, and is each value possible at all?

The grade's bands are those of seed 003 (A from 90, B 75, C 60, D 40, else F); the formula is ours,
since the seed states none: a metric's points are the share of windows that hold a value, less
penalties for holes, duplicates, impossible values and constancy, each capped so that no single
flaw decides. Nothing is repaired: an impossible value becomes a missing one, and is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role, Unit
from detector_runtime.series.frame import Floats, Frame

GRADES = ((90.0, "A"), (75.0, "B"), (60.0, "C"), (40.0, "D"))
GAP_STEPS = 2
"""A hole of more windows than this is a gap, as in seed 003."""
MAX_RATE = 1e6
MAX_SECONDS = 300.0
_CONSTANT_PENALTY = 30.0
_CAP = 10.0
_OPTIONAL = frozenset({Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})
_LATENCIES = frozenset({Role.LATENCY, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})


@dataclass(frozen=True, slots=True)
class MetricQuality:
    """One metric's flaws. `coverage`: share of windows with a value since the service's first."""

    name: str
    points: float
    samples: int
    coverage: float
    gaps: int
    duplicates: int
    impossible: int
    constant: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """`points` 0 .. 100: the metrics' mean. `warnings`: what a person can mend, worst first."""

    grade: str
    points: float
    metrics: tuple[MetricQuality, ...]
    warnings: tuple[str, ...]


def grade_of(points: float) -> str:
    """The letter for `points` of 100."""
    return next((letter for least, letter in GRADES if points >= least), "F")


def valid_range(metric: MetricSpec) -> tuple[float, float]:
    """Lowest and highest possible value: the user's, else the caps of seed 003 by role and unit."""
    low, high = -np.inf, np.inf
    if metric.role is Role.TRAFFIC:
        low, high = 0.0, MAX_RATE
    elif metric.role in _LATENCIES:
        low = 0.0
        high = {Unit.SECONDS: MAX_SECONDS, Unit.MILLISECONDS: MAX_SECONDS * 1000}.get(
            metric.unit, np.inf
        )
    elif metric.role is Role.ERRORS:
        low = 0.0
        high = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}.get(metric.unit, np.inf)
    return (
        low if metric.valid_min is None else metric.valid_min,
        high if metric.valid_max is None else metric.valid_max,
    )


def drop_impossible(frame: Frame, metrics: tuple[MetricSpec, ...]) -> tuple[Frame, dict[str, int]]:
    """`frame` with values outside the valid range missing, and their number by metric."""
    ranges = np.array([valid_range(metric) for metric in metrics]).reshape(-1, 2)
    # A ratio of two rates may pass 1 by rounding; that is no impossible value.
    slack = 1e-9 * np.abs(np.where(np.isfinite(ranges), ranges, 0.0))
    with np.errstate(invalid="ignore"):
        bad = (frame.values < ranges[:, 0] - slack[:, 0]) | (
            frame.values > ranges[:, 1] + slack[:, 1]
        )
    values = np.where(bad, np.nan, frame.values)
    counts = {name: int(bad[:, column].sum()) for column, name in enumerate(frame.names)}
    return Frame(frame.times, values, frame.names, frame.step), counts


def assess(
    frame: Frame,
    metrics: tuple[MetricSpec, ...],
    duplicates: dict[str, int],
    impossible: dict[str, int],
) -> Quality:
    """Grade `frame` (impossible values already missing) from the first window with any value."""
    present = np.isfinite(frame.values)
    held = present.any(axis=1)
    first = int(held.argmax()) if held.any() else len(frame)
    found = tuple(
        _metric(
            metric,
            frame.values[first:, column],
            duplicates.get(metric.name, 0),
            impossible.get(metric.name, 0),
        )
        for column, metric in enumerate(metrics)
    )
    optional = _optional(metrics)
    counted = [metric for metric in found if metric.samples or metric.name not in optional]
    counted = counted or list(found)
    points = sum(metric.points for metric in counted) / len(counted)
    ordered = sorted(found, key=lambda metric: metric.points)
    warnings = tuple(text for metric in ordered if (text := _warning(metric, frame.step)))
    return Quality(grade_of(points), points, found, warnings)


def _optional(metrics: tuple[MetricSpec, ...]) -> frozenset[str]:
    """Metrics that a sound service may lack: not every one has a database or calls others."""
    return frozenset(metric.name for metric in metrics if metric.role in _OPTIONAL)


def _metric(spec: MetricSpec, values: Floats, duplicates: int, impossible: int) -> MetricQuality:
    present = np.isfinite(values)
    samples = int(present.sum())
    coverage = samples / len(values) if len(values) else 0.0
    gaps = _gaps(present)
    known = values[present]
    # A service without errors is no flaw: zero errors may stand for ever.
    quiet = spec.role is Role.ERRORS and samples > 0 and not known.any()
    constant = samples > 1 and bool(np.ptp(known) == 0) and not quiet
    points = 100.0 * coverage
    points -= min(_CAP, 100.0 * gaps * GAP_STEPS / max(len(values), 1))
    points -= min(_CAP, 100.0 * duplicates / max(samples, 1))
    points -= min(_CAP, 100.0 * impossible / max(samples, 1))
    points -= _CONSTANT_PENALTY if constant else 0.0
    points = max(0.0, points) if samples else 0.0
    return MetricQuality(
        spec.name, points, samples, coverage, gaps, duplicates, impossible, constant
    )


def _gaps(present: np.ndarray) -> int:
    """Runs of more than GAP_STEPS missing windows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], present, [True]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int((lengths > GAP_STEPS).sum())


def _warning(metric: MetricQuality, step: int) -> str:
    if metric.samples == 0:
        return f"{metric.name}: no value in the whole look-back; check its query"
    flaws = []
    if metric.constant:
        flaws.append("never changes")
    if metric.coverage < 0.9:
        flaws.append(f"{round(100 * (1 - metric.coverage))}% of the windows are empty")
    if metric.gaps:
        flaws.append(f"{metric.gaps} gaps of more than {GAP_STEPS * step} s")
    if metric.impossible:
        flaws.append(f"{metric.impossible} values outside its valid range left out")
    if metric.duplicates:
        flaws.append(f"{metric.duplicates} duplicate timestamps")
    return f"{metric.name}: {', '.join(flaws)}" if flaws else ""
