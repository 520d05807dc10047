"""What the runtime and the operator write comes back whole: the API server prunes nothing.

The documents are built from the dataclasses themselves, every field filled, so that a field that is
added there and forgotten in the CRD fails here.
"""

from __future__ import annotations

import dataclasses
import itertools
import types
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import pytest

from anomaly_operator.anomalies import document, reaction
from anomaly_operator.anomalies.containment import MAX_MESSAGE, Outcome
from anomaly_operator.anomalies.manifest import manifest
from anomaly_operator.anomalies.priority import MAX_STEP
from anomaly_operator.anomalies.training_run import TIERS, training_run_part
from anomaly_operator.api.names import STATUS_FIELD_MANAGER, containment_job_name
from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.incidents import wire
from anomaly_operator.incidents.bounds import bounded
from anomaly_operator.incidents.playbook import Entry
from anomaly_operator.incidents.priority import Part
from anomaly_operator.incidents.state import (
    MAX_PATTERNS,
    MAX_TRACKED,
    Incident,
    IncidentSettings,
    IncidentState,
)
from anomaly_operator.observe.read import metadata
from anomaly_operator.training.book import MAX_WARNINGS, Model, TrainingBook, read, write
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract import context
from detector_runtime.contract import objectives as slo
from detector_runtime.contract import training_run as run
from detector_runtime.contract import vocabulary as contract
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import Detection, WindowReport
from detector_runtime.contract.members import MAX_MEMBERS

pytestmark = pytest.mark.controlplane

T = TypeVar("T")
Json = dict[str, Any]

# As many as the contract allows; lists of one per metric go up to the metrics of a service.
COUNTS = {
    "windows": contract.MAX_WINDOWS,
    "findings": contract.MAX_FINDINGS,
    "contributions": contract.MAX_CONTRIBUTIONS,
    "recommended_actions": contract.MAX_ACTIONS,
    "patterns": MAX_PATTERNS,
    "explains": 32,
    "tracked": MAX_TRACKED,
    "metrics": 32,
    "comparison": 32,
    "usual": 32,
    "verdicts": MAX_MEMBERS,
    "warnings": MAX_WARNINGS,
    "detectors": contract.MAX_DETECTORS,
    "objectives": slo.MAX_OBJECTIVES,
    "context": context.MAX_CONTEXT,
    "rows": context.MAX_ROWS,
    "smouldering": len(slo.TIERS),
    "burn": 2 * len(slo.TIERS),
    "revisions": 21,  # as many as the settings let an administrator keep, and the one that serves
}


WORDS = {"tier": "Critical", "action": "Stop"}
"""Texts of which the schema lists the values."""
NUMBERS = {
    "format_version": contract.FORMAT_VERSION,
    "step_seconds": 3600,
    "votes": 2,
    "members": 3,
}


def filled(kind: type[T]) -> T:
    """An instance with a value in every field and as many items in every list as may be."""
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    return kind(**{field.name: _value(hints[field.name], field.name) for field in fields})


