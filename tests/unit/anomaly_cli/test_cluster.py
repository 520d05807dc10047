"""The Anomaly objects of a backtest are those that the operator would have written."""

from __future__ import annotations

from dataclasses import replace

from anomaly_cli.cluster import document, lived
from anomaly_cli.incidents import folded
from anomaly_cli.object_files import stand_in
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.incidents.state import MAX_TRACKED
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.detection import Finding, WindowReport
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Severity, Verdict

STEP = 60
START = 1_704_067_200
PLAN = IncidentPlan(separation_seconds=600, reopen_within_seconds=0)
META = stand_in(SERVICE.kind, "shop", "checkout")


def reports(story: str) -> dict[int, WindowReport]:
    """A for Anomalous, N for Normal, by row."""
    found = {}
    for row, one in enumerate(story):
        end, bad = iso(START + (row + 1) * STEP), one == "A"
        severity = Severity.HIGH if bad else Severity.NONE
        finding = Finding("metric_a", severity, severity, "90%", "6.9", "a is high", end)
        verdict = Verdict.ANOMALOUS if bad else Verdict.NORMAL
        score = "6.9" if bad else "0"
        found[row] = WindowReport(
            *(end, verdict, "always", severity, "90%", score, "0"),
            findings=(finding,) if bad else (),
        )
    return found


def test_an_object_has_spec_and_status_as_the_operator_writes_them() -> None:
    (one,) = lived(reports("N" * 10 + "AAAA" + "N" * 10), META, PLAN, STEP).objects
    assert one["metadata"]["namespace"] == "shop"
    assert one["spec"]["serviceRef"] == {"name": "checkout"}
    assert one["spec"]["openingPattern"] == "metric_a"
    status = one["status"]
    assert (status["state"], status["severity"], status["occurrences"]) == ("Closed", "High", 4)
    assert status["confirmedAt"] == iso(START + 12 * STEP)
    assert status["explanation"]["summary"] == "a is high"


def test_each_condition_has_the_time_of_the_window_that_changed_it() -> None:
    (one,) = lived(reports("N" * 10 + "AAAA" + "N" * 40), META, PLAN, STEP).objects
    since = {each["type"]: each["lastTransitionTime"] for each in one["status"]["conditions"]}
    assert since["Notified"] == iso(START + 12 * STEP)
    assert since["Resolved"] == iso(START + 17 * STEP)


def test_an_incident_of_the_last_windows_is_an_open_object() -> None:
    (one,) = lived(reports("N" * 5 + "AAA"), META, PLAN, STEP).objects
    assert one["status"]["state"] == "Open"
    assert "closedAt" not in one["status"]


def test_a_suspicion_is_no_object() -> None:
    assert lived(reports("NNANNNNN"), META, PLAN, STEP).objects == ()


def test_more_incidents_than_a_status_tracks_all_have_their_object() -> None:
    story = ("AA" + "N" * 20) * (MAX_TRACKED + 3)
    found = lived(reports(story), META, PLAN, STEP)
    assert len(found.objects) == MAX_TRACKED + 3
    assert {one["status"]["state"] for one in found.objects} == {"Closed"}


def test_only_as_many_objects_are_kept_as_the_service_wants() -> None:
    story = ("AA" + "N" * 20) * 5
    found = lived(reports(story), META, replace(PLAN, max_kept=2), STEP)
    assert [one["spec"]["firstSeen"] for one in found.objects] == [
        iso(START + (22 * at + 1) * STEP) for at in (3, 4)
    ]


def test_the_transitions_are_those_of_the_plain_folding() -> None:
    story = reports("NNAAANNANNNN" + "N" * 70 + "AAA" + "N" * 9)
    rules = incident_settings(META.name, META.uid, STEP, PLAN)
    names = [one.name for one in folded(story, len(story), rules).incidents]
    found = lived(story, META, PLAN, STEP)
    assert [one["metadata"]["name"] for one in found.objects] == names


def test_the_document_is_a_list_as_kubectl_prints_one() -> None:
    found = document(lived(reports("AAA"), META, PLAN, STEP).objects)
    assert (found["kind"], found["apiVersion"], len(found["items"])) == ("List", "v1", 1)
