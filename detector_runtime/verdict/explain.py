"""An anomalous window in words: which metrics, their values, how far from usual.

Figures come with their unit and the usual range at that time of the week. Distance is given as a
multiple of that range's end ("4.1x the upper end of its usual range"), not in standard deviations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from detector_runtime.contract.detection import Contribution
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.text import decimal, percent
from detector_runtime.contract.vocabulary import MAX_CONTRIBUTIONS, Direction
from detector_runtime.errors import one_line
from detector_runtime.series.units import figure, readable, readable_range

MAX_SUMMARY = 256
FARTHEST = 10.0
"""Magnitudes are capped here: beyond it they no longer tell faults apart."""
MAJOR = 0.25
"""From this share of the evidence on, a metric is part of what the finding is about."""
_UNUSUAL = {
    "autoregressive": "which does not follow from its last hours",
    "moving-average": "a change from its last hours",
    "rolling-forest": "a change from its last hours",
    "volatility": "which varies more or less than in its last hours",
    "vector-autoregressive": "which does not follow from the other metrics",
    "joint-forest": "which does not fit the other metrics",
    "mahalanobis": "which does not fit the other metrics",
    "innovations": "a change together with the other metrics that their last hours do not explain",
    "window-clusters": "which does not fit the other metrics over the last windows",
    "window-neighbours": "an unusual course over the last windows",
    "flatline": "which has stopped changing",
    "isolation-forest": "a rare value or a rare combination",
    "local-outlier-factor": "unlike any nearby values in training",
    "z-score": "far from its mean in training",
}
"""By the detector that saw most of it: what a value inside its usual range is unusual for."""


class Side(StrEnum):
    """On which side of its usual range a value lies."""

    UP = "Up"
    DOWN = "Down"
    INSIDE = "Inside"


@dataclass(frozen=True, slots=True)
class Observation:
    """One metric in one window: `value` and its usual range then, its `share` of the evidence.

    `zero_normal`: its usual value is zero, so any other value is an activation. The range is still
    used for the distance; texts show zero. `undefined`: the value is 0/0; else NaN is missing.
    """

    metric: MetricSpec
    value: float
    low: float
    high: float
    share: float
    detector: str = ""
    zero_normal: bool = False
    undefined: bool = False

    @property
    def activated(self) -> bool:
        return self.zero_normal and math.isfinite(self.value) and self.value != 0

    @property
    def above(self) -> bool:
        return self.value > self.high

    @property
    def below(self) -> bool:
        return self.value < self.low

    @property
    def side(self) -> Side:
        if self.above or self.activated:
            return Side.UP
        return Side.DOWN if self.below else Side.INSIDE

    @property
    def alarming(self) -> bool:
        """Outside its usual range on a side that counts."""
        return _distance(self) > 0


def by_share(
    observations: tuple[Observation, ...], outage: frozenset[str] = frozenset()
) -> tuple[Observation, ...]:
    """The metrics that took part, the largest share first, before them those of an `outage`."""
    part = (one for one in observations if one.share > 0 or one.metric.name in outage)
    return tuple(sorted(part, key=lambda one: (one.metric.name not in outage, -one.share)))


def subject(ordered: tuple[Observation, ...]) -> tuple[Observation, ...]:
    """What a finding is about: the leading metric, and each that has left its usual range and holds
    a quarter of the evidence or half as much as the leading one."""
    if not ordered:
        return ()
    # Where a fault moves many metrics, none of them holds much.
    least = min(MAJOR, ordered[0].share / 2)
    return (ordered[0], *(one for one in ordered[1:] if one.alarming and one.share >= least))


def contributions(ordered: tuple[Observation, ...]) -> tuple[Contribution, ...]:
    """The first metrics of `ordered` as the status shows them."""
    return tuple(
        Contribution(
            metric=one.metric.name,
            value=figure(one.value),
            unit=one.metric.unit.value,
            usual_low="0" if one.zero_normal else decimal(one.low),
            usual_high="0" if one.zero_normal else decimal(one.high),
            deviation=deviation(one),
            share=percent(one.share),
            detector=one.detector,
        )
        for one in ordered[:MAX_CONTRIBUTIONS]
    )


def deviation(one: Observation) -> str:
    """How far outside its usual range, in words; inside it, what is unusual all the same."""
    if math.isnan(one.value):
        if one.undefined:
            # evidence only where it never was undefined while requests come
            return "undefined (NaN)" if one.share > 0 else "undefined (no requests)"
        return "missing"
    if math.isinf(one.value):
        return "infinite"
    if one.activated:
        return "activated (usually zero)"
    if one.above:
        if one.high <= 0:
            return "above its usual range"
        return _times(one.value / one.high)
    if one.below:
        if one.low <= 0 or one.value < 0:
            return "below its usual range"
        return f"{percent(one.value / one.low)} of the lower end of its usual range"
    return _UNUSUAL.get(one.detector) or _position(one)


def summary(
    ordered: tuple[Observation, ...],
    period: str,
    outage: frozenset[str] = frozenset(),
    slo: str = "",
) -> str:
    """One sentence: the leading metric, a second one with a large share, the period (empty: not
    worth a word), and what the SLO makes of it (`slo`)."""
    phrases = "; ".join(_phrase(one, one.metric.name in outage) for one in named(ordered))
    said = f"{phrases} during {period}" if period else phrases
    tail = f"; {slo}" if slo else ""
    room = max(MAX_SUMMARY - len(tail), MAX_SUMMARY // 2)
    return one_line(f"{one_line(said, room)}{tail}", MAX_SUMMARY)


def named(ordered: tuple[Observation, ...]) -> tuple[Observation, ...]:
    """The metrics that the summary speaks of."""
    return (*ordered[:1], *(one for one in ordered[1:2] if one.share >= MAJOR))


def _phrase(one: Observation, outage: bool) -> str:
    unit = one.metric.unit
    if one.undefined and math.isnan(one.value):
        return f"{one.metric.name} is {deviation(one)}"
    subject = f"{one.metric.name} {'fell to' if outage else 'is'} {readable(one.value, unit)}"
    if one.activated:
        return f"{subject} (usually zero)"
    usual = readable_range(one.low, one.high, one.value, unit)
    if one.zero_normal:
        usual = readable(0.0, unit)
    if usual:
        subject += f" (usually {usual})"
    return f"{subject}, {deviation(one)}" if math.isfinite(one.value) and not outage else subject


def _position(one: Observation) -> str:
    """The part of the usual range in which a value lies that is rare at this time."""
    if not one.high > one.low:
        return "an unusual pattern"
    place = (one.value - one.low) / (one.high - one.low)
    if 0.25 < place < 0.75:
        return "an unusual pattern"
    return f"{'high' if place > 0.5 else 'low'} for this time of the week"


def _times(ratio: float) -> str:
    if ratio < 1.1:
        return "just above its usual range"
    if ratio > 1000:
        return "over 1000x the upper end of its usual range"
    return f"{decimal(ratio, 2)}x the upper end of its usual range"


def _distance(one: Observation) -> float:
    if math.isnan(one.value):
        return 0.0
    outside = 0.0
    if one.above and one.metric.direction is not Direction.DOWN:
        outside = one.value - one.high
    elif one.below and one.metric.direction is not Direction.UP:
        outside = one.low - one.value
    half = (one.high - one.low) / 2
    if outside <= 0 or not math.isfinite(half):
        return 0.0
    return min(outside / half, FARTHEST) if half > 0 else FARTHEST
