"""What users made of their incidents, as Prometheus reads it: a few series for each namespace."""

from __future__ import annotations

from typing import Any

from anomaly_operator.api.text import to_text
from anomaly_operator.controller.evaluation_counts import EvaluationCounts
from anomaly_operator.observe.cache import Change
from anomaly_operator.observe.read import anomaly_object
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import AnomalyObject

MIDNIGHT = 1_763_769_600
OPENED = MIDNIGHT - 3_600


def incident(namespace: str, name: str, verdict: str = "") -> AnomalyObject:
    said: dict[str, Any] = {"feedback": {"verdict": verdict}} if verdict else {}
    status = {
        "state": "Closed",
        "severity": "High",
        "confirmedAt": to_text(OPENED),
        "closedAt": to_text(OPENED + 600),
        "resolution": {"reason": "Resolved"},
    }
    meta = {"namespace": namespace, "name": name, "uid": f"{namespace}-{name}"}
    spec = {"firstSeen": to_text(OPENED - 120), **said}
    return anomaly_object({"kind": "Anomaly", "metadata": meta, "spec": spec, "status": status})


def series(metrics: Metrics) -> set[str]:
    start = "anomaly_operator_evaluation_"
    lines = metrics.exposition().decode().splitlines()
    return {one.removeprefix(start) for one in lines if one.startswith(start)}


def test_the_series_follow_the_incidents_and_the_day() -> None:
    now = [float(MIDNIGHT + 60)]
    counts, metrics = EvaluationCounts(lambda: now[0]), Metrics("1")
    counts.add_gauges(metrics.add_gauge)
    assert series(metrics) == set()
    ignored = incident("shop", "a")
    counts.take(Change(None, ignored))
    counts.take(Change(None, incident("shop", "b", "TruePositive")))
    counts.take(Change(None, incident("shop", "c", "FalsePositive")))
    counts.take(Change(None, incident("web", "a", "Expected")))
    found = series(metrics)
    assert {
        'incidents{judgement="Confirmed",namespace="shop"} 1.0',
        'incidents{judgement="FalsePositive",namespace="shop"} 1.0',
        'incidents{judgement="Ignored",namespace="shop"} 1.0',
        'incidents{judgement="Expected",namespace="web"} 1.0',
        'precision_ratio{namespace="shop"} 0.5',
        'median_seconds{namespace="shop",stage="Detect"} 120.0',
        'median_seconds{namespace="shop",stage="Close"} 600.0',
    } <= found
    assert not any('precision_ratio{namespace="web"}' in one for one in found)
    counts.take(Change(ignored, None))
    assert 'incidents{judgement="Ignored",namespace="shop"} 0.0' in series(metrics)
    now[0] += 31 * 86_400
    assert 'incidents{judgement="Confirmed",namespace="shop"} 0.0' in series(metrics)


def test_a_namespace_leaves_with_its_last_incident() -> None:
    counts, metrics = EvaluationCounts(lambda: float(MIDNIGHT)), Metrics("1")
    counts.add_gauges(metrics.add_gauge)
    one = incident("shop", "a")
    counts.take(Change(None, one))
    assert series(metrics)
    counts.take(Change(one, None))
    assert series(metrics) == set()
