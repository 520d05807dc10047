"""`kubectl anomaly explain`: why this verdict now, and what would change it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from anomaly_cli.connection import ClusterError
from anomaly_cli.verbs.explain import document
from anomaly_cli.verbs.explained import explained
from anomaly_cli.verbs.explanation import explanation
from detector_runtime.contract.detection import SLOEvaluation
from detector_runtime.contract.training_run import RunEvidence, RunTrigger
from detector_runtime.contract.vocabulary import Severity, SLOStatus, Verdict
from pretend.stored_service import CALM, FINDING, NOW, service

NORMAL = """\
checkout in namespace shop: Healthy

Verdict    Normal in the window that ended 02:22 UTC, 40s ago, period night.
           Of the last 30 windows 28 Normal, 1 Anomalous, 1 Inconclusive.
Why        Its score is 0.31; a window is anomalous from 2.87 on, which is rarer than one in 741
           windows.
Metrics    latency   [···········●]   310 ms, usually 120 to 320 ms
           rate      [···●········]   45 requests/s, usually 40 to 60
           memory    [······●·····]   512 MB, usually 400 to 600 MB
SLO        Ok by SLOPolicy web: latency 310 ms, acceptable up to 500 ms.
To alert   1. A score of 2.87 or more, 2.56 more than now, for 2 windows in a row (4m).
           2. Of the metrics latency is nearest to the end of its usual range. It would have to go
              above 320 ms, and clearly so: the score weighs how far and how long.
           3. Or a breached SLO, whatever the score: latency at 1 s or more.
Model      20261126-020000-abcdef, trained 2026-11-26 02:00 UTC, grade A.
           False incidents a week: 1 tolerated, 0.84 expected, 0.2 observed.
"""
ANOMALOUS = """\
checkout in namespace shop: Anomalous

Verdict    Anomalous in the window that ended 02:22 UTC, 40s ago, period night.
           Of the last 30 windows 29 Normal, 1 Anomalous, 0 Inconclusive.
Why        Its score is 7.40; a window is anomalous from 2.87 on, which is rarer than one in 741
           windows.
           latency_spike_recent: Requests take 1.2 s, usually 120 to 320 ms during night hours.
           By the model alone High; the SLO (Breached) makes that Critical.
Metrics    latency   [···········●]   310 ms, usually 120 to 320 ms
           rate      [···●········]   45 requests/s, usually 40 to 60
           memory    [······●·····]   512 MB, usually 400 to 600 MB
SLO        Breached by SLOPolicy web.
Incident   Suspected since 02:22 UTC: it opens after 1 more anomalous window.
To alert   1. A score of 2.87 or more, which it has now, for 2 windows in a row (4m).
           2. Of the metrics latency is nearest to the end of its usual range. It would have to go
              above 320 ms, and clearly so: the score weighs how far and how long.
Model      20261126-020000-abcdef, trained 2026-11-26 02:00 UTC, grade A.
           False incidents a week: 1 tolerated, 0.84 expected, 0.2 observed.
