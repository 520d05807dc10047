"""`kubectl anomaly show`: what somebody reads who has just been woken."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_cli.cluster_reading import incident
from anomaly_cli.verbs.story import story
from anomaly_operator.api.text import unix_seconds

NOW = unix_seconds("2026-11-26T02:22:40Z")
Json = dict[str, Any]
RUNNING: Json = {
    "metadata": {"name": "payments-2a5cb5d329a1-tp35z3", "namespace": "shop"},
    "spec": {
        "serviceRef": {"name": "payments"},
        "openingPattern": "latency_spike_recent",
        "firstSeen": "2026-11-26T02:10:00Z",
    },
    "status": {
        "state": "Open",
        "pattern": "latency_spike_recent",
        "severity": "Critical",
        "confidence": "86%",
        "score": "7.4",
        "occurrences": 6,
        "lastSeen": "2026-11-26T02:22:00Z",
        "slo": {"status": "Breached", "proximity": "1.31"},
        "explanation": {
            "summary": "Requests take 222 ms, usually 43.1 to 57.1 ms during night hours; traffic "
            "and errors are normal",
            "impact": "Users wait.",
            "contributions": [
                {
                    "metric": "application_latency",
                    "value": "222",
                    "unit": "Milliseconds",
                    "usualLow": "43.1",
                    "usualHigh": "57.1",
                    "deviation": "3.9x the upper end of its usual range",
                    "share": "72%",
                },
                {"metric": "request_rate", "value": "45", "unit": "RequestsPerSecond"},
            ],
            "recommendedActions": ["Compare the slowest endpoints.", "Look at the database."],
        },
    },
}
BARE = """\
payments-2a5cb5d329a1-tp35z3 in namespace shop

Critical   payments: latency_spike_recent
           Open for 12m, since 2026-11-26 02:10 UTC. 6 anomalous windows, the last one ended
           02:22 UTC.
What       Requests take 222 ms, usually 43.1 to 57.1 ms during night hours; traffic and errors are
           normal.
           Users wait.
How bad    Severity Critical, SLO Breached (1.31x the critical threshold), confidence 86%, score 7.4
           of 10.
Metrics    application_latency  ████████▋···  72%  222 ms (3.9x), usually 43.1 to 57.1 ms
           request_rate         ············   0%  45 requests/s
Said       Nobody has acknowledged it.
Next       1. Compare the slowest endpoints.
           2. Look at the database.

  kubectl anomaly ack payments-2a5cb5d329a1-tp35z3 -n shop
  kubectl anomaly feedback payments-2a5cb5d329a1-tp35z3 -n shop TruePositive|FalsePositive|Expected
"""
RUN: Json = {
    "trainingRun": {
        "firstStep": 1282,
        "lastStep": 1302,
        "triggers": [
            {"step": 1302, "name": "loss_nan", "tier": "Critical", "action": "Stop"},
            {"step": 1290, "name": "loss_spike_45.2pct", "tier": "Warning"},
        ],
        "zScores": [{"metric": "loss", "z": "41.78"}],
        "lossHistory": ["0.72", "0.71", "1.15"],
        "bestStep": 1180,
        "bestLoss": "0.69",
        "checkpoint": {"step": 1000, "path": "checkpoints/checkpoint-1000"},
        "snapshot": "snapshots/anomaly_20261126_loss_nan",
        "conclusion": "The loss is no number any more",
    },
    "reaction": {
        "workload": "Job llama",
        "outcome": "Refused",
        "message": "Job llama has no annotation.",
    },
}
RUN_LINES = """\
Run        Trigger: loss_nan at step 1302 (Critical).
           Also: loss_spike_45.2pct at step 1290 (Warning).
           Steps: 1282 to 1302.
           Z-scores: loss 41.78.
           Loss before: 0.72, 0.71, 1.15.
           Best step: 1180, loss 0.69.
           Last good checkpoint: step 1000, checkpoints/checkpoint-1000.
           Snapshot: snapshots/anomaly_20261126_loss_nan.
           Conclusion: The loss is no number any more.
           Suspension: Job llama: Refused. Job llama has no annotation.
