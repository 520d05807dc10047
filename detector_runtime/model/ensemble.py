"""From the detectors' calibrated tails to one number a window.

Each detector's deviation of each metric becomes a surprise (-log10 tail probability), so that
unlike units add up. They are combined as a root mean square over detectors and metrics: between
the mean, in which one metric's fault drowns among many, and the maximum, which with many metrics
is always high. A metric that is missing is left out. Where people name the members, these vote
instead (`vote`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.detectors.base import Detector
from detector_runtime.detectors.registry import own_threshold
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.model.calibrate import Tails
from detector_runtime.model.smoothing import kernel, smooth
from detector_runtime.model.special_days import SpecialDays
from detector_runtime.model.vote import Vote
from detector_runtime.series.features import Prepared, Scaling, one_sided, quieted
from detector_runtime.series.frame import Floats, Frame


@dataclass(frozen=True, slots=True, eq=False)
class MinDeviation:
    """Per metric (m,), in the metric's own unit; what is closer to the usual value is no evidence.

    The bound is the larger of `absolute` and `relative` x |usual value|. It acts on the values,
    before any detector: one that reads all metrics together would report them otherwise.
    """

    absolute: Floats
    relative: Floats

    @property
    def given(self) -> bool:
        return bool(self.absolute.any() or self.relative.any())

    def quiet(self, rows: Prepared, baseline: Seasonal, scaling: Scaling) -> Prepared:
        """The rows with what is too close to the usual value put there."""
        if not self.given:
            return rows
        usual = baseline.expected(rows)
        usual_value = np.abs(usual * scaling.scale + scaling.centre)
        bound = np.maximum(self.absolute, self.relative * usual_value)
        with np.errstate(invalid="ignore"):
            muted = np.abs(rows.z - usual) * scaling.scale < bound
        return quieted(rows, usual, muted, scaling.side)


@dataclass(frozen=True, slots=True, eq=False)
class Surprises:
    """What the detectors say of each window, as -log10 tail probabilities, NaN where missing.

    `single` (detectors, n, m), `joint` (joint detectors, n); `weights` (joint detectors,): what
    each counts beside a single detector's 1. `vote`: how the detectors decide together, where they
    do not add up; `passed` (all detectors, n): those beyond their own threshold.
    """

    single: Floats
    joint: Floats
    weights: Floats
    vote: Vote | None = None
    passed: NDArray[np.bool_] | None = None

    def of(self, mask: NDArray[np.bool_]) -> Surprises:
        """The evidence of some detectors that add up: `mask` over the single ones, then the joint
        ones."""
        count = len(self.single)
        rest = mask[count:]
        return Surprises(self.single[mask[:count]], self.joint[rest], self.weights[rest])

    def per_metric(self) -> Floats:
        """(n, m): root mean square over detectors, NaN where a metric has no value."""
        return rms_present(self.single, axis=0)

    def combined(self, per_metric: Floats | None = None) -> Floats:
        """(n,): the evidence of a window before smoothing; NaN where every metric is missing.
        `per_metric`: where the caller has it already."""
        if self.vote is not None:
            return self.vote.reduce(self._voices(self.vote, np.ones(1)))
        singles = len(self.single)
        own = self.per_metric() if per_metric is None else per_metric
        square = rms_present(own, axis=1) ** 2
        joint = self.weights @ self.joint**2
        out: Floats = np.sqrt((singles * square + joint) / (singles + self.weights.sum()))
        return out

    def smoothed(self, step: int, combined: Floats | None = None) -> Floats:
        """(n,): the evidence of each window with its last ones', what the score is read off.
        `combined`: where the caller has it already."""
        if self.vote is not None:
            return self.vote.reduce(self.voices(step))
        own = self.combined() if combined is None else combined
        return smooth(own, kernel(step, self.single.shape[2]))

    def own(self) -> Floats:
        """(all detectors, n): what each says of a window, the most of its metrics."""
        present = ~np.isnan(self.single)
        most = np.where(present, self.single, 0.0).max(axis=2, initial=0.0)
        most = np.where(present.any(axis=2), most, np.nan)
        return np.concatenate([most, self.joint])

    def voices(self, step: int) -> Floats:
        """(all detectors, n): what the detectors bring to the vote, over the last windows; none
        where they add up."""
        if self.vote is None:
            return np.zeros((0, self.joint.shape[1]))
        return self._voices(self.vote, kernel(step, self.single.shape[2]))

    def _voices(self, vote: Vote, weights: Floats) -> Floats:
        own = self.own()
        passed = np.ones(own.shape, dtype=bool) if self.passed is None else self.passed
        return vote.voices(own, passed, weights)


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Fitted detectors, single ones first, then joint ones; `tails` has a channel for each metric
    of each single detector in turn, then one for each joint detector.
    """

    scaling: Scaling
    members: tuple[Detector, ...]
    tails: Tails
    baseline: Seasonal
    minimum: MinDeviation
    special: SpecialDays | None = None
    vote: Vote | None = None

    @property
    def history(self) -> int:
        return max(member.history for member in self.members)

    def prepare(self, frame: Frame) -> Prepared:
        """The frame's rows on the model's scale, with their distance from the usual."""
        return ready(frame, self.scaling, self.baseline, self.minimum, self.special)

    def surprises(self, rows: Prepared) -> Surprises:
        """Surprises of the scored rows of `rows`."""
        return self.weigh(deviations(self.members, rows, self.scaling), rows)

    def weigh(self, deviation: Floats, rows: Prepared) -> Surprises:
        """Surprises of these rows' deviations (scored rows, channels)."""
        surprise = self.tails.surprise(deviation)
        n, m = rows.scored.shape
        singles = sum(not member.joint for member in self.members)
        single = surprise[:, : singles * m].reshape(n, singles, m).transpose(1, 0, 2)
        weights = np.array([member.weight for member in self.members if member.joint])
        joint = surprise[:, singles * m :].T
        if self.vote is None:
            return Surprises(single, joint, weights)
        return Surprises(single, joint, weights, self.vote, self.passed(deviation, m))

    def passed(self, deviation: Floats, metrics: int) -> NDArray[np.bool_]:
        """(members, n): whether the deviation (n, channels) of any metric exceeds the member's own
        threshold."""
        found, at = [], 0
        for member in self.members:
            width = 1 if member.joint else metrics
            found.append((deviation[:, at : at + width] > own_threshold(member)).any(axis=1))
            at += width
        return np.stack(found)


