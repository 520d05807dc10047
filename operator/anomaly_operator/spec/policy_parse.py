"""From an SLOPolicy's `spec` to an `SLOPolicySpec`, or to the problem that makes it invalid.

An invalid policy holds for no service: half-read thresholds would judge by figures nobody wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anomaly_operator.api.fields import Fields, SpecError
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.objectives import parse_objectives
from anomaly_operator.spec.playbook import parse_playbook
from anomaly_operator.spec.policy import Levels, Override, SLOPolicySpec, overridden
from anomaly_operator.spec.rule_export import parse_export
from detector_runtime.contract.run_config import (
    BusyPeriod,
    DatabaseThresholds,
    RequestRateThresholds,
    Thresholds,
)

Level = Callable[[Fields, str], float | None]

# As the CRD has them, for a policy that no API server has filled in.
LATENCY = Thresholds(0.5, 0.8, 1.0)
ERROR_RATE = Thresholds(0.005, 0.01, 0.02)
DATABASE = DatabaseThresholds(1.5, 2.0, 3.0, 5.0, 0.005)
SURGE, CLIFF = 2.0, 0.5


def parse_policy(document: Any) -> tuple[SLOPolicySpec | None, tuple[Problem, ...]]:
    """`document` is the object's `spec`; of spec and problems one is empty."""
    try:
        return _spec(Fields(document, "spec")), ()
    except SpecError as error:
        return None, (error.problem,)


def _spec(fields: Fields) -> SLOPolicySpec:
    thresholds, floors = fields.child("thresholds"), fields.child("floors")
    latency = _thresholds(thresholds, "latency", _seconds, LATENCY)
    error_rate = _thresholds(thresholds, "errorRate", _share, ERROR_RATE)
    severity = fields.child("severity")
    overrides = (_override(item, latency, error_rate) for item in fields.items("overrides"))
    selector = fields.child("serviceSelector")
    return SLOPolicySpec(
        match_labels=selector.text_map("matchLabels") if fields.has("serviceSelector") else None,
        latency=latency,
        error_rate=error_rate,
        database_latency=_database(thresholds),
        request_rate=_request_rate(thresholds),
        error_rate_floor=floors.share("errorRate") or 0.0,
        traffic_floor=_decimal(floors, "traffic", 1.0),
        busy_periods=tuple(_busy_period(item) for item in fields.items("busyPeriods")),
        busy_factor=_decimal(fields, "busyPeriodFactor", 1.5),
        allow_downgrade=severity.flag("allowDowngradeToInformational", default=True),
        require_breach_for_critical=severity.flag("requireSLOBreachForCritical", default=True),
        overrides={override.service: override for override in overrides},
        objectives=parse_objectives(fields),
        export=parse_export(fields),
        playbook=parse_playbook(fields),
    )


def _seconds(fields: Fields, key: str) -> float | None:
    return fields.seconds(key, 0.0) if fields.has(key) else None


def _share(fields: Fields, key: str) -> float | None:
    return fields.share(key)


def _decimal(fields: Fields, key: str, default: float) -> float:
    value = fields.decimal(key)
    return default if value is None else value


def _levels(fields: Fields, level: Level) -> Levels:
    return Levels(level(fields, "acceptable"), level(fields, "warning"), level(fields, "critical"))


def _thresholds(parent: Fields, key: str, level: Level, usual: Thresholds) -> Thresholds | None:
    if not parent.has(key):
        return None
    levels = _levels(parent.child(key), level)
    found = Thresholds(
        usual.acceptable if levels.acceptable is None else levels.acceptable,
        usual.warning if levels.warning is None else levels.warning,
        usual.critical if levels.critical is None else levels.critical,
    )
    _check_order(parent, key, found)
    return found


def _check_order(parent: Fields, key: str, levels: Thresholds) -> None:
    if not 0 <= levels.acceptable <= levels.warning <= levels.critical:
        text = (
            f"acceptable {levels.acceptable:g}, warning {levels.warning:g}, critical "
            f"{levels.critical:g} must not decrease; correct their order"
        )
        raise parent.refuse(key, text, Reason.INVALID_THRESHOLDS)


def _override(item: Fields, latency: Thresholds | None, error_rate: Thresholds | None) -> Override:
    return Override(
        service=item.text("service"),
        latency=_override_levels(item, "latency", _seconds, latency),
        error_rate=_override_levels(item, "errorRate", _share, error_rate),
    )


def _override_levels(
    item: Fields, key: str, level: Level, base: Thresholds | None
) -> Levels | None:
    if not item.has(key):
        return None
    levels = _levels(item.child(key), level)
    resolved = overridden(base, levels)
    if resolved is None:
        text = f"overrides thresholds.{key}, which the policy does not have; write it there first"
        raise item.refuse(key, text, Reason.INVALID_THRESHOLDS)
    _check_order(item, key, resolved)
    return levels


def _database(thresholds: Fields) -> DatabaseThresholds | None:
    """Ratios to the training mean."""
    if not thresholds.has("databaseLatency"):
        return None
    fields = thresholds.child("databaseLatency")
    found = DatabaseThresholds(
        informational=_decimal(fields, "informational", DATABASE.informational),
        warning=_decimal(fields, "warning", DATABASE.warning),
        high=_decimal(fields, "high", DATABASE.high),
        critical=_decimal(fields, "critical", DATABASE.critical),
        floor=fields.seconds("floor", DATABASE.floor),
    )
    ratios = [found.informational, found.warning, found.high, found.critical]
    if ratios != sorted(ratios):
        text = (
            f"{', '.join(f'{ratio:g}' for ratio in ratios)} must not decrease; correct their order"
        )
        raise thresholds.refuse("databaseLatency", text, Reason.INVALID_THRESHOLDS)
    return found


def _request_rate(thresholds: Fields) -> RequestRateThresholds | None:
    if not thresholds.has("requestRate"):
        return None
    fields = thresholds.child("requestRate")
    minimum = fields.child("minimum")
    names = sorted(fields.text_map("minimum"))
    surge, cliff = _decimal(fields, "surge", SURGE), _decimal(fields, "cliff", CLIFF)
    if cliff >= surge:
        text = f"cliff {cliff:g} must be below surge {surge:g}"
        raise thresholds.refuse("requestRate", text, Reason.INVALID_THRESHOLDS)
    return RequestRateThresholds(
        surge, cliff, tuple((name, _decimal(minimum, name, 0.0)) for name in names)
    )


def _busy_period(item: Fields) -> BusyPeriod:
    start, end = item.moment("start"), item.moment("end")
    if end <= start:
        raise item.refuse("end", f"{item.text('end')} is not after start {item.text('start')}")
    return BusyPeriod(item.text("name"), start, end)
