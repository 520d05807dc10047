"""An anomalous window in words: which metrics, their values, how far from usual.

Figures come with their unit and the usual range at that time of the week. Distance is given as a
multiple of that range's end ("4.1x the upper end of its usual range"), not in standard deviations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from detector_runtime.contract.detection import Contribution
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.text import decimal, percent
from detector_runtime.contract.vocabulary import MAX_CONTRIBUTIONS
from detector_runtime.errors import one_line
from detector_runtime.verdict.units import readable

MAX_SUMMARY = 256
_ALSO = 0.25
"""From this share of the evidence on, the summary names the second metric as well."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One metric in one window: `value` and its usual range then, its `share` of the evidence.

    `zero_normal`: its usual value is zero, so any other value is an activation. The range is still
    used for the distance; texts show zero.
    """

    metric: MetricSpec
    value: float
    low: float
    high: float
    share: float
    detector: str = ""
    zero_normal: bool = False

    @property
    def activated(self) -> bool:
        return self.zero_normal and math.isfinite(self.value) and self.value != 0

    @property
    def above(self) -> bool:
        return self.value > self.high

    @property
    def below(self) -> bool:
        return self.value < self.low


def by_share(observations: tuple[Observation, ...]) -> tuple[Observation, ...]:
    """The metrics that took part, the largest share first."""
    return tuple(sorted((one for one in observations if one.share > 0), key=lambda one: -one.share))


def contributions(ordered: tuple[Observation, ...]) -> tuple[Contribution, ...]:
    """The first metrics of `ordered` as the status shows them."""
    return tuple(
        Contribution(
            metric=one.metric.name,
            value=decimal(one.value),
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
    """How far outside its usual range, in words."""
    if not math.isfinite(one.value):
        return "missing"
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
    return "within its usual range, but in an unusual pattern"


def summary(ordered: tuple[Observation, ...], period: str) -> str:
    """One sentence: the leading metric, a second one with a large share, the period."""
    named = [ordered[0], *(one for one in ordered[1:2] if one.share >= _ALSO)]
    return one_line(f"{'; '.join(_phrase(one) for one in named)} during {period}", MAX_SUMMARY)


def _phrase(one: Observation) -> str:
    unit = one.metric.unit
    subject = f"{one.metric.name} is {readable(one.value, unit)}"
    if one.activated:
        return f"{subject} (usually zero)"
    usual = f"{readable(one.low, unit)} to {readable(one.high, unit)}"
    if one.zero_normal:
        usual = readable(0.0, unit)
    if not math.isfinite(one.value):
        return f"{subject} (usually {usual})"
    return f"{subject} (usually {usual}), {deviation(one)}"


def _times(ratio: float) -> str:
    if ratio < 1.1:
        return "just above its usual range"
    if ratio > 1000:
        return "over 1000x the upper end of its usual range"
    return f"{decimal(ratio, 2)}x the upper end of its usual range"