"""
INCIDENT = {
    "fingerprint": "0123456789ab",
    "openingPattern": "latency_spike_recent",
    "pattern": "latency_spike_recent",
    "state": "Suspected",
    "firstSeen": "2026-11-26T02:22:00Z",
    "lastSeen": "2026-11-26T02:22:00Z",
    "severity": "Critical",
    "currentSeverity": "Critical",
    "consecutive": 1,
}
BAD = replace(
    CALM,
    verdict=Verdict.ANOMALOUS,
    severity=Severity.CRITICAL,
    score="7.4",
    findings=(FINDING,),
    slo=SLOEvaluation(SLOStatus.BREACHED, "1.2", "web"),
)

RUN_WINDOW = replace(
    CALM,
    verdict=Verdict.ANOMALOUS,
    score="",
    training_run=RunEvidence(
        1282,
        1302,
        (RunTrigger(1302, "loss_nan", "Critical", "Stop", message="The loss is no number"),),
    ),
)


def told(raw: dict[str, Any]) -> str:
    return "\n".join([*explanation(explained(raw), NOW, 100), ""])


def test_a_normal_window() -> None:
    raw = service(CALM, Verdict.ANOMALOUS, Verdict.INCONCLUSIVE)
    assert told(raw) == NORMAL


def test_an_anomalous_window_that_has_opened_nothing_yet() -> None:
    status = {"state": "Anomalous", "incidents": {"open": 0, "suspected": 1, "tracked": [INCIDENT]}}
    assert told(service(BAD, status=status)) == ANOMALOUS


def test_an_open_incident_says_when_it_closes_and_no_more_what_would_open_it() -> None:
    running = {**INCIDENT, "state": "Open", "anomaly": "checkout-0123456789ab-x"}
    running["confirmedAt"] = "2026-11-26T02:22:00Z"
    found = told(service(BAD, status={"incidents": {"open": 1, "tracked": [running]}}))
    assert "It closes after 3 normal windows" in found
    assert "kubectl anomaly show checkout-0123456789ab-x -n shop\n" in found
    assert "To alert" not in found


def test_a_window_without_data_opens_nothing() -> None:
    lost = replace(
        CALM, verdict=Verdict.INCONCLUSIVE, reason="NoData", score="", probability="", comparison=()
    )
    found = told(service(lost))
    assert "Why        NoData: the source has no value for it. Such a window opens" in found
    assert "without a value: latency, rate, memory\n" in found
    assert "To alert   1. The data have to come back: 2 windows in a row (4m) must be" in found


def test_before_the_first_window_the_operator_speaks() -> None:
    found = told(service(None, status={"state": "Learning", "summary": "Learning: 120 of 500."}))
    assert "Verdict    None: no window has been scored. Learning: 120 of 500.\n" in found


def test_a_suspended_service_and_one_whose_spec_cannot_be_used() -> None:
    assert "1. Set spec.suspend to false" in told(service(spec={"suspend": True}))
    found = told(service(None, spec={"step": "1y"}))
    assert "Verdict    None: the spec cannot be used: spec.step" in found
    assert "1. Correct the spec" in found


def test_what_people_called_normal_is_told_as_long_as_it_holds() -> None:
    rule = {
        "pattern": "latency_spike_recent",
        "severity": "High",
        "until": "2026-11-26T12:00:00Z",
        "at": "2026-11-26T00:00:00Z",
        "anomaly": "checkout-a",
        "verdict": "Expected",
    }
    past = {**rule, "pattern": "past", "until": "2026-11-26T01:00:00Z"}
    found = told(service(status={"expected": [rule, past]}))
    assert "Ignored    latency_spike_recent up to High until 2026-11-26 12:00 UTC, as" in found
    assert "past" not in found


def test_conditions_that_warn_are_told_once() -> None:
    message = "The source answers with an error."
    conditions = [
        {"type": "Ready", "status": "False", "reason": "SourceDown", "message": message},
        {"type": "Stalled", "status": "True", "reason": "SourceDown", "message": message},
        {"type": "Drifted", "status": "True", "reason": "Drifted", "message": "latency drifts."},
        {"type": "Reconciling", "status": "False", "reason": "x", "message": "quiet"},
    ]
    for one in conditions:
        one["lastTransitionTime"] = "2026-11-26T00:00:00Z"
    found = told(service(status={"conditions": conditions}))
    assert "Notes      Ready False (SourceDown): The source answers with an error.\n" in found
    assert "Drifted True (Drifted): latency drifts.\n" in found
    assert found.count(message) == 1
    assert "quiet" not in found


def test_a_document_of_an_older_release_has_no_level() -> None:
    found = told(service(replace(CALM, alert_level="", usual=())))
    assert "Its score is 0.31 of 10." in found
    assert "Metrics" not in found


def test_the_document_for_programs_is_json() -> None:
    found = json.loads(json.dumps(document(explained(service())), allow_nan=False))
    assert (found["score"], found["alertLevel"]) == (0.31, 2.87)
    latency = found["metrics"][0]
    assert latency["position"] == pytest.approx(0.9)
    assert len(found["toAlert"]) == 3


def test_a_status_of_a_newer_release_is_refused() -> None:
    raw = service()
    raw["status"]["formatVersion"] = 99
    with pytest.raises(ClusterError, match="of a newer release"):
        explained(raw)
    raw = service()
    raw["status"]["detection"]["record"] = "?"
    with pytest.raises(ClusterError, match=r"cannot read status\.detection"):
        explained(raw)


def test_a_training_run_is_explained_by_its_triggers() -> None:
    raw = service(RUN_WINDOW)
    raw["spec"] = {
        "profile": "TrainingRun",
        "trainingRun": {"log": {"claim": "llama", "path": "train.jsonl"}},
    }
    text = " ".join(told(raw).split())
    assert "1 trigger in the rows of the window, steps 1282 to 1302." in text
    assert "loss_nan at step 1302 (Critical, Stop): The loss is no number." in text
    assert "One row with a trigger of tier Warning or Critical" in text
    assert "score" not in text
