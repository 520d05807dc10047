"""Anomaly objects from tracked incidents: what is written, when, and what is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.anomalies.document import status
from anomaly_operator.anomalies.manifest import label_value, manifest
from anomaly_operator.anomalies.objects import (
    AnomalyPlan,
    AnomalyWorld,
    plan_anomalies,
    settled,
)
from anomaly_operator.api.names import anomaly_name
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentState,
    PatternSight,
    Resolution,
    ResolutionContext,
    SLOResult,
)
from anomaly_operator.observe.read import anomaly_object
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.crowd import Crowd
from anomaly_operator.world.objects import AnomalyObject, Child, Meta
from anomaly_operator.world.plan import Apply, ApplyStatus, Delete, GetObject
from detector_runtime.contract.detection import Contribution, MetricComparison
from detector_runtime.contract.vocabulary import Severity, SLOStatus

ROOT = Path(__file__).parents[4]
NOW = 1_763_800_000
DAY = 86_400
SERVICE = Meta("anomaly-operator.dev/v1alpha1", "AnomalyService", "shop", "checkout", "uid-1", "7")
LIMITS = IncidentPlan(retention_seconds=30 * DAY, max_kept=3)
SETTINGS = incident_settings(SERVICE.name, SERVICE.uid, 60, LIMITS)


def incident(first_seen: int = NOW - 600, **changes: Any) -> Incident:
    found = Incident(
        fingerprint="9f2c1a7be01d",
        opening_pattern="metric_latency",
        pattern="metric_latency",
        phase=IncidentPhase.OPEN,
        first_seen=first_seen,
        last_seen=first_seen + 120,
        severity=Severity.HIGH,
        current_severity=Severity.HIGH,
        anomaly=anomaly_name("checkout", "9f2c1a7be01d", first_seen),
        confirmed_at=first_seen + 60,
        score="7.4",
        confidence="90%",
        slo=SLOResult(SLOStatus.BREACHED, "1.31"),
        occurrences=3,
        consecutive=3,
        patterns=(PatternSight("metric_latency", first_seen, first_seen + 120, Severity.HIGH),),
        summary="latency 4.1x its usual",
        contributions=(Contribution("latency", "812", "Seconds", "1", "2", "4.1x", "1", "tail"),),
        recommended_actions=("look at the newest deployment",),
    )
    return replace(found, **changes)


def closed(closed_at: int, **changes: Any) -> Incident:
    metric = MetricComparison("latency", "1", "1", "0", "2")
    over = incident(
        closed_at - 300,
        phase=IncidentPhase.CLOSED,
        closed_at=closed_at,
        resolution=Resolution.RESOLVED,
        context=ResolutionContext(closed_at, SLOResult(SLOStatus.OK, "0.2"), (metric,)),
    )
    return replace(over, **changes)


def world(*observed: AnomalyObject, **changes: Any) -> AnomalyWorld:
    return replace(AnomalyWorld(SERVICE, SETTINGS, LIMITS, observed), **changes)


def state(*incidents: Incident) -> IncidentState:
    return IncidentState(NOW, incidents)


def live(
    made: dict[str, Any], said: dict[str, Any] | None = None, **metadata: Any
) -> AnomalyObject:
    """The object as the cache has it after the server has stored manifest and status."""
    document = json.loads(json.dumps(made))
    document["metadata"] |= {"uid": f"u-{made['metadata']['name']}", "resourceVersion": "5"}
    document["metadata"] |= {"generation": 1} | metadata
    if said is not None:
        document["status"] = said
    return anomaly_object(document)


def kept(one: Incident, now: int = NOW, **spec: Any) -> AnomalyObject:
    """An object in perfect order."""
    made = manifest(SERVICE, one)
    bare = live(made)
    said = status(one, SETTINGS, bare, now)
    made["spec"] |= spec
    return live(made, said)


def not_found(plan: AnomalyPlan, found: Child | None = None) -> dict[GetObject, Child | None]:
    return dict.fromkeys(plan.lookups, found)


def test_a_new_incident_asks_first_and_then_makes_object_and_status() -> None:
    one = incident()
    asked = plan_anomalies(state(one), world(), NOW)
    assert [question.name for question in asked.lookups] == [one.anomaly]
    assert asked.actions == ()
    apply, said = plan_anomalies(state(one), world(lookups=not_found(asked)), NOW).actions
    assert isinstance(apply, Apply)
    assert isinstance(said, ApplyStatus)
    assert apply.uid == ""
    assert said.resource_version == ""
    assert apply.manifest["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert set(apply.manifest["spec"]) == {
        "serviceRef",
        "openingPattern",
        "fingerprint",
        "firstSeen",
    }
    assert (said.status["state"], said.status["severity"]) == ("Open", "High")


def test_the_explanation_says_what_it_means_for_people_where_a_pattern_does() -> None:
    named = incident(pattern="latency_spike_recent", impact="Customers wait 3x as long")
    told = status(named, SETTINGS, None, NOW)["explanation"]
    assert (told["summary"], told["impact"]) == (named.summary, "Customers wait 3x as long")
    assert "impact" not in status(incident(), SETTINGS, None, NOW)["explanation"]


def test_a_suspected_incident_has_no_object() -> None:
    one = incident(phase=IncidentPhase.SUSPECTED, anomaly="")
    assert plan_anomalies(state(one), world(), NOW) == AnomalyPlan()


def test_what_is_in_order_is_not_written() -> None:
    one = incident()
    assert plan_anomalies(state(one), world(kept(one)), NOW + 3600).actions == ()


def test_only_the_status_is_written_when_the_incident_moves() -> None:
    one = incident()
    more = replace(one, occurrences=4, last_seen=one.last_seen + 60)
    (write,) = plan_anomalies(state(more), world(kept(one)), NOW).actions
    assert isinstance(write, ApplyStatus)
    assert (write.resource_version, write.target.uid) == ("5", f"u-{one.anomaly}")
    assert write.status["occurrences"] == 4


def test_an_object_without_status_gets_it() -> None:
    one = incident()
    (write,) = plan_anomalies(state(one), world(live(manifest(SERVICE, one))), NOW).actions
    assert isinstance(write, ApplyStatus)


@pytest.mark.parametrize("broken", [{"labels": {}}, {"ownerReferences": []}])
def test_labels_and_owner_are_repaired_before_the_status_is_touched(
    broken: dict[str, Any],
) -> None:
    one = incident()
    damaged = live(manifest(SERVICE, one), None, **broken)
    (write,) = plan_anomalies(state(one), world(damaged), NOW).actions
    assert isinstance(write, Apply)
    assert write.uid == damaged.meta.uid


def test_a_foreign_object_of_that_name_is_never_touched() -> None:
    one = incident()
    asked = plan_anomalies(state(one), world(), NOW)
    foreign = Child(replace(SERVICE, kind="Anomaly", name=one.anomaly, owners=("somebody",)), b"")
    plan = plan_anomalies(state(one), world(lookups=not_found(asked, foreign)), NOW)
    assert (plan.actions, plan.conflicts) == ((), (one.anomaly,))
    stranger = live(manifest(replace(SERVICE, uid="uid-0"), one))
    seen = plan_anomalies(state(one), world(stranger), NOW)
    assert (seen.lookups, seen.actions, seen.conflicts) == ((), (), (one.anomaly,))
    over = closed(NOW, anomaly=one.anomaly)
    assert settled(state(over), world(stranger), NOW) == {one.anomaly}
    assert settled(state(over), world(lookups=not_found(asked, foreign)), NOW) == {one.anomaly}


def test_an_object_that_the_cache_has_not_seen_yet_is_left_to_the_watch() -> None:
    one = incident()
    asked = plan_anomalies(state(one), world(), NOW)
    ours = Child(replace(SERVICE, kind="Anomaly", name=one.anomaly, owners=("uid-1",)), b"")
    plan = plan_anomalies(state(one), world(lookups=not_found(asked, ours)), NOW)
    assert (plan.actions, plan.conflicts) == ((), ())


def test_without_room_in_the_cluster_nothing_is_made_and_the_names_are_told() -> None:
    one = incident()
    asked = plan_anomalies(state(one), world(), NOW)
    plan = plan_anomalies(state(one), world(lookups=not_found(asked), crowd=Crowd(limit=0)), NOW)
    assert (plan.actions, plan.crowded_out) == ((), (one.anomaly,))


def test_what_people_wrote_is_answered_by_a_condition_and_never_applied_by_us() -> None:
    one = incident()
    said = {"acknowledgement": {"by": "maria", "comment": "looking"}}
    (write,) = plan_anomalies(state(one), world(kept(one, **said)), NOW + 60).actions
    assert isinstance(write, ApplyStatus)
    acknowledged = condition(write.status, "Acknowledged")
    assert (acknowledged["status"], acknowledged["reason"]) == ("True", "Acknowledged")
    assert acknowledged["message"] == "Acknowledged by maria: looking."
    assert acknowledged["lastTransitionTime"] == to_text(NOW + 60)
    assert condition(write.status, "Resolved")["lastTransitionTime"] == to_text(NOW)


def test_feedback_on_an_incident_that_is_long_forgotten_is_answered_too() -> None:
    over = closed(NOW - DAY)
    judged = kept(over, feedback={"verdict": "FalsePositive", "by": "maria", "comment": "a test"})
    judged = replace(judged, meta=replace(judged.meta, generation=2))
    (write,) = plan_anomalies(state(), world(judged), NOW).actions
    assert isinstance(write, ApplyStatus)
    assert condition(write.status, "Acknowledged")["reason"] == "FalsePositive"
    before = json.loads(judged.status)
    assert write.status["observedGeneration"] == 2
    moved = {"conditions", "observedGeneration", "feedback", "history"}
    assert {key: value for key, value in write.status.items() if key not in moved} == {
        key: value for key, value in before.items() if key not in moved
    }
    *_, feedback, suppressed = write.status["history"]
    assert (feedback["what"], feedback["who"]) == ("Feedback", "maria")
    assert (feedback["at"], feedback["why"]) == (to_text(NOW), "FalsePositive, a test")
    assert suppressed["what"] == "Suppressed"
    answered = replace(judged, status=json.dumps(write.status).encode())
    assert plan_anomalies(state(), world(answered), NOW).actions == ()


@pytest.mark.parametrize(
    ("changes", "suspended", "expected"),
    [
        ({}, False, ("False", "Open")),
        ({"phase": IncidentPhase.RECOVERING, "missed": 1}, False, ("False", "Recovering")),
        ({}, True, ("False", "Suspended")),
        (
            {
                "phase": IncidentPhase.CLOSED,
                "closed_at": NOW,
                "resolution": Resolution.RESOLVED,
            },
            True,
            ("True", "Resolved"),
        ),
        (
            {"phase": IncidentPhase.CLOSED, "closed_at": NOW, "resolution": Resolution.STALE},
            False,
            ("True", "Stale"),
        ),
    ],
)
def test_the_condition_resolved_tells_where_the_incident_is(
    changes: dict[str, Any], suspended: bool, expected: tuple[str, str]
) -> None:
    document = status(incident(**changes), SETTINGS, None, NOW, suspended=suspended)
    resolved = condition(document, "Resolved")
    assert (resolved["status"], resolved["reason"]) == expected


@pytest.mark.parametrize(
    ("severity", "reason"),
    [(Severity.INFORMATIONAL, "NotAlerting"), (Severity.HIGH, "NoReceiver")],
)
def test_the_condition_notified_says_why_nobody_was_told(severity: Severity, reason: str) -> None:
    document = status(incident(severity=severity), SETTINGS, None, NOW)
    assert condition(document, "Notified")["reason"] == reason


def test_an_object_that_nobody_knows_is_closed_as_lost_and_only_after_the_separation() -> None:
    unknown = kept(incident())
    gives_up = incident().last_seen + SETTINGS.separation_seconds
    early = plan_anomalies(state(), world(unknown), gives_up - 10)
    assert (early.actions, early.due) == ((), 10.0)
    asked = plan_anomalies(state(), world(unknown), gives_up)
    assert (asked.actions, [one.kind for one in asked.lookups]) == ((), ["AnomalyService"])
    answered = world(unknown, lookups=dict.fromkeys(asked.lookups, Child(SERVICE, b"")))
    (write,) = plan_anomalies(state(), answered, gives_up).actions
    assert isinstance(write, ApplyStatus)
    assert (write.status["state"], write.status["resolution"]) == ("Closed", {"reason": "Lost"})
    assert write.status["history"][-1]["why"] == "Lost; it lasted 3m."
    assert condition(write.status, "Resolved")["status"] == "True"
    assert write.status["occurrences"] == 3
    assert "current" not in write.status


def test_an_unknown_object_without_any_status_is_closed_too() -> None:
    bare = live(manifest(SERVICE, incident()))
    asked = plan_anomalies(state(), world(bare), NOW + DAY)
    answered = world(bare, lookups=dict.fromkeys(asked.lookups, Child(SERVICE, b"")))
    (write,) = plan_anomalies(state(), answered, NOW + DAY).actions
    assert isinstance(write, ApplyStatus)
    assert write.status["state"] == "Closed"


@pytest.mark.parametrize(
    "service", [replace(SERVICE, resource_version="8"), replace(SERVICE, uid="uid-2"), None]
)
def test_an_object_is_not_lost_because_our_view_of_the_service_is_old(
    service: Meta | None,
) -> None:
    """Made from a later status, by another leader or for windows of an outage long past."""
    unknown = kept(incident(NOW - DAY))
    asked = plan_anomalies(state(), world(unknown), NOW)
    assert asked.actions == ()
    answers = dict.fromkeys(asked.lookups, Child(service, b"") if service else None)
    plan = plan_anomalies(state(), world(unknown, lookups=answers), NOW)
    assert (plan.actions, plan.lookups) == ((), ())


def test_an_object_that_is_newer_than_our_view_of_the_service_is_left_alone() -> None:
    over = closed(NOW - 60)
    still_open = replace(
        over, phase=IncidentPhase.OPEN, closed_at=None, resolution=None, context=None
    )
    assert plan_anomalies(state(still_open), world(kept(over)), NOW).actions == ()


def test_a_reopened_incident_takes_the_closing_back() -> None:
    over = closed(NOW - 600)
    again = replace(
        over,
        phase=IncidentPhase.OPEN,
        closed_at=None,
        resolution=None,
        context=None,
        last_seen=NOW,
        reopened=1,
    )
    (write,) = plan_anomalies(state(again), world(kept(over)), NOW).actions
    assert isinstance(write, ApplyStatus)
    assert write.status["state"] == "Open"
    assert not {"closedAt", "resolution"} & set(write.status)


def test_closed_objects_beyond_retention_or_number_go_and_open_ones_never() -> None:
    old = [kept(closed(NOW - 31 * DAY - n)) for n in range(2)]
    young = [kept(closed(NOW - DAY - n * 100)) for n in range(5)]
    ancient_and_open = incident(NOW - 90 * DAY)
    plan = plan_anomalies(state(ancient_and_open), world(*old, *young, kept(ancient_and_open)), NOW)
    gone = {write.target.name for write in plan.actions if isinstance(write, Delete)}
    assert gone == {one.meta.name for one in (*old, *young[3:])}
    assert all(write.target.uid for write in plan.actions if isinstance(write, Delete))


def test_the_next_due_moment_is_when_the_oldest_kept_one_gets_too_old() -> None:
    kept_ones = [kept(closed(NOW - 10 * DAY)), kept(closed(NOW - 20 * DAY))]
    assert plan_anomalies(state(), world(*kept_ones), NOW).due == 10.0 * DAY
    assert plan_anomalies(state(), world(), NOW).due is None


def test_what_would_be_deleted_at_once_is_not_made() -> None:
    tracked = [closed(NOW - n * 1000) for n in range(5)]
    present = [kept(one) for one in tracked[:3]]
    plan = plan_anomalies(state(*tracked), world(*present), NOW)
    assert plan == AnomalyPlan(due=plan.due)
    assert settled(state(*tracked), world(*present), NOW) == {one.anomaly for one in tracked}


def test_a_closed_incident_is_settled_once_its_object_says_so() -> None:
    over = closed(NOW - 60)
    before = replace(over, phase=IncidentPhase.OPEN, closed_at=None, resolution=None)
    assert settled(state(over), world(), NOW) == frozenset()
    assert settled(state(over), world(kept(before)), NOW) == frozenset()
    assert settled(state(over), world(kept(over)), NOW) == {over.anomaly}


def test_objects_of_another_service_are_none_of_our_business() -> None:
    stranger = live(manifest(replace(SERVICE, uid="uid-0"), closed(NOW - 90 * DAY)))
    assert plan_anomalies(state(), world(stranger), NOW).actions == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("metric_latency", "metric_latency"),
        ("metric_" + "x" * 80, "metric_" + "x" * 56),
        ("weird name/é", "weird_name"),
        ("...", ""),
    ],
)
def test_a_label_value_is_always_one_that_the_api_server_takes(text: str, value: str) -> None:
    assert label_value(text) == value


@pytest.mark.parametrize("one", [incident(), closed(NOW)], ids=["open", "closed"])
def test_the_schema_of_the_anomaly_keeps_every_field_we_write(one: Incident) -> None:
    crd = yaml.safe_load((ROOT / "crds" / "anomalies.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert unknown(status(one, SETTINGS, None, NOW), schema["status"], "status") == []
    assert unknown(manifest(SERVICE, one)["spec"], schema["spec"], "spec") == []


def unknown(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    if isinstance(value, list):
        return [one for item in value for one in unknown(item, schema["items"], f"{path}[]")]
    if not isinstance(value, dict):
        return []
    properties = schema.get("properties", {})
    missing = [f"{path}.{key}" for key in value if key not in properties]
    inner = [
        unknown(value[key], properties[key], f"{path}.{key}") for key in properties if key in value
    ]
    return missing + [one for found in inner for one in found]


def condition(document: Any, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["conditions"] if one["type"] == kind)
    return found
