"""A reconcile does not read what its decision does not need, however much there is of it."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.anomalies import document
from anomaly_operator.api.names import anomaly_name
from anomaly_operator.api.text import to_text
from anomaly_operator.observe.cache import Cache
from anomaly_operator.training import exclusions
from tests.pretend.cluster import Cluster, serving

CLOSED = 20
STEP = 120


def _with_closed_incidents() -> Cluster:
    """A service that is well, with incidents that are over and that its status has forgotten."""
    cluster = serving(Cluster())
    service = cluster.get("AnomalyService", "checkout")["metadata"]
    owner = {"kind": "AnomalyService", "name": service["name"], "uid": service["uid"]}
    for number in range(CLOSED):
        at = cluster.now - 86_400 - number * 3600
        raw = cluster.put(
            "Anomaly",
            anomaly_name("checkout", f"{number:012d}", at - 600),
            labels={"anomaly-operator.dev/service-uid": service["uid"]},
            spec={
                "serviceRef": {"name": "checkout"},
                "openingPattern": "metric_latency",
                "fingerprint": f"{number:012d}",
                "firstSeen": to_text(at - 600),
            },
            status={"state": "Closed", "lastSeen": to_text(at), "closedAt": to_text(at)},
        )
        raw["metadata"]["ownerReferences"] = [owner]
        cluster._store(raw)
    cluster.settle()
    return cluster


def _incident(cluster: Cluster, number: int) -> dict[str, Any]:
    found = cluster.of_kind("Anomaly")
    return next(raw for raw in found if raw["spec"]["fingerprint"] == f"{number:012d}")


class Reader:
    """Counts the JSON texts that are read of Anomaly objects."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        loaded, loads = document._loaded, exclusions.json.loads

        def counted(text: bytes) -> Any:
            self.count += 1
            return loaded(text)

        class Json:
            @staticmethod
            def loads(text: bytes) -> Any:
                self.count += 1
                return loads(text)

        monkeypatch.setattr(document, "_loaded", counted)
        monkeypatch.setattr(exclusions, "json", Json)


def test_a_quiet_reconcile_reads_no_closed_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _with_closed_incidents()
    reader = Reader(monkeypatch)
    assert cluster.reconcile().actions == ()
    assert reader.count == 0


def test_an_answer_to_one_of_them_reads_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _with_closed_incidents()
    raw = _incident(cluster, 7)
    name = raw["metadata"]["name"]
    feedback = {"verdict": "Confirmed", "by": "ana"}
    cluster.put("Anomaly", name, spec={**raw["spec"], "feedback": feedback})
    reader = Reader(monkeypatch)
    cluster.reconcile()
    assert 0 < reader.count <= 3
    status = cluster.get("Anomaly", name)["status"]
    assert [one["reason"] for one in status["conditions"]] == ["Confirmed", "Excluded"]


def test_a_training_that_starts_leaves_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _with_closed_incidents()
    reader = Reader(monkeypatch)
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": "now"},
    )
    cluster.settle()
    assert reader.count >= CLOSED
    config = next(
        raw["data"]["run.json"]
        for raw in cluster.of_kind("ConfigMap")
        if raw["metadata"]["name"]
        == cluster.jobs()[-1]["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
    )
    assert "metric_latency" in config


def test_objects_are_counted_as_they_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = _with_closed_incidents()
    assert cluster.cache.count("Anomaly") == CLOSED
    cluster.remove("Anomaly", _incident(cluster, 3)["metadata"]["name"])
    assert cluster.cache.count("Anomaly") == CLOSED - 1
    assert Cache().count("Anomaly") == 0


def test_a_recovering_incident_costs_its_object_one_write() -> None:
    cluster = serving(Cluster())
    end = cluster.now // STEP * STEP
    found = [
        {"end": to_text(end + STEP * number), "verdict": "Anomalous", "severity": "High"}
        for number in (1, 2)
    ]
    versions = []
    for scored in (2, 3, 4):
        cluster.now = end + STEP * scored + 40
        windows = found if scored == 2 else []
        begin = 0 if scored == 2 else scored - 1
        cluster.detect(
            scoredFrom=to_text(end + STEP * begin),
            scoredThrough=to_text(end + STEP * scored),
            windows=windows,
        )
        cluster.settle()
        (raw,) = cluster.of_kind("Anomaly")
        versions.append(raw["metadata"]["resourceVersion"])
    assert raw["status"]["state"] == "Recovering"
    assert versions[0] != versions[1] == versions[2]


def _slo(value: str, status: str = "Breached") -> dict[str, Any]:
    bound = "critical threshold of 500 ms"
    row = {"metric": "latency", "value": "1", "acceptable": "", "warning": "", "critical": ""}
    return {
        "status": status,
        "explanation": f"latency {value} is at or above the {bound}",
        "metric": "latency",
        "value": value,
        "bound": bound,
        "metrics": [{**row, "status": status}],
    }


def test_a_value_that_moves_from_window_to_window_costs_no_write() -> None:
    thresholds = {"latency": {"acceptable": "300ms", "warning": "400ms", "critical": "500ms"}}
    cluster = serving(Cluster(), sloPolicyRef={"name": "web"})
    cluster.put("SLOPolicy", "web", spec={"thresholds": thresholds})
    cluster.settle()
    writes = []
    for value in ("612 ms", "640 ms", "598 ms"):
        cluster.now += 60
        end = to_text(cluster.now - 30)
        report = {
            "end": end, "verdict": "Normal", "period": "Weekdays", "severity": "None",
            "confidence": "85%", "score": "0", "probability": "1", "slo": _slo(value),
        }  # fmt: skip
        cluster.detect(scoredThrough=end, report=report)
        writes.append(cluster.settle())
    assert writes[1:] == [0, 0]
    met = cluster.condition("SLOMet")
    assert (met["status"], met["reason"]) == ("False", "ObjectivesBreached")
    at = cluster.status()["slo"]["at"]
    assert met["message"] == (
        "SLOPolicy web: latency 612 ms is at or above the critical threshold of 500 ms "
        f"(at {at}); look at the service."
    )
