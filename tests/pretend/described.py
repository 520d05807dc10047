"""`kubectl describe` of a custom resource, and a service that has as much to say as a busy one.

The rules are those of kubectl's generic describer: the fields of each map by name, one line for
each value, each item of a list on lines of its own, no managed fields, the Events last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anomaly_operator.api.text import to_text
from anomaly_operator.status.packing import stored_form
from detector_runtime.contract.record import shown_detection
from pretend.api_server import Json
from pretend.cluster import Cluster, serving, trained

STEP = 120
STATUS_LINES = 60
"""Of `kubectl describe`, with an incident, two warning conditions and all the others."""
METRICS = [
    {
        "name": "request_rate",
        "role": "Traffic",
        "unit": "RequestsPerSecond",
        "query": 'sum(rate(http_requests_total{service="$(service)"}[$(rateInterval)]))',
    },
    {
        "name": "latency_p95",
        "role": "Latency",
        "unit": "Seconds",
        "query": 'histogram_quantile(0.95, sum by (le) (rate(latency_bucket{service="$(service)"}'
        "[$(rateInterval)])))",
    },
    {
        "name": "error_ratio",
        "role": "Errors",
        "unit": "Ratio",
        "query": 'sum(rate(errors_total{service="$(service)"}[$(rateInterval)])) or 0 * '
        'sum(rate(http_requests_total{service="$(service)"}[$(rateInterval)]))',
    },
    {
        "name": "database_latency",
        "role": "DatabaseLatency",
        "unit": "Milliseconds",
        "query": 'avg(db_latency{service="$(service)"})',
    },
    {
        "name": "memory",
        "role": "Saturation",
        "unit": "Bytes",
        "query": 'sum(container_memory_working_set_bytes{pod=~"$(service)-.*"})',
    },
]
DETECTORS = (
    "seasonal: the usual of this time of the week",
    "level: short changes of level",
    "forest: isolation forest of each metric",
    "joint_forest: isolation forest of all metrics",
    "mahalanobis: residual of the principal components",
    "flatline: a metric that stands still",
    "bursts: clusters of small deviations",
    "without volatility: weak faults 81% -> 84%",
)
"""What a training of five metrics reports."""


def busy_service(spec: Mapping[str, Any] | None = None) -> Cluster:
    """A service with an open incident, an SLO breach, two closed incidents and four revisions."""
    cluster = Cluster()
    cluster.put("SLOPolicy", "web", spec=POLICY)
    cluster.put("AnomalyService", "payments", spec={"preset": "OpenTelemetrySpanMetrics"})
    wanted = {"metrics": METRICS} if spec is None else dict(spec)
    serving(cluster, sloPolicyRef={"name": "web"}, dependsOn=[{"name": "payments"}], **wanted)
    for number in range(2, 5):
        _trained_again(cluster, number)
    for _ in range(2):
        _windows(cluster, 4, "error_ratio", "Medium")
        _windows(cluster, 20)
    _windows(cluster, 12, "latency_p95", "High")
    return cluster


POLICY = {
    "thresholds": {
        "latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"},
        "errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"},
    }
}


def _trained_again(cluster: Cluster, number: int) -> None:
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": str(number)},
    )
    cluster.settle()
    cluster.now += 3600
    report = trained(
        cluster,
        number,
        detectors=DETECTORS,
        multivariate=True,
        validation="Passed",
        warnings=("memory: 12 values outside the valid range", "latency_p95: 3 % missing"),
        shape="9f2c1a7be01d",
        expected_per_week="0.84",
    )
    cluster.end_training(report)
    cluster.settle()


def _windows(cluster: Cluster, count: int, metric: str = "", severity: str = "") -> None:
    """`count` windows are scored one by one, anomalous where `metric` is given."""
    for _ in range(count):
        end = (cluster.now // STEP + 1) * STEP
        cluster.now = end + 40
        detection = cluster.status().get("detection", {})
        kept = list(detection.get("windows", []))[-63:]
        window, report = _window(to_text(end), metric, severity)
        cluster.detect(
            stepSeconds=STEP,
            run={"outcome": "Succeeded", "message": "", "since": to_text(1_795_000_000)},
            scoredFrom=to_text(end - 64 * STEP),
            scoredThrough=to_text(end),
            windows=[*kept, window] if metric else kept,
            skippedWindows=0,
            report=report,
            **({"anomaly": report} if metric else {}),
        )
        cluster.settle()


def _window(end: str, metric: str, severity: str) -> tuple[Json, Json]:
    verdict, score = ("Anomalous", "7.4") if metric else ("Normal", "0.3")
    window = {
        "end": end,
        "verdict": verdict,
        "score": score,
        "severity": severity or "None",
        "modelSeverity": severity or "None",
        "confidence": "90%",
        "patterns": [f"metric_{metric}", "slo_breach"],
        "sloStatus": "Breached",
        "proximity": "1.31",
    }
    rows = [one["name"] for one in METRICS]
    contributions = [
        {
            "metric": name,
            "value": "1.31",
            "unit": "Seconds",
            "usualLow": "0.12",
            "usualHigh": "0.32",
            "deviation": "4.1x the upper end of its usual range",
            "share": "0.2",
            "detector": "seasonal",
        }
        for name in rows
    ]
    finding = {
        "pattern": f"metric_{metric}",
        "severity": severity,
        "modelSeverity": severity,
        "confidence": "90%",
        "score": score,
        "summary": f"{metric} 1.31 s is 4.1x the upper end of its usual range for a weekday.",
        "since": end,
        "contributions": contributions,
        "recommendedActions": ["Compare the slowest endpoints.", "Look at recent rollouts."],
    }
    slo = {
        "status": "Breached" if metric else "Ok",
        "proximity": "1.31",
        "policy": "web",
        "explanation": "latency_p95 1.31 s is at or above the critical threshold of 1 s",
        "metric": "latency_p95",
        "value": "1.31 s",
        "bound": "critical threshold of 1 s",
        "metrics": [
            {
                "metric": name,
                "value": "1.31",
                "acceptable": "0.5",
                "warning": "0.8",
                "critical": "1",
                "status": "Breached" if metric else "Ok",
            }
            for name in rows[1:3]
        ],
    }
    report = {
        "end": end,
        "verdict": verdict,
        "period": "business_hours",
        "severity": severity or "None",
        "confidence": "90%",
        "score": score,
        "probability": "4e-08",
        "findings": [finding] if metric else [],
        "slo": slo,
        "drift": {"score": "0.8", "penalty": "0%", "metrics": []},
        "warnings": [],
        "comparison": [
            {"metric": name, "value": "1.31", "mean": "0.2", "deviationSigma": "7", "p95": "0.3"}
            for name in rows
        ],
    }
    return window, report


def stored(raw: Mapping[str, Any]) -> Json:
    """The object as the API server keeps it: with the records that operator and pods write."""
    status = dict(raw.get("status", {}))
    detection = status.pop("detection", None)
    shown = {"detection": shown_detection(detection)} if detection else {}
    return {**raw, "status": {**stored_form(status), **shown}}


def describe(raw: Mapping[str, Any], events: int = 0) -> list[str]:
    """The lines of `kubectl describe` for the stored object, with that many Events."""
    metadata = {
        key: value
        for key, value in raw["metadata"].items()
        if key not in ("name", "namespace", "labels", "annotations", "managedFields")
    }
    named = [f"{key}: {raw['metadata'].get(key)}" for key in ("name", "namespace")]
    for key in ("labels", "annotations"):
        found = raw["metadata"].get(key) or {"<none>": ""}
        named += [f"{key}: {name}={value}" for name, value in found.items()]
    body = {key: value for key, value in raw.items() if key != "metadata"}
    told = ["Events: <none>"] if not events else ["Events:", "  Type", "  ----"] + ["  e"] * events
    return [*named, *_lines({**body, "metadata": metadata}, 0), *told]


def _lines(value: Mapping[str, Any], level: int) -> Iterator[str]:
    indent = "  " * level
    for key in sorted(value):
        item = value[key]
        if isinstance(item, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(item, level + 1)
        elif isinstance(item, Sequence) and not isinstance(item, str):
            yield f"{indent}{key}:"
            for one in item:
                if isinstance(one, Mapping):
                    yield from _lines(one, level + 1)
                else:
                    yield f"{indent}  {one}"
        else:
            yield f"{indent}{key}: {item}"
