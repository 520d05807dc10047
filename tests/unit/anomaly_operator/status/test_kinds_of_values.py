"""Absent, stale, zero, undefined and infinite values from a window's report to the conditions: the
last rows of the table in operator/docs/detection.md."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from detector_runtime.contract.vocabulary import NotJudged, RunOutcome, SLOStatus
from pretend.cluster import Cluster, serving

THRESHOLDS = {"latency": {"acceptable": "300ms", "warning": "400ms", "critical": "500ms"}}
AVAILABLE, INCOMPLETE = ("True", "DataComplete"), ("False", "DataIncomplete")
SILENT = ("False", "NoData")
OPEN = ("Unknown", "NotEvaluated")
MET, BREACHED = ("True", "WithinObjectives"), ("False", "ObjectivesBreached")
KINDS = {
    # what was not judged, the SLO and its metric; DataAvailable, SLOMet
    "absent": (NotJudged.PARTIAL_DATA, SLOStatus.UNKNOWN, "", INCOMPLETE, OPEN),
    "absent traffic": (NotJudged.TRAFFIC_MISSING, SLOStatus.UNKNOWN, "", INCOMPLETE, OPEN),
    "one absent or undefined": (None, SLOStatus.UNKNOWN, "", AVAILABLE, OPEN),
    "stale": (NotJudged.NO_DATA, SLOStatus.UNKNOWN, "", SILENT, OPEN),
    "zero": (None, SLOStatus.OK, "latency", AVAILABLE, MET),
    "zero requests": (None, SLOStatus.BREACHED, "request_rate", AVAILABLE, BREACHED),
    "all undefined": (NotJudged.UNDEFINED, SLOStatus.UNKNOWN, "", AVAILABLE, OPEN),
    "infinite": (None, SLOStatus.BREACHED, "latency", AVAILABLE, BREACHED),
}


def window(lost: NotJudged | None, status: SLOStatus, metric: str) -> dict[str, Any]:
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
    ("lost", "slo", "metric", "available", "met"), KINDS.values(), ids=KINDS.keys()
)
def test_each_kind_of_value_reaches_the_conditions(
    lost: NotJudged | None,
    slo: SLOStatus,
    metric: str,
    available: tuple[str, str],
    met: tuple[str, str],
) -> None:
    stale = lost is NotJudged.NO_DATA
    outcome = RunOutcome.NO_DATA if stale else RunOutcome.SUCCEEDED
    report = window(lost, slo, metric)
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
    assert (cluster.condition("Detecting")["status"] == "False") is stale
    assert cluster.status()["state"] == ("Degraded" if stale else "Healthy")
