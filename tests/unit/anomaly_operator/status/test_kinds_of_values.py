"""Absent, stale, zero, undefined and infinite values from a window's report to the conditions: the
last rows of the table in operator/docs/detection.md."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from detector_runtime.contract.vocabulary import NotJudged, RunOutcome, SLOStatus
from pretend.cluster import Cluster, serving

THRESHOLDS = {"latency": {"acceptable": "300ms", "warning": "400ms", "critical": "500ms"}}
AVAILABLE = ("True", "DataComplete")
OPEN = ("Unknown", "NotEvaluated")
MET, BREACHED = ("True", "WithinObjectives"), ("False", "ObjectivesBreached")


def window(
    status: SLOStatus, lost: NotJudged | None = None, metric: str = "latency"
) -> dict[str, Any]:
    """The report of a window whose SLO is `status`, not judged because of `lost`."""
    return {
        "verdict": "Normal" if lost is None else "Inconclusive",
        "reason": lost or "",
        "period": "day",
        "severity": "None",
        "confidence": "90%",
        "score": "" if lost else "0.1",
        "probability": "" if lost else "0.9",
        "slo": {"status": status.value, "metric": metric, "explanation": "latency is so"},
    }


@pytest.mark.parametrize(
    ("report", "outcome", "available", "met"),
    [
        pytest.param(
            window(SLOStatus.UNKNOWN, NotJudged.PARTIAL_DATA, ""),
            RunOutcome.SUCCEEDED,
            ("False", "DataIncomplete"),
            OPEN,
            id="absent",
        ),
        pytest.param(
            window(SLOStatus.UNKNOWN, NotJudged.TRAFFIC_MISSING, ""),
            RunOutcome.SUCCEEDED,
            ("False", "DataIncomplete"),
            OPEN,
            id="absent traffic",
        ),
        pytest.param(
            window(SLOStatus.UNKNOWN, metric=""),
            RunOutcome.SUCCEEDED,
            AVAILABLE,
            OPEN,
            id="one absent",
        ),
        pytest.param(
            window(SLOStatus.UNKNOWN, NotJudged.NO_DATA, ""),
            RunOutcome.NO_DATA,
            ("False", "NoData"),
            OPEN,
            id="stale",
        ),
        pytest.param(window(SLOStatus.OK), RunOutcome.SUCCEEDED, AVAILABLE, MET, id="zero"),
        pytest.param(
            window(SLOStatus.BREACHED, None, "request_rate"),
            RunOutcome.SUCCEEDED,
            AVAILABLE,
            BREACHED,
            id="zero requests",
        ),
        pytest.param(
            window(SLOStatus.UNKNOWN, metric=""),
            RunOutcome.SUCCEEDED,
            AVAILABLE,
            OPEN,
            id="undefined",
        ),
        pytest.param(
            window(SLOStatus.UNKNOWN, NotJudged.UNDEFINED, ""),
            RunOutcome.SUCCEEDED,
            AVAILABLE,
            OPEN,
            id="all undefined",
        ),
        pytest.param(
            window(SLOStatus.BREACHED), RunOutcome.SUCCEEDED, AVAILABLE, BREACHED, id="infinite"
        ),
    ],
)
def test_each_kind_of_value_reaches_the_conditions(
    report: dict[str, Any],
    outcome: RunOutcome,
    available: tuple[str, str],
    met: tuple[str, str],
) -> None:
    cluster = Cluster()
    cluster.put("SLOPolicy", "web", spec={"thresholds": THRESHOLDS})
    serving(cluster, sloPolicyRef={"name": "web"})
    end = to_text(cluster.now - 30)
    run = {"outcome": outcome.value, "message": "no value"}
    cluster.detect(scoredThrough=end, report={"end": end, **report}, run=run)
    cluster.settle()
    for kind, wanted in (("DataAvailable", available), ("SLOMet", met)):
        condition = cluster.condition(kind)
        assert (condition["status"], condition["reason"]) == wanted, kind
    stale = outcome is RunOutcome.NO_DATA
    assert (cluster.condition("Detecting")["status"] == "False") is stale
    assert cluster.status()["state"] == ("Degraded" if stale else "Healthy")
