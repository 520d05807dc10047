"""The objectives of a service as Prometheus rules: counts of events, the budget left, and alerts.

They say what a scoring pod says of the same objective, so whoever pages by Alertmanager need not
wait for the operator. A window of up to six hours is counted from the series themselves, a longer
one from the counts of five minutes that Prometheus recorded before: a range of 30 days each minute
would cost more than all else. So a long window knows what happened since the rules are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector_runtime.contract.objectives import (
    SHORTEST,
    BurnTier,
    ObjectiveSpec,
    over,
    window_text,
)
from detector_runtime.contract.vocabulary import Severity

Json = dict[str, Any]

INTERVAL_SECONDS = 60
"""Between two evaluations; an alert is late by one at most."""
LONGEST_COUNTED = 6 * 3600
"""Seconds of the longest window that is counted from the series themselves."""
ALERT = "SLOErrorBudgetBurn"
_BAD, _ALL, _RATIO = (
    "anomaly_slo:bad_events:count_",
    "anomaly_slo:events:count_",
    "anomaly_slo:error_ratio:over_",
)
_LEFT = "anomaly_slo:error_budget_left:ratio"
_NOTIFIED = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "warning",
    Severity.LOW: "warning",
}
"""Values of the label `severity` as the rules of Kubernetes and its monitoring use it."""


def group(objective: ObjectiveSpec, labels: Mapping[str, str], name: str) -> Json:
    """The rule group of one objective. `labels` tell its series apart from all others."""
    rules = [
        rule for seconds in _windows(objective) for rule in _recorded(objective, seconds, labels)
    ]
    rules.append(_budget(objective, labels))
    rules.extend(_alert(objective, tier, labels) for tier in objective.tiers)
    return {"name": name, "interval": window_text(INTERVAL_SECONDS), "rules": rules}


def _windows(objective: ObjectiveSpec) -> list[int]:
    """Shortest first, as the long ones are made from it."""
    of_tiers = {one for tier in objective.tiers for one in (tier.long_seconds, tier.short_seconds)}
    return sorted({SHORTEST, objective.window_seconds, *of_tiers})


def _recorded(objective: ObjectiveSpec, seconds: int, labels: Mapping[str, str]) -> list[Json]:
    if objective.error_ratio:
        expr = (
            _recalled("avg_over_time", _RATIO, seconds, labels)
            or f"max(\n{over(objective.error_ratio, seconds)}\n)"
        )
        return [_record(_RATIO, seconds, expr, labels)]
    bad = _added_up(_BAD, seconds, labels) or _bad(objective, seconds)
    events = _added_up(_ALL, seconds, labels) or _sum(objective.total, seconds)
    return [_record(_BAD, seconds, bad, labels), _record(_ALL, seconds, events, labels)]


def _bad(objective: ObjectiveSpec, seconds: int) -> str:
    if objective.errors:
        return _sum(objective.errors, seconds)
    total, good = _sum(objective.total, seconds), _sum(objective.good, seconds)
    # Each count is extrapolated to the window, so the good ones may exceed the total by a little.
    return f"clamp_min({total} - {good}, 0)"


def _sum(query: str, seconds: int) -> str:
    """A query's value without its labels. A comment at its end swallows nothing."""
    return f"sum(\n{over(query, seconds)}\n)"


def _recalled(function: str, record: str, seconds: int, labels: Mapping[str, str]) -> str:
    """`function` over what was recorded in a long window; empty for one that is counted."""
    if seconds <= LONGEST_COUNTED:
        return ""
    return f"{function}({_series(record, SHORTEST, labels)}[{window_text(seconds)}])"


def _added_up(record: str, seconds: int, labels: Mapping[str, str]) -> str:
    """Each event stands in as many counts as there are evaluations in the short window."""
    counts = _recalled("sum_over_time", record, seconds, labels)
    return counts and f"{counts} * {INTERVAL_SECONDS / SHORTEST:g}"


def _record(record: str, seconds: int, expr: str, labels: Mapping[str, str]) -> Json:
    return {"record": record + window_text(seconds), "expr": expr, "labels": dict(labels)}


def _budget(objective: ObjectiveSpec, labels: Mapping[str, str]) -> Json:
    expr = f"1 - {_burn_rate(objective, objective.window_seconds, labels)}"
    return {"record": _LEFT, "expr": expr, "labels": dict(labels)}


def _burn_rate(objective: ObjectiveSpec, seconds: int, labels: Mapping[str, str]) -> str:
    """NaN where nothing happened, which exceeds no factor."""
    budget = f"{objective.budget:.9g}"
    if objective.error_ratio:
        return f"{_series(_RATIO, seconds, labels)} / {budget}"
    bad, events = _series(_BAD, seconds, labels), _series(_ALL, seconds, labels)
    return f"{bad} / {events} / {budget}"


def _alert(objective: ObjectiveSpec, tier: BurnTier, labels: Mapping[str, str]) -> Json:
    """Its value is the burn rate over the long window."""
    conditions = [
        f"{_burn_rate(objective, seconds, labels)} >= {tier.factor:g}"
        for seconds in (tier.long_seconds, tier.short_seconds)
    ]
    if objective.min_bad_events and not objective.error_ratio:
        bad = _series(_BAD, tier.long_seconds, labels)
        conditions.append(f"{bad} >= {objective.min_bad_events:g}")
    return {
        "alert": ALERT,
        "expr": "\nand\n".join(conditions),
        "labels": {
            **labels,
            "severity": _NOTIFIED.get(tier.severity, "info"),
            "anomaly_severity": tier.severity.value,
            "tier": tier.name.value,
        },
        "annotations": _annotations(objective, tier, labels),
    }


def _annotations(
    objective: ObjectiveSpec, tier: BurnTier, labels: Mapping[str, str]
) -> dict[str, str]:
    target = f"{100 * objective.target:.6g}%"
    window, long = window_text(objective.window_seconds), window_text(tier.long_seconds)
    return {
        "summary": (
            f"{labels['service']} uses up the error budget of {objective.name} "
            "{{ $value | humanize }} times too fast"
        ),
        "description": (
            f"Over {long} and {window_text(tier.short_seconds)} the error budget burns at least "
            f"{tier.factor:g} times as fast as {target} over {window} allows. {_LEFT} has what is "
            "left of it."
        ),
    }


def _series(record: str, seconds: int, labels: Mapping[str, str]) -> str:
    matchers = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{record}{window_text(seconds)}{{{matchers}}}"
