"""The figures in a service's status: written once a day, and when a user says something."""

from __future__ import annotations

from typing import Any

from anomaly_operator.api.text import to_text
from tests.pretend.cluster import Cluster, serving

STEP = 120
DAY = 86_400
Json = dict[str, Any]


def windows(cluster: Cluster, count: int, severity: str) -> None:
    begin = cluster.now // STEP * STEP
    ends = [begin + STEP * number for number in range(1, count + 1)]
    cluster.now = ends[-1] + 40
    hit = {"verdict": "Anomalous", "score": "9", "patterns": ["metric_memory"]}
    found = [{"end": to_text(end), "severity": severity, **hit} for end in ends]
    cluster.detect(
        scoredFrom=to_text(begin),
        scoredThrough=to_text(ends[-1]),
        windows=[] if severity == "None" else found,
    )
    cluster.settle()


def past_midnight(cluster: Cluster) -> None:
    cluster.now += DAY - cluster.now % DAY + 60


def lived(severity: str = "High") -> Cluster:
    """An incident that has opened and closed today; none with the severity `None`."""
    cluster = serving(Cluster())
    past_midnight(cluster)
    windows(cluster, 1, "None")
    windows(cluster, 2, severity)
    windows(cluster, 3, "None")
    return cluster


def writes_of_the_next_day(cluster: Cluster) -> int:
    before = cluster.writes
    past_midnight(cluster)
    for _ in range(4):
        windows(cluster, 1, "None")
        cluster.now += 3600
    return cluster.writes - before


def test_an_incident_of_today_costs_no_figure_and_no_write() -> None:
    cluster = lived()
    assert cluster.of_kind("Anomaly")[0]["status"]["state"] == "Closed"
    assert "evaluation" not in cluster.status()


def test_the_figures_come_with_the_next_day_in_one_write_at_most() -> None:
    cluster = lived()
    assert writes_of_the_next_day(cluster) <= writes_of_the_next_day(lived("None")) + 1
    assert cluster.status()["evaluation"] == {
        "incidents": 1,
        "confirmed": "0%",
        "dismissed": "0%",
        "ignored": "100%",
        "medianTimeToDetect": "2m",
        "medianTimeToClose": "6m",
    }


def test_feedback_changes_the_figures_at_once_and_they_end_with_the_month() -> None:
    cluster = lived()
    past_midnight(cluster)
    raw = cluster.of_kind("Anomaly")[0]
    spec = {**raw["spec"], "feedback": {"verdict": "TruePositive", "by": "maria"}}
    cluster.put("Anomaly", raw["metadata"]["name"], spec=spec)
    cluster.settle()
    found = cluster.status()["evaluation"]
    assert (found["confirmed"], found["precision"], found["ignored"]) == ("100%", "100%", "0%")
    assert found["medianTimeToAcknowledge"].endswith("h 55m")
    cluster.now += 30 * DAY
    windows(cluster, 1, "None")
    assert "evaluation" not in cluster.status()
