"""Is the data good enough to learn from?

A metric's points are the share of windows that hold a value, less penalties for gaps, duplicates,
values outside the valid range and constancy, each capped so that no single flaw decides. The grade
is read off their mean: A from 90, B 75, C 60, D 40, else F. It informs and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role
from detector_runtime.series.frame import Floats
from detector_runtime.series.reading import CleanRows, LeftOut

GRADES = ((90.0, "A"), (75.0, "B"), (60.0, "C"), (40.0, "D"))
GAP_STEPS = 2
"""A hole of more windows than this is a gap; one or two are a late scrape."""
_CONSTANT_PENALTY = 30.0
_CAP = 10.0
_OPTIONAL = frozenset({Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})


@dataclass(frozen=True, slots=True)
class MetricQuality:
    """One metric's flaws. `coverage`: share of windows with a value since the service's first."""

    name: str
    points: float
    samples: int
    coverage: float
    gaps: int
    duplicates: int
    left_out: LeftOut
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


def assess(
    clean: CleanRows, metrics: tuple[MetricSpec, ...], duplicates: dict[str, int]
) -> Quality:
    """Grade clean rows from the first window with any value."""
    frame, left_out = clean.frame, clean.left_out()
    present = np.isfinite(frame.values)
    held = present.any(axis=1)
    first = int(held.argmax()) if held.any() else len(frame)
    found = tuple(
        _metric(
            metric,
            frame.values[first:, column],
            duplicates.get(metric.name, 0),
            left_out[column],
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


def _metric(spec: MetricSpec, values: Floats, duplicates: int, left_out: LeftOut) -> MetricQuality:
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
    points -= min(_CAP, 100.0 * left_out.out_of_range / max(samples, 1))
    points -= _CONSTANT_PENALTY if constant else 0.0
    points = max(0.0, points) if samples else 0.0
    return MetricQuality(spec.name, points, samples, coverage, gaps, duplicates, left_out, constant)


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
    flaws += metric.left_out.reasons
    if metric.duplicates:
        flaws.append(f"{metric.duplicates} duplicate timestamps")
    return f"{metric.name}: {', '.join(flaws)}" if flaws else ""
