"""What the model says and what the SLO says stand side by side, in the service and its Anomaly."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from pretend.cluster import Cluster, serving
from pretend.described import POLICY

STEP = 120
EXPLAINED = "latency_p95 280 ms, acceptable up to 500 ms"


def scored(cluster: Cluster, severity: str, model: str, slo: str, reason: str = "") -> Cluster:
    """One more window with these verdicts, in full; a severity of None makes it Normal."""
    end = to_text((cluster.now // STEP + 1) * STEP)
    cluster.now = (cluster.now // STEP + 1) * STEP + 40
    verdict = "Normal" if severity == "None" else "Anomalous"
    shared = {"end": end, "verdict": verdict, "score": "7.4", "severity": severity}
    shared |= {"confidence": "90%"}
    finding = {
        "pattern": "metric_latency_p95", "severity": severity, "modelSeverity": model,
        "confidence": "90%", "score": "7.4", "since": end, "adjustment": reason,
        "summary": "latency_p95 is 280 ms; unusual, yet within the SLO: informational",
    }  # fmt: skip
    window = {**shared, "modelSeverity": model, "sloStatus": slo, "proximity": "0.28",
              "patterns": ["metric_latency_p95"]}  # fmt: skip
    report = {**shared, "period": "night_hours", "probability": "4e-08",
              "findings": [] if verdict == "Normal" else [finding],
              "slo": {"status": slo, "proximity": "0.28", "policy": "web",
                      "explanation": EXPLAINED, "metric": "latency_p95", "bound": "a"}}  # fmt: skip
    kept = cluster.status().get("detection", {}).get("windows", [])
    cluster.detect(
        stepSeconds=STEP,
        scoredFrom=to_text(cluster.now - 40 - 64 * STEP),
        scoredThrough=end,
        windows=kept if verdict == "Normal" else [*kept, window],
        report=report,
        **({} if verdict == "Normal" else {"anomaly": report}),
    )
    cluster.settle()
    return cluster


def judged() -> Cluster:
    cluster = Cluster()
    cluster.put("SLOPolicy", "web", spec=POLICY)
    return serving(cluster, sloPolicyRef={"name": "web"})


def anomaly(cluster: Cluster) -> dict[str, Any]:
    (found,) = cluster.of_kind("Anomaly")
    return dict(found["status"])


def verdicts(status: dict[str, Any]) -> tuple[Any, ...]:
    return status["severity"], status.get("modelSeverity"), status["impactLevel"]


INFORMATIONAL = "Informational instead of Critical: unusual, yet within the SLO"


def test_where_model_and_slo_disagree_the_anomaly_has_both_and_the_reason() -> None:
    cluster = judged()
    for _ in range(2):
        scored(cluster, "Informational", "Critical", "Ok", INFORMATIONAL)
    found = anomaly(cluster)
    assert found["model"] == {"severity": "Critical", "score": "7.4"}
    assert found["slo"] == {"status": "Ok", "proximity": "0.28", "explanation": EXPLAINED}
    assert (found["severity"], found["impactLevel"]) == ("Informational", "Informational")
    assert found["explanation"]["adjustment"] == INFORMATIONAL
    assert found["explanation"]["summary"].endswith("within the SLO: informational")
    assert verdicts(cluster.status()) == ("Informational", "Critical", "Informational")


def test_where_they_agree_nothing_is_said_twice() -> None:
    cluster = judged()
    for _ in range(2):
        scored(cluster, "High", "High", "Elevated")
    assert "adjustment" not in anomaly(cluster)["explanation"]
    assert anomaly(cluster)["model"]["severity"] == "High"
    assert verdicts(cluster.status()) == ("High", None, "Actionable")


def test_an_slo_breach_alone_has_no_severity_of_the_model() -> None:
    cluster = judged()
    for _ in range(2):
        scored(cluster, "Critical", "None", "Breached", "Critical instead of None: breached")
    assert anomaly(cluster)["model"]["severity"] == "None"
    assert anomaly(cluster)["impactLevel"] == "Critical"
    assert verdicts(cluster.status()) == ("Critical", "None", "Critical")


@pytest.mark.parametrize(
    ("slo", "impact"),
    [("Unknown", "None"), ("Ok", "None"), ("Elevated", "Informational"), ("Warning", "Actionable")],
)
def test_without_an_anomaly_the_slo_alone_has_an_impact_and_makes_no_incident(
    slo: str, impact: str
) -> None:
    cluster = scored(judged(), "None", "None", slo)
    assert verdicts(cluster.status()) == ("None", None, impact)
    assert cluster.of_kind("Anomaly") == []


def test_the_words_are_those_of_the_worst_window_and_never_of_another() -> None:
    cluster = judged()
    for _ in range(2):
        scored(cluster, "Informational", "Critical", "Ok", INFORMATIONAL)
    scored(cluster, "Critical", "Critical", "Breached")
    assert "adjustment" not in anomaly(cluster)["explanation"]
    assert (anomaly(cluster)["slo"]["status"], anomaly(cluster)["impactLevel"]) == (
        "Breached",
        "Critical",
    )


def test_a_spec_that_cannot_be_used_keeps_the_verdicts_of_what_is_scored() -> None:
    cluster = judged()
    for _ in range(2):
        scored(cluster, "Informational", "Critical", "Ok", INFORMATIONAL)
    cluster.service(metrics=[], sloPolicyRef={"name": "web"})
    cluster.settle()
    assert cluster.condition("Stalled")["status"] == "True"
    assert verdicts(cluster.status()) == ("Informational", "Critical", "Informational")