def _value(hint: Any, name: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _value(next(part for part in get_args(hint) if part is not type(None)), name)
    if origin is tuple:
        return tuple(_value(get_args(hint)[0], name) for _ in range(COUNTS.get(name, 2)))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return filled(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint)[-1]
    return {str: WORDS.get(name, "12.5"), int: NUMBERS.get(name, 1_763_800_000), bool: True}[hint]


def apply_status(sandbox: Sandbox, service: Json, manager: str, status: Json) -> Json:
    meta = service["metadata"]
    path = sandbox.api.resource("asvc").path(meta["namespace"], meta["name"], "status")
    body = {
        "apiVersion": service["apiVersion"],
        "kind": service["kind"],
        "metadata": {"name": meta["name"], "uid": meta["uid"]},
        "status": status,
    }
    query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
    return sandbox.api.request(
        "PATCH", path, body, query=query, content_type="application/apply-patch+yaml"
    )


@pytest.fixture
def service(crds: Sandbox, namespace: str) -> Json:
    body = {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {"name": "checkout"},
        "spec": {"preset": "OpenTelemetrySpanMetrics"},
    }
    return crds.api.create("asvc", body, namespace)


def test_a_full_detection_comes_back_whole(crds: Sandbox, service: Json) -> None:
    detection = filled(Detection)
    written = apply_status(
        crds, service, contract.DETECTION_FIELD_MANAGER, {"detection": encode(detection)}
    )
    kept = written["status"]["detection"]
    assert kept == encode(detection)
    assert decode(Detection, kept) == detection


def test_the_barest_detection_is_taken(crds: Sandbox, service: Json) -> None:
    bare = Detection(model_revision="", run=contract_run(contract.RunOutcome.SOURCE_UNAVAILABLE))
    written = apply_status(
        crds, service, contract.DETECTION_FIELD_MANAGER, {"detection": encode(bare)}
    )
    assert decode(Detection, written["status"]["detection"]) == bare


def contract_run(outcome: contract.RunOutcome) -> Any:
    kind = get_type_hints(Detection)["run"]
    return kind(outcome=outcome)


def test_full_incidents_come_back_whole(crds: Sandbox, service: Json) -> None:
    state = bounded(filled(IncidentState))
    incidents = {**wire.render(state), "open": MAX_TRACKED}
    rules = wire.render_expected(state)
    status = {"incidents": incidents, "expected": rules}
    written = apply_status(crds, service, STATUS_FIELD_MANAGER, status)["status"]
    assert (written["incidents"], written["expected"]) == (incidents, rules)
    assert wire.parse(written["incidents"], written["expected"]) == state


def test_the_book_of_trainings_comes_back_whole(crds: Sandbox, service: Json) -> None:
    book = filled(TrainingBook)
    # The list is keyed by revision, so the twenty need names of their own.
    revisions = (
        replace(model, revision=f"20261122-0215{index:02d}-3f2a9c")
        for index, model in enumerate(book.revisions)
    )
    book = replace(book, revisions=tuple(revisions))
    status = {"training": write(book), "model": {**write(filled(Model)), "pinned": True}}
    written = apply_status(crds, service, STATUS_FIELD_MANAGER, status)["status"]
    assert written == status
    assert read(TrainingBook, written["training"]) == book


PRIORITY = {
    "value": 40,
    "tier": "P1",
    "parts": [{"name": part.value, "points": 5} for part in Part],
    "owner": "o" * 128,
    "entry": Entry.CONTAIN.value,
    "nextStep": "s" * MAX_STEP,
    "deadline": "2026-11-26T02:25:00Z",
    "missed": True,
}
CONTAINMENT = {
    "job": containment_job_name("checkout-one"),
    "at": "2026-11-26T02:10:00Z",
    "outcome": Outcome.REFUSED.value,
    "message": "m" * MAX_MESSAGE,
}

REACTION = {
    "workload": f"TrainJob {'n' * 63}",
    "at": "2026-11-26T02:10:00Z",
    "outcome": reaction.Outcome.REFUSED.value,
    "message": "m" * reaction.MAX_MESSAGE,
}
LONG = "é" * 5_000
EVIDENCE = run.RunEvidence(
    first_step=0,
    last_step=2**60,
    triggers=tuple(
        run.RunTrigger(step, LONG, tier, action, LONG, LONG)
        for step, (tier, action) in enumerate(
            itertools.product(TIERS, ("Stop", "RollBack", "Investigate", "Monitor", "None"))
        )
    ),
    z_scores=(run.ZScore(LONG, LONG),) * 40,
    examples=(run.RunExample(LONG, LONG, LONG, True, LONG),) * 40,
    loss_history=(LONG,) * 40,
    accuracy_history=(LONG,) * 40,
    learning_rate_history=(LONG,) * 40,
    best_step=2**60,
    best_loss=LONG,
    checkpoint=run.Checkpoint(2**60, LONG),
    snapshot=LONG,
    conclusion=LONG,
    advice=LONG,
)


def run_of(incident: Incident) -> Json:
    """`status.trainingRun` with as much in it as there is room for."""
    report = replace(
        filled(WindowReport), end=to_text(incident.worst_at or 0), training_run=EVIDENCE
    )
    found = replace(filled(Detection), windows=(), report=report, anomaly=None)
    whole = replace(incident, first_seen=report_end(report), last_seen=report_end(report))
    return dict(training_run_part(found)(replace(whole, reopened_at=None), {}, {}).fields)


def report_end(report: WindowReport) -> int:
    return unix_seconds(report.end)


def test_a_full_incident_makes_an_object_that_comes_back_whole(
    crds: Sandbox, service: Json
) -> None:
    meta = metadata(service)
    (tracked, *_) = bounded(filled(IncidentState)).tracked
    # A list with keys: its patterns need names of their own.
    sights = [replace(sight, name=f"metric_{i}") for i, sight in enumerate(tracked.patterns)]
    incident = replace(
        tracked, anomaly="checkout-one", fingerprint="9f2c1a7be01d", patterns=tuple(sights)
    )
    made = manifest(meta, incident)
    settings = IncidentSettings(service="checkout", service_uid=meta.uid, step_seconds=120)
    told = {"priority": PRIORITY, "containment": CONTAINMENT, "reaction": REACTION}
    told |= run_of(incident)
    assert len(told["trainingRun"]["triggers"]) == run.MAX_EVIDENCE_TRIGGERS
    status = document.status(incident, settings, None, now=1_763_800_000, told=told)
    kept = crds.api.create("anom", made, meta.namespace)
    assert kept["spec"] == made["spec"]
    path = crds.api.resource("anom").path(meta.namespace, "checkout-one", "status")
    body = {key: made[key] for key in ("apiVersion", "kind")}
    body |= {"metadata": {"name": "checkout-one"}, "status": status}
    query = {"fieldManager": STATUS_FIELD_MANAGER, "fieldValidation": "Strict"}
    written = crds.api.request(
        "PATCH", path, body, query=query, content_type="application/apply-patch+yaml"
    )
    assert written["status"] == status


def test_operator_and_runtime_write_side_by_side(crds: Sandbox, service: Json) -> None:
    detection = {"detection": encode(filled(Detection))}
    apply_status(crds, service, contract.DETECTION_FIELD_MANAGER, detection)
    apply_status(crds, service, STATUS_FIELD_MANAGER, {"state": "Healthy", "severity": "None"})
    written = apply_status(crds, service, STATUS_FIELD_MANAGER, {"state": "Learning"})
    assert written["status"] == {"state": "Learning", **detection}


@pytest.mark.parametrize("manager", [contract.DETECTION_FIELD_MANAGER, STATUS_FIELD_MANAGER])
def test_the_same_again_changes_nothing(crds: Sandbox, service: Json, manager: str) -> None:
    status = {"detection": encode(filled(Detection))}
    first = apply_status(crds, service, manager, status)
    again = apply_status(crds, service, manager, status)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
