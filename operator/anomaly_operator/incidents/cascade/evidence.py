"""From an incident, as its service's status holds it, to a suspect."""

from __future__ import annotations

import math
from collections.abc import Mapping

from anomaly_operator.incidents.cascade.suspect import Evidence, ServiceKey, Side, Suspect
from anomaly_operator.incidents.state import Incident
from detector_runtime.contract.detection import Contribution
from detector_runtime.contract.vocabulary import Role, Unit

_TO_BASE = {Unit.SECONDS: 1.0, Unit.MILLISECONDS: 0.001, Unit.RATIO: 1.0, Unit.PERCENT: 0.01}


def suspect_of(
    key: ServiceKey,
    incident: Incident,
    roles: Mapping[str, Role],
    step_seconds: int,
    rate: float = 0.0,
) -> Suspect:
    """`incident` is confirmed. `roles`: of the service's metrics by name; an unknown one is Custom.
    What it contributes is that of its worst window. `rate`: its usual requests a second, 0 = not
    known."""
    return Suspect(
        key=key,
        anomaly=incident.anomaly,
        first_seen=incident.opened,
        step_seconds=step_seconds,
        severity=incident.severity,
        score=_number(incident.score, 0.0),
        pattern=incident.pattern,
        evidence=tuple(
            Evidence(
                roles.get(one.metric, Role.CUSTOM), _side(one), _share(one.share), _excess(one)
            )
            for one in incident.contributions
        ),
        measures=frozenset(roles.values()),
        rate=rate,
    )


def _side(one: Contribution) -> Side:
    """A value that is missing or undefined lies nowhere; so does one beside a bound that is."""
    value = _number(one.value, math.nan)
    if value > _number(one.usual_high, math.inf):
        return Side.UP
    return Side.DOWN if value < _number(one.usual_low, -math.inf) else Side.INSIDE


def _excess(one: Contribution) -> float | None:
    factor = _TO_BASE.get(Unit(one.unit)) if one.unit in set(Unit) else None
    found = _number(one.value, math.nan) - _number(one.usual_high, math.nan)
    return found * factor if factor and math.isfinite(found) else None


def _share(text: str) -> float:
    value = _number(text.removesuffix("%"), 0.0)
    return value / 100 if text.endswith("%") else value


def _number(text: str, default: float) -> float:
    try:
        return float(text)
    except ValueError:
        return default
