"""More incidents than a service tolerates raise its alert level; the status says how many came."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.names import anomaly_name
from anomaly_operator.api.text import to_text
from anomaly_operator.settings.serving import ServingSettings
from anomaly_operator.settings.values import DetectorSettings
from detector_runtime.contract.serving import SERVED_FILE
from pretend.cluster import SETTINGS, Cluster, serving

DAY = 86_400


def opened(cluster: Cluster, days_ago: int, severity: str = "Medium", verdict: str = "") -> None:
    opened_at = int(cluster.now) - days_ago * DAY
    at, fingerprint = to_text(opened_at), f"{days_ago:012d}"
    name = anomaly_name("checkout", fingerprint, opened_at)
    spec = {
        "serviceRef": {"name": "checkout"},
        "openingPattern": "metric_rate",
        "fingerprint": fingerprint,
        "firstSeen": at,
    }
    if verdict:
        spec["feedback"] = {"verdict": verdict}
    uid = cluster.get("AnomalyService", "checkout")["metadata"]["uid"]
    cluster.put(
        "Anomaly",
        name,
        spec=spec,
        status={
            "observedGeneration": 1,
            "state": "Closed",
            "severity": severity,
            "confirmedAt": at,
            "lastSeen": at,
            "closedAt": at,
        },
        labels={"anomaly-operator.dev/service-uid": uid},
    )


def settled(cluster: Cluster) -> Cluster:
    cluster.now += 20 * DAY
    cluster.settle()
    return cluster


def level_offset(cluster: Cluster) -> float:
    (cron_job,) = cluster.of_kind("CronJob")
    volumes = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
    name = next(one["configMap"]["name"] for one in volumes if "configMap" in one)
    run = json.loads(cluster.get("ConfigMap", name)["data"]["run.json"])
    return float(run["detector"]["levelOffset"])


def test_a_quiet_service_scores_at_the_level_of_its_model() -> None:
    cluster = settled(serving(Cluster()))
    assert level_offset(cluster) == 0.0
    told = cluster.status()["falseIncidents"]
    assert (told["toleratedPerWeek"], told["observedPerWeek"]) == ("1", "0")
    assert told["levelOffset"] == "0"


def test_too_many_incidents_raise_the_level_and_the_status_says_so() -> None:
    cluster = settled(serving(Cluster()))
    for days in range(1, 8):
        opened(cluster, days)
    cluster.settle()
    assert level_offset(cluster) == 1.5
    told = cluster.status()["falseIncidents"]
    assert told["levelOffset"] == "1.5"
    assert float(told["observedPerWeek"]) > 2


def test_what_is_served_answers_at_the_raised_level_too() -> None:
    settings = replace(SETTINGS, serving=ServingSettings(enabled=True))
    cluster = settled(serving(Cluster(settings=settings), serving={"enabled": True}))
    for days in range(1, 8):
        opened(cluster, days)
    cluster.settle()
    configs = (one["data"] for one in cluster.of_kind("ConfigMap"))
    (told,) = [json.loads(data[SERVED_FILE]) for data in configs if SERVED_FILE in data]
    assert told["levelOffset"] == level_offset(cluster) == 1.5


def test_people_say_which_of_them_were_real() -> None:
    cluster = settled(serving(Cluster()))
    for days in range(1, 8):
        opened(cluster, days, verdict="TruePositive")
    cluster.settle()
    assert level_offset(cluster) == 0.0
    assert cluster.status()["falseIncidents"]["observedPerWeek"] == "0"


def test_severe_incidents_are_taken_as_real_until_people_say_otherwise() -> None:
    for verdict, wanted in (("", 0.0), ("FalsePositive", 1.5)):
        cluster = settled(serving(Cluster()))
        for days in range(1, 8):
            opened(cluster, days, severity="High", verdict=verdict)
        cluster.settle()
        assert level_offset(cluster) == wanted


def test_within_a_day_nothing_is_written() -> None:
    cluster = settled(serving(Cluster()))
    for days in range(1, 4):
        opened(cluster, days)
    cluster.settle()
    # The nightly training has no pod here, which is told once.
    cluster.now += 300
    cluster.settle()
    cluster.now += 3600
    assert cluster.settle() == 0


@pytest.mark.parametrize(
    ("fleet", "own", "tolerated"),
    [(None, {}, "1"), (0.25, {}, "0.25"), (0.25, {"falseIncidentsPerWeek": "4"}, "4")],
    ids=["neither", "fleet", "own"],
)
def test_the_services_figure_goes_before_that_of_the_fleet(
    fleet: float | None, own: dict[str, Any], tolerated: str
) -> None:
    setting = DetectorSettings() if fleet is None else DetectorSettings(fleet)
    cluster = settled(serving(Cluster(settings=replace(SETTINGS, detector=setting)), detector=own))
    assert cluster.status()["falseIncidents"]["toleratedPerWeek"] == tolerated
    run = json.loads(cluster.of_kind("ConfigMap")[-1]["data"]["run.json"])
    assert run["detector"]["falseIncidentsPerWeek"] == float(tolerated)
