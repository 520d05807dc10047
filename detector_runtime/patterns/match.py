"""Whether a pattern fits a window, and if not, which condition failed and by how much.

What is not known matches nothing: a service without a database metric has no database pattern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from detector_runtime.contract.patterns import (
    Circumstance,
    Level,
    LevelCondition,
    PatternSpec,
    RatioCondition,
)
from detector_runtime.contract.text import percent
from detector_runtime.contract.vocabulary import Role
from detector_runtime.patterns.standing import Standing, severe_from
from detector_runtime.series.units import readable, seconds_per

_BORDER = {
    Level.VERY_LOW: 0,
    Level.LOW: 1,
    Level.MODERATE: 2,
    Level.ELEVATED: 3,
    Level.HIGH: 4,
    Level.VERY_HIGH: 5,
}


@dataclass(frozen=True, slots=True)
class Situation:
    """A window as patterns see it: its metrics, and what holds beyond them."""

    metrics: tuple[Standing, ...]
    circumstances: frozenset[Circumstance] = frozenset()

    def of(self, role: Role | None, metric: str) -> tuple[Standing, ...]:
        """The metrics that a condition speaks of."""
        if metric:
            return tuple(one for one in self.metrics if one.metric.name == metric)
        return tuple(one for one in self.metrics if one.metric.role is role)


@dataclass(frozen=True, slots=True)
class Match:
    """`explains`: names of the metrics that the pattern says are low or high; `ratio`: the first
    ratio's value, NaN without one."""

    spec: PatternSpec
    explains: tuple[str, ...]
    ratio: float = math.nan


@dataclass(frozen=True, slots=True)
class Unmet:
    """The conditions of a pattern that do not hold, in words."""

    spec: PatternSpec
    reasons: tuple[str, ...]


def fit(spec: PatternSpec, situation: Situation) -> Match | None:
    """What `spec` says of `situation`; None where it does not fit, without the reasons."""
    if not situation.circumstances.issuperset(spec.circumstances):
        return None
    explains: list[str] = []
    for condition in spec.when:
        found = situation.of(condition.role, condition.metric)
        if not _holds(condition, found):
            return None
        if Level.NORMAL not in condition.levels:
            explains += [one.metric.name for one in found if one.level in condition.levels]
    ratios = [_ratio(one, situation) for one in spec.ratios]
    if any(_unmet_ratio(one, value) for one, value in zip(spec.ratios, ratios, strict=True)):
        return None
    if not spec.when:
        explains = [one.metric.name for one in situation.metrics if one.unusual]
    return Match(spec, tuple(dict.fromkeys(explains)), ratios[0] if ratios else math.nan)


def match(spec: PatternSpec, situation: Situation) -> Match | Unmet:
    """`spec` held against `situation`."""
    found = fit(spec, situation)
    return Unmet(spec, _reasons(spec, situation)) if found is None else found


def _reasons(spec: PatternSpec, situation: Situation) -> tuple[str, ...]:
    levels = (_unmet_level(one, situation.of(one.role, one.metric)) for one in spec.when)
    ratios = (_unmet_ratio(one, _ratio(one, situation)) for one in spec.ratios)
    missing = [one for one in spec.circumstances if one not in situation.circumstances]
    absent = (f"{one.value} does not hold" for one in missing)
    return tuple(reason for reason in (*levels, *ratios, *absent) if reason)


def chosen(
    catalogue: Sequence[PatternSpec], situation: Situation, subject: frozenset[str], limit: int
) -> tuple[Match, ...]:
    """At most `limit` patterns that fit, those about the `subject` (names of metrics) first.

    One that explains no metric beyond those before it is left out.
    """
    found = [one for spec in catalogue if (one := fit(spec, situation)) is not None]
    found.sort(key=lambda one: not subject & set(one.explains))
    taken: list[Match] = []
    explained: set[str] = set()
    for one in found:
        if set(one.explains) - explained and len(taken) < limit:
            taken.append(one)
            explained |= set(one.explains)
    return tuple(taken)


def _holds(condition: LevelCondition, found: tuple[Standing, ...]) -> bool:
    """One metric at a wanted level is enough, but for what is to be normal: then all have to be."""
    known = [one.level for one in found if one.level is not Level.UNKNOWN]
    held = [level in condition.levels for level in known]
    return bool(held) and (all(held) if Level.NORMAL in condition.levels else any(held))


def _unmet_level(condition: LevelCondition, found: tuple[Standing, ...]) -> str:
    """Why the condition does not hold; empty where it does."""
    if _holds(condition, found):
        return ""
    about = condition.metric or (condition.role.value if condition.role else "")
    known = [one for one in found if one.level is not Level.UNKNOWN]
    if not found:
        return f"{about}: the service has no such metric"
    if not known:
        return f"{about}: no value"
    first = next(one for one in known if one.level not in condition.levels)
    wanted = " or ".join(level.value for level in condition.levels)
    shown = readable(first.value, first.metric.unit)
    gap = _gap(first, condition)
    return f"{first.metric.name} is {first.level.value} ({shown}), wanted {wanted}{gap}"


def _gap(standing: Standing, condition: LevelCondition) -> str:
    """From where on the nearest wanted level begins."""
    indices = [_BORDER[level] for level in condition.levels if level in _BORDER]
    if not indices or not standing.borders or Level.NORMAL in condition.levels:
        return ""
    low = all(index < 2 for index in indices)
    border = standing.borders[max(indices) if low else min(indices)]
    if min(indices) == _BORDER[Level.VERY_HIGH]:
        border = max(border, severe_from(standing.metric))
    said = f": {'below' if low else 'above'} {readable(border, standing.metric.unit)}"
    passed = standing.value < border if low else standing.value > border
    # A level is held over the windows of a deviation, so one value beyond a border is not enough.
    return f"{said} in more windows than this one" if passed else said


def _ratio(condition: RatioCondition, situation: Situation) -> float:
    part = _largest(situation.of(condition.role, condition.metric))
    whole = _largest(situation.of(condition.of_role, condition.of_metric))
    return part / whole if whole > 0 else math.nan


def _largest(found: tuple[Standing, ...]) -> float:
    """In seconds where the unit is one of time; NaN where no value is known."""
    values = [
        one.value * (seconds_per(one.metric.unit) or 1.0)
        for one in found
        if one.level is not Level.UNKNOWN
    ]
    return max(values, default=math.nan)


def _unmet_ratio(condition: RatioCondition, value: float) -> str:
    about = " / ".join(
        metric or (role.value if role else "")
        for role, metric in (
            (condition.role, condition.metric),
            (condition.of_role, condition.of_metric),
        )
    )
    if math.isnan(value):
        return f"{about}: no value"
    if value > condition.above:
        return ""
    return f"{about} is {percent(value)}, wanted more than {percent(condition.above)}"