"""
MORE: Json = {
    "model": {"severity": "High"},
    "impactLevel": "Critical",
    "rootCause": {"service": "payments", "namespace": "shop", "path": ["payments"]},
    "symptoms": [
        {"service": "checkout", "namespace": "shop", "severity": "High"},
        {"service": "site", "namespace": "web", "severity": "Medium"},
    ],
    "symptomCount": 3,
    "changes": [
        {
            "at": "2026-11-26T02:07:00Z",
            "kind": "Rollout",
            "workload": "Deployment payments",
            "from": "1.8.3",
            "to": "1.9.0",
        },
        {
            "at": "2026-11-26T02:08:00Z",
            "kind": "Scaled",
            "workload": "Deployment shop/payments",
            "text": "2 min after scaling from 3 to 5 replicas",
        },
    ],
    "changeLookup": {"message": "Nodes were not looked up: Forbidden"},
    "context": [
        {"name": "top_exceptions", "rows": [{"label": "TimeoutError", "value": "41"}]},
        {"name": "routes", "note": "no series"},
    ],
    "slo": {
        "status": "Breached",
        "proximity": "1.31",
        "explanation": "latency 222 ms is at or above the critical threshold of 170 ms",
        "adjustment": "Raised, because the SLO is breached",
    },
    "priority": {
        "value": 82,
        "tier": "P1",
        "owner": "team-payments",
        "nextStep": "Undo the rollout.",
        "deadline": "2026-11-26T02:40:00Z",
        "parts": [{"name": "severity", "points": 40}, {"name": "SLO", "points": 42}],
    },
    "containment": {"job": "contain-payments", "outcome": "Succeeded"},
    "history": [
        {"at": "2026-11-26T02:11:00Z", "what": "Earlier", "count": 3},
        {"at": "2026-11-26T02:12:00Z", "what": "Opened", "who": "operator", "why": ""},
        {"at": "2026-11-26T02:14:00Z", "what": "Escalated", "who": "operator", "why": "Critical"},
    ],
    "current": {
        "at": "2026-11-26T02:22:00Z",
        "severity": "High",
        "summary": "Requests take 180 ms",
    },
    "conditions": [{"type": "Notified", "status": "True", "message": "Sent to pager at 02:12."}],
}
WHOLE = """\
payments-2a5cb5d329a1-tp35z3 in namespace shop

Critical   payments: latency_spike_recent
           Open for 12m, since 2026-11-26 02:10 UTC. 6 anomalous windows, the last one ended
           02:22 UTC.
What       Requests take 222 ms, usually 43.1 to 57.1 ms during night hours; traffic and errors are
           normal.
           Users wait.
How bad    Severity Critical, by the model alone High, SLO Breached (1.31x the critical threshold),
           operational impact Critical, confidence 86%, score 7.4 of 10.
           latency 222 ms is at or above the critical threshold of 170 ms.
           Raised, because the SLO is breached.
Now        High at 02:22 UTC: Requests take 180 ms.
Cause      payments itself: no service that it depends on explains it.
           Also affected: checkout (High), web/site (Medium) and 1 more.
Changed    3m before the start: Rollout Deployment payments (1.8.3 -> 1.9.0).
           2 min after scaling from 3 to 5 replicas.
           Nodes were not looked up: Forbidden.
Metrics    application_latency  ████████▋···  72%  222 ms (3.9x), usually 43.1 to 57.1 ms
           request_rate         ············   0%  45 requests/s
Looked up  top_exceptions: TimeoutError 41
           routes: no series
Priority   82 of 100, tier P1, owner team-payments = severity 40 + SLO 42.
           Deadline 02:40 UTC, in 17m.
           Containment: contain-payments, Succeeded.
Said       Acknowledged by maria at 02:15 UTC: looking.
           Resolution noted by maria: The pool was too small.
Told       Sent to pager at 02:12.
History    02:11 UTC  3 earlier events
           02:12 UTC  Opened by operator
           02:14 UTC  Escalated by operator: Critical
Next       1. Undo the rollout.
           2. Compare the slowest endpoints.
           3. Look at the database.

  kubectl anomaly feedback payments-2a5cb5d329a1-tp35z3 -n shop TruePositive|FalsePositive|Expected
