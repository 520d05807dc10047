"""The status document of a service, whole: what the operator owns, and never `detection`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.conditions import MAX_MESSAGE, dated, updated
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.text import to_text
from anomaly_operator.evaluation.figures import rendered
from anomaly_operator.incidents import wire
from anomaly_operator.incidents.impact import impact_level
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.slo.budgets import write_budgets
from anomaly_operator.slo.standing import SLOStanding, write_standing
from anomaly_operator.status.assessment import assessment
from anomaly_operator.status.conditions import conditions
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.packing import RECORD
from anomaly_operator.status.readiness import (
    readiness,
    state_of,
    summary_of,
    unusable_state,
    unusable_trio,
)
from anomaly_operator.status.slo_condition import budget_standing, slo_standing
from anomaly_operator.status.stored import Status
from anomaly_operator.training.book import Model, write
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.codec import encode
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Severity, SLOStatus


def status_document(
    service: Meta,
    before: Status,
    facts: Facts,
    references: Mapping[str, str],
    *,
    now: int,
    next_training: int,
) -> dict[str, Any]:
    """`.status` without `detection`; empty parts are left out, and a record that could not be read
    stays. `next_training`: unix seconds by the
    schedule, 0 = none is scheduled.
    """
    trio = readiness(facts)
    ready = trio[0]
    state = state_of(facts, ready)
    slo = slo_standing(facts, before.slo)
    objectives = budget_standing(facts, before.objectives)
    incidents, summary = facts.incidents, summary_of(facts, state, ready)
    result = facts.training.result
    trained = _trained_at(result.trained) if result and result.trained else before.last_training
    trained = trained if facts.serving.needed else ""
    status = {
        "formatVersion": names.STATUS_FORMAT_VERSION,
        "observedGeneration": service.generation,
        "state": state.value,
        **_verdicts(incidents, slo.status),
        "assessment": assessment(state, slo.status, incidents, summary),
        "summary": summary,
        "conditions": dated(
            (*trio, *conditions(facts, slo, objectives)),
            before.raw.get("conditions", ()),
            service.generation,
            now,
        ),
        "model": _model(facts),
        "dependencies": _dependencies(facts.dependencies),
        "serving": dict(facts.endpoint.shown),
        "falseIncidents": _false_incidents(facts, before),
        "evaluation": rendered(facts.evaluation),
        "slo": _slo(facts, slo),
        "objectives": write_budgets(objectives),
        "training": write(facts.training.book),
        "incidents": wire.render(incidents) if incidents else before.raw.get("incidents"),
        "expected": wire.render_expected(incidents) if incidents else before.raw.get("expected"),
        "references": dict(references),
        "lastTrainingTime": trained,
        "nextTrainingTime": to_text(next_training) if next_training else "",
        "lastHandledTrainRequest": facts.training.book.request or before.last_request,
    }
    # An empty record cannot be read either.
    kept = {RECORD: before.raw[RECORD]} if RECORD in before.raw else {}
    return {key: value for key, value in status.items() if value not in ("", {}, [], None)} | kept


def unusable_document(
    service: Meta,
    before: Status,
    problems: tuple[Problem, ...],
    incidents: IncidentState | None,
    now: int,
    *,
    dependencies: Dependencies,
) -> dict[str, Any]:
    """The old status with the incidents as they are and the three conditions that a spec which
    cannot be used changes."""
    trio = unusable_trio(problems)
    old = before.raw.get("conditions", ())
    left_out = ("detection", "dependencies")
    status = {key: value for key, value in before.raw.items() if key not in left_out}
    state = unusable_state(incidents)
    known: dict[str, Any] = {}
    if incidents:
        status.pop("expected", None)
        status.pop("modelSeverity", None)
        known = {"incidents": wire.render(incidents), **_verdicts(incidents, before.slo.status)}
        known |= {"expected": wire.render_expected(incidents)} if incidents.expected else {}
    if standing := _dependencies(dependencies):
        known["dependencies"] = standing
    return {
        "severity": Severity.NONE.value,
        **status,
        **known,
        "formatVersion": names.STATUS_FORMAT_VERSION,
        "observedGeneration": service.generation,
        "state": state.value,
        "assessment": assessment(state, SLOStatus.UNKNOWN, incidents, trio[0].message),
        "summary": trio[0].message[:MAX_MESSAGE],
        "conditions": updated(trio, old, service.generation, now),
    }


def _verdicts(incidents: IncidentState | None, slo: SLOStatus) -> dict[str, str]:
    """What comes of the model's verdict through the SLO, the model's own where it differs, and what
    both mean."""
    known = incidents or IncidentState()
    model = known.model_severity
    verdicts = {
        "severity": known.severity.value,
        "impactLevel": impact_level(known.severity, slo).value,
    }
    return verdicts if model is known.severity else {**verdicts, "modelSeverity": model.value}


def _dependencies(found: Dependencies) -> dict[str, Any]:
    """Nothing where no verdict on any of them is known: that is neither health nor trouble."""
    document: dict[str, Any] = encode(found) if found.known else {}
    return document


def _trained_at(model: Model) -> str:
    return to_text(model.trained_at) if model.trained_at else ""


def _model(facts: Facts) -> dict[str, Any]:
    model = facts.serving.model
    if model is None:
        return {}
    pinned = {"pinned": True} if facts.serving.pinned else {}
    return {**write(model), **pinned}


def _false_incidents(facts: Facts, before: Status) -> dict[str, Any]:
    """How the promise is kept, once there is a model that makes one. While nothing is scored, days
    that pass say nothing."""
    if not facts.serving.needed:
        return {}
    if facts.spec.suspend:
        return dict(before.raw.get("falseIncidents") or {})
    if facts.serving.model is None:
        return {}
    kept = facts.control
    return {
        "toleratedPerWeek": decimal(facts.spec.detector.false_incidents_per_week),
        "observedPerWeek": decimal(kept.observed, 2),
        "observedDays": kept.days,
        "levelOffset": decimal(kept.offset),
    }


def _slo(facts: Facts, standing: SLOStanding) -> dict[str, Any]:
    """Without the proximity: it changes with each window and would be written with each."""
    return write_standing(standing) if facts.policy.slo is not None else {}
