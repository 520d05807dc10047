"""What the last hours say beyond one window: a slow rise, a recovery, a service that flaps.

Everything comes from the windows that a run reads in any case and from the verdicts in the
service's status. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from detector_runtime.contract.detection import WindowVerdict
from detector_runtime.contract.patterns import Circumstance
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import Role, Verdict
from detector_runtime.patterns.standing import WINDOWS, Standing
from detector_runtime.series.frame import Floats

RISE_SECONDS = 2 * 3600
"""A slow rise takes at least this long; what is over sooner is a jump."""
RISE_PARTS = 6
"""The stretch is cut into so many parts, whose medians must rise one after the other."""
BIGGEST_STEP = 0.5
"""Share of the whole rise that one part may hold, or it is a jump and not a slow rise."""
RECOVERY_WINDOWS = 4
"""Windows over which errors must have fallen, each no higher than the one before."""
RECOVERED_SHARE = 0.6
"""Errors have fallen at least to this share of the deviation's highest."""
HIGH_BORDER = 4
"""Index into the borders of a metric's levels."""
FLAPPING_SECONDS = 2 * 3600
FLAPPING_CHANGES = 6
"""Changes between Normal and Anomalous in that time: three episodes."""


def rising(metrics: Sequence[MetricSpec], values: Floats, step: int) -> bool:
    """Latency and errors have both risen slowly; `values` (k, m) in time order, NaN = missing."""
    return all(
        any(
            _slow_rise(values[:, column], step)
            for column, metric in enumerate(metrics)
            if metric.role is role
        )
        for role in (Role.LATENCY, Role.ERRORS)
    )


def recovering(metrics: Sequence[Standing], values: Floats) -> bool:
    """Errors were high and fall from window to window; `values` (k, m): the deviation's windows."""
    return any(
        _falls(values[:, column], standing.borders[HIGH_BORDER])
        for column, standing in enumerate(metrics)
        if standing.metric.role is Role.ERRORS and standing.borders
    )


def flapping(windows: Iterable[WindowVerdict], end: int, step: int) -> bool:
    """Whether the service has changed between Normal and Anomalous often in the time before `end`
    (unix seconds). `windows`: those that were not Normal; a window that is not listed was."""
    since = end - FLAPPING_SECONDS
    told = {unix(one.end): one.verdict for one in windows}
    changes, before = 0, Verdict.NORMAL
    for at in range(since - since % step + step, end + 1, step):
        verdict = told.get(at, Verdict.NORMAL)
        if verdict is Verdict.INCONCLUSIVE:
            continue
        changes += verdict is not before
        before = verdict
    return changes >= FLAPPING_CHANGES


def circumstances(
    metrics: Sequence[Standing], values: Floats, deviation: int, step: int
) -> frozenset[Circumstance]:
    """Those that `values` (k, m) show, the newest last, of which the last `deviation` deviate."""
    found = set()
    if rising([one.metric for one in metrics], values, step):
        found.add(Circumstance.RISING)
    if recovering(metrics, values[-deviation:]):
        found.add(Circumstance.RECOVERING)
    return frozenset(found)


def _slow_rise(series: Floats, step: int) -> bool:
    count = max(RISE_SECONDS // step, RISE_PARTS)
    part = series[-count:]
    if len(part) < count or np.isfinite(part).sum() < count // 2:
        return False
    medians = [
        float(np.median(present)) if len(present := one[np.isfinite(one)]) else np.nan
        for one in np.array_split(part, RISE_PARTS)
    ]
    steps = np.diff(medians)
    whole = medians[-1] - medians[0]
    return bool((steps > 0).all() and steps.max() <= BIGGEST_STEP * whole)


def _falls(series: Floats, high: float) -> bool:
    present = series[np.isfinite(series)]
    if len(present) <= RECOVERY_WINDOWS:
        return False
    last = present[-RECOVERY_WINDOWS:]
    steady = np.median(np.lib.stride_tricks.sliding_window_view(present, WINDOWS), axis=1)
    peak = float(steady.max())
    return bool((np.diff(last) <= 0).all() and high < peak and last[-1] <= RECOVERED_SHARE * peak)