"""


def told(status: Json, spec: Json | None = None) -> str:
    raw = {
        **RUNNING,
        "spec": {**RUNNING["spec"], **(spec or {})},
        "status": {**RUNNING["status"], **status},
    }
    return "\n".join([*story(incident(raw), NOW, 100), ""])


def test_an_incident_of_which_nothing_more_is_known() -> None:
    assert told({}) == BARE


def test_everything_fits_one_screen_in_the_order_of_the_questions() -> None:
    said = {"by": "maria", "at": "2026-11-26T02:15:00Z", "comment": "looking"}
    note = {"note": "The pool was too small", "by": "maria"}
    found = told(MORE, {"acknowledgement": said, "resolution": note})
    assert found == WHOLE
    assert len(found.splitlines()) <= 40


def test_a_symptom_points_to_its_root() -> None:
    root = {
        "service": "db",
        "namespace": "data",
        "anomaly": "db-0123456789ab-x",
        "confidence": "85%",
        "path": ["payments", "ledger", "db"],
    }
    found = told({"rootCause": root, "symptomOf": "data/db-0123456789ab-x"})
    assert "Cause      data/db, confidence 85%, along payments > ledger > db.\n" in found
    assert "kubectl anomaly show db-0123456789ab-x -n data\n" in found


def test_a_closed_incident_says_how_it_ended_and_asks_for_feedback() -> None:
    closed = {
        "state": "Closed",
        "closedAt": "2026-11-26T02:16:40Z",
        "resolution": {"reason": "Resolved"},
        "duration": "14m",
    }
    found = told(closed)
    assert (
        "           Closed (Resolved) 6m ago; it began 2026-11-26 02:10 UTC and lasted 14m. 6"
        in found
    )
    assert "Nobody has acknowledged" not in found
    assert "Next" not in found
    assert found.count("kubectl anomaly") == 1


def test_feedback_says_until_when_it_holds_and_what_training_does() -> None:
    feedback = {"verdict": "Expected", "by": "jo", "until": "2026-11-27T00:00:00Z", "comment": "!"}
    excluded = {"type": "ExcludedFromTraining", "status": "False", "message": "Training keeps it."}
    found = told({"conditions": [excluded]}, {"feedback": feedback})
    assert "Said       Marked Expected by jo, valid until 2026-11-27 00:00 UTC: !\n" in found
    assert "Learning   Training keeps it.\n" in found


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J\x1b]0;gone\x07", "a\r\nb", "\u202egnp.exe", "\x9b31m", "\x00"]
)
def test_no_text_of_an_object_steers_the_terminal(hostile: str) -> None:
    spec = {"acknowledgement": {"by": hostile, "comment": hostile}}
    status = {
        "pattern": hostile,
        "explanation": {"summary": hostile, "contributions": [{"metric": hostile}]},
        "priority": {"value": 1, "owner": hostile, "parts": []},
        "history": [{"at": "", "what": hostile, "who": hostile, "why": hostile}],
    }
    found = told(status, spec)
    assert all(one.isprintable() for one in found.split("\n"))


def test_what_is_of_another_type_counts_as_not_said() -> None:
    odd: Json = {
        "rootCause": "payments",
        "symptoms": {"a": 1},
        "changes": [1, None],
        "priority": [],
        "history": "x",
        "context": 3,
        "explanation": None,
        "occurrences": "many",
        "slo": [],
        "severity": 7,
    }
    found = told(odd)
    assert found.startswith("payments-2a5cb5d329a1-tp35z3 in namespace shop\n\nNone ")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_keep_within_the_terminal(width: int) -> None:
    raw = {**RUNNING, "status": {**RUNNING["status"], **MORE}}
    lines = story(incident(raw), NOW, width)
    assert max(len(line) for line in lines if not line.startswith("  kubectl")) <= width


def test_a_training_runs_incident_shows_what_tripped_and_where_to_start_again() -> None:
    raw = {**RUNNING, "status": {**RUNNING["status"], **RUN}}
    assert RUN_LINES in "\n".join(story(incident(raw), NOW, 100))


def test_votes_are_told_by_member() -> None:
    verdicts = [
        {"member": "ZScore", "verdict": "Anomalous", "score": "4.2"},
        {"member": "IsolationForest", "verdict": "Anomalous", "score": "2.6"},
        {"member": "LocalOutlierFactor", "verdict": "Normal", "score": "0.4"},
        {"member": "Flatline", "verdict": "Inconclusive"},
    ]
    votes = {"rule": "Majority", "votes": 2, "members": 3, "verdicts": verdicts}
    found = " ".join(told({"votes": votes}).split())
    assert "Votes 2 of 3 members call it anomalous, the rule is Majority." in found
    assert "For: ZScore 4.2, IsolationForest 2.6; against: LocalOutlierFactor 0.4;" in found
    assert "without a value: Flatline." in found
    assert "Votes" not in told({"votes": {"rule": 3, "votes": "two", "verdicts": {}}})
