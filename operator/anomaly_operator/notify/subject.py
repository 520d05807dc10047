"""An incident as far as messages are decided: read once from its Anomaly and its service.

A field that another part of the operator has not written yet counts as not known. Nothing here
looks at a clock or at other incidents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import AnomalyReason
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.feedback import verdict_of
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.notify.edges import MAX_MISSED
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.world.objects import AnomalyObject, Meta
from detector_runtime.contract.pattern_names import SILENT
from detector_runtime.contract.vocabulary import Category, Severity, SLOStatus

_SEVERITIES = {severity.value: severity for severity in Severity}
_OWED = frozenset({AnomalyReason.PENDING.value, AnomalyReason.FAILING.value})


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What a service's spec says to routes. `silent`: patterns that notify nobody. `linked`: it has
    dependencies or is one, so that its incident may have a root cause or symptoms.
    """

    name: str
    category: Category = Category.STANDARD
    labels: Mapping[str, str] = field(default_factory=dict)
    silent: frozenset[str] = SILENT
    interval_seconds: int = 60
    linked: bool = False


def service_facts(
    name: str, spec: ServiceSpec | None, settings: Settings, *, depended_on: bool = False
) -> ServiceFacts:
    """`spec` None: it cannot be used, and the defaults hold."""
    if spec is None:
        return ServiceFacts(name)
    own = {one.name: one for one in (*settings.patterns, *spec.patterns)}
    spoken = {name for name, one in own.items() if one.alerting and not one.locked}
    quiet = own.keys() - spoken
    return ServiceFacts(
        name=name,
        category=spec.category,
        labels=spec.alert_labels,
        silent=(SILENT - spoken) | quiet | set(spec.non_alerting_patterns),
        interval_seconds=spec.interval_seconds,
        linked=bool(spec.depends_on) or depended_on,
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """Times in unix seconds, 0 = not known. `created`: of the object. `missed`: the deadline that
    was missed, empty while none was. `symptom_of`: namespace and name of the root's Anomaly.
    `judged_normal`: a person said that nothing is wrong. `was_owed`: the object's condition says
    that a message has not gone out yet. `status` is the object's, for the texts.
    """

    uid: str
    namespace: str
    name: str
    service: ServiceFacts
    created: int
    first_seen: int
    opening_pattern: str
    pattern: str
    severity: Severity
    slo: str
    running: bool
    closed_at: int
    reopened: int
    tier: str
    missed: str
    symptom_of: tuple[str, str] | None
    judged_normal: bool
    was_owed: bool
    status: Mapping[str, Any]

    @property
    def silent(self) -> bool:
        """Its pattern notifies nobody; a breached SLO is told all the same."""
        return self.pattern in self.service.silent and self.slo != SLOStatus.BREACHED.value


def subject_of(anomaly: AnomalyObject, facts: ServiceFacts) -> Subject:
    """From the object as it stands."""
    spec = json.loads(anomaly.spec or b"{}")
    return subject(anomaly.meta, spec, json.loads(anomaly.status or b"{}"), facts)


def subject(
    meta: Meta, spec: Mapping[str, Any], status: Mapping[str, Any], facts: ServiceFacts
) -> Subject:
    """From an object's parts, of which `status` may not be written yet."""
    priority = _mapping(status.get("priority"))
    verdict = verdict_of(spec)
    return Subject(
        uid=meta.uid,
        namespace=meta.namespace,
        name=meta.name,
        service=facts,
        created=meta.created,
        first_seen=unix_seconds(spec.get("firstSeen")),
        opening_pattern=str(spec.get("openingPattern") or status.get("pattern") or ""),
        pattern=str(status.get("pattern") or ""),
        severity=_SEVERITIES.get(str(status.get("severity")), Severity.NONE),
        slo=str(_mapping(status.get("slo")).get("status", "")),
        running=status.get("state") in {IncidentPhase.OPEN.value, IncidentPhase.RECOVERING.value},
        closed_at=unix_seconds(status.get("closedAt")),
        reopened=_count(status.get("reopened")),
        tier=str(priority.get("tier") or ""),
        missed=_missed(priority),
        symptom_of=_root(status.get("symptomOf"), meta.namespace),
        judged_normal=verdict is not None and verdict.normal,
        was_owed=notified_reason(status) in _OWED,
        status=status,
    )


def notified_reason(status: Mapping[str, Any]) -> str:
    """Reason of the condition Notified; empty where there is none."""
    listed = status.get("conditions")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and one.get("type") == ConditionType.NOTIFIED.value:
            return str(one.get("reason") or "")
    return ""


def _missed(priority: Mapping[str, Any]) -> str:
    if not priority.get("missed"):
        return ""
    return str(priority.get("deadline") or "missed")[:MAX_MISSED]


def _root(value: Any, namespace: str) -> tuple[str, str] | None:
    """`symptomOf`: the name of an Anomaly, with its namespace in front where that is another."""
    if not isinstance(value, str) or not value:
        return None
    other, slash, name = value.rpartition("/")
    return (other if slash else namespace), name


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