def ready(
    frame: Frame,
    scaling: Scaling,
    baseline: Seasonal,
    minimum: MinDeviation,
    special: SpecialDays | None = None,
) -> Prepared:
    """The frame's rows as detectors read them."""
    rows = baseline.apply(scaling.prepare(frame), scaling.side)
    if special is not None:
        rows = special.lay(frame, rows, baseline, scaling)
    return minimum.quiet(rows, baseline, scaling)


def deviations(members: Sequence[Detector], rows: Prepared, scaling: Scaling) -> Floats:
    """(scored rows, channels): what the members say, on the alarming side of each metric."""
    found = np.concatenate([member.deviation(rows) for member in members], axis=1)
    sides = [np.zeros(1, dtype=np.int64) if member.joint else scaling.side for member in members]
    return one_sided(found, np.concatenate(sides))


def rms_present(values: Floats, axis: int) -> Floats:
    """Root mean square over what is not NaN; NaN where nothing is, without a warning."""
    present = ~np.isnan(values)
    count = present.sum(axis=axis)
    total = np.where(present, values, 0.0)
    mean = (total * total).sum(axis=axis) / np.maximum(count, 1)
    return np.where(count > 0, np.sqrt(mean), np.nan)


def learnable(frame: Frame, excluded: NDArray[np.bool_]) -> Frame:
    """The frame with excluded windows missing."""
    values = np.where(excluded[:, None], np.nan, frame.values)
    return Frame(frame.times, values, frame.names, frame.step)
