"""`spec.objectives` of an SLOPolicy: how much may fail over days, and how fast it may be used up.

Queries keep their placeholders here, because a policy holds for many services.
"""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.reasons import Reason
from detector_runtime.contract.objectives import (
    DAY,
    MAX_OBJECTIVES,
    MAX_QUERY,
    MIN_BAD_EVENTS,
    TIERS,
    WINDOW,
    BurnTier,
    ObjectiveSpec,
    ObjectiveType,
    scaled,
)

MIN_TARGET = 0.5
"""A lower target is a share written as a percentage: 0.999% for 99.9%."""
MIN_WINDOW, MAX_WINDOW = 7 * DAY, 90 * DAY


def parse_objectives(fields: Fields) -> tuple[ObjectiveSpec, ...]:
    """From the policy's `spec`; SpecError names the field and the value."""
    found = tuple(_objective(item) for item in fields.items("objectives"))
    if len(found) > MAX_OBJECTIVES:
        raise _refuse(fields, "objectives", f"has {len(found)}, at most {MAX_OBJECTIVES} fit")
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise _refuse(fields, "objectives", f"{twice} stands there twice; rename one")
    return found


def _objective(item: Fields) -> ObjectiveSpec:
    target = item.share("target")
    if target is None or not MIN_TARGET <= target < 1:
        text = f"{item.text('target') or 'missing'}; write a percentage from 50% to below 100%"
        raise _refuse(item, "target", f"is {text}, such as 99.9%")
    window = item.whole_seconds("window", 30 * DAY)
    if not MIN_WINDOW <= window <= MAX_WINDOW or window % DAY:
        raise _refuse(item, "window", f"is {item.text('window')}; write whole days, 7d to 90d")
    return _with_events(
        item,
        ObjectiveSpec(
            name=item.required_text("name", "availability"),
            type=item.choice("type", ObjectiveType.AVAILABILITY),
            target=round(target, 8),
            window_seconds=window,
            tiers=_tiers(item.child("tiers"), window),
            min_bad_events=_least(item),
        ),
    )


def _with_events(item: Fields, objective: ObjectiveSpec) -> ObjectiveSpec:
    indicator = item.child("indicator")
    if indicator.has("ratio") == indicator.has("errorRatio"):
        raise _refuse(item, "indicator", "needs one of ratio and errorRatio")
    if indicator.has("errorRatio"):
        return replace(objective, error_ratio=_query(indicator, "errorRatio"))
    ratio = indicator.child("ratio")
    if ratio.has("errors") == ratio.has("good"):
        raise _refuse(indicator, "ratio", "needs one of errors and good, besides total")
    total = _query(ratio, "total")
    if ratio.has("errors"):
        return replace(objective, errors=_query(ratio, "errors"), total=total)
    return replace(objective, good=_query(ratio, "good"), total=total)


def _query(fields: Fields, key: str) -> str:
    text = fields.required_text(key, '"sum(increase(http_requests_total[$(window)]))"')
    if WINDOW not in text:
        raise _refuse(fields, key, f"does not use {WINDOW}; write [{WINDOW}] for its range")
    if len(text) > MAX_QUERY:
        raise _refuse(fields, key, f"has {len(text)} characters, at most {MAX_QUERY} fit")
    return text


def _least(item: Fields) -> float:
    value = item.decimal("minBadEvents")
    if value is not None and value < 0:
        raise _refuse(item, "minBadEvents", f"is {value:g}, at least 0 is allowed")
    return MIN_BAD_EVENTS if value is None else value


def _tiers(fields: Fields, window: int) -> tuple[BurnTier, ...]:
    found = []
    for tier in TIERS:
        chosen = fields.child(tier.name.value[0].lower() + tier.name.value[1:])
        if chosen.flag("enabled", default=True):
            severity = chosen.choice("severity", tier.severity)
            found.append(replace(scaled(tier, window), severity=severity))
    return tuple(found)


def _refuse(fields: Fields, key: str, message: str) -> ValueError:
    return fields.refuse(key, message, Reason.INVALID_OBJECTIVES)
