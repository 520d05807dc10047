"""An AnomalyService as the API server keeps it, at rest and in trouble."""

from __future__ import annotations

from typing import Any

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.status.packing import stored_form
from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import (
    Detection,
    Finding,
    MetricComparison,
    MetricEvaluation,
    RunStatus,
    SLOEvaluation,
    UsualRange,
    WindowReport,
    WindowVerdict,
)
from detector_runtime.contract.record import shown_detection
from detector_runtime.contract.vocabulary import RunOutcome, Severity, SLOStatus, Verdict

NOW = unix_seconds("2026-11-26T02:22:40Z")
END = "2026-11-26T02:22:00Z"
Json = dict[str, Any]
METRICS = [
    {"name": "latency", "role": "Latency", "unit": "Seconds", "query": "latency"},
    {"name": "rate", "role": "Traffic", "unit": "RequestsPerSecond", "query": "rate"},
    {"name": "memory", "role": "Saturation", "unit": "Bytes", "query": "memory"},
]
CALM = WindowReport(
    end=END,
    verdict=Verdict.NORMAL,
    period="night",
    severity=Severity.NONE,
    confidence="90%",
    score="0.31",
    probability="0.49",
    slo=SLOEvaluation(
        SLOStatus.OK,
        "0.31",
        "web",
        explanation="latency 310 ms, acceptable up to 500 ms",
        metric="latency",
        metrics=(MetricEvaluation("latency", "0.31", "0.5", "0.8", "1", SLOStatus.OK),),
    ),
    comparison=(
        MetricComparison("latency", "0.31", "0.2", "1", "0.3"),
        MetricComparison("rate", "45", "50", "0", "60"),
        MetricComparison("memory", "512000000", "500000000", "0", "520000000"),
    ),
    alert_level="2.87",
    usual=(
        UsualRange("latency", "0.12", "0.32"),
        UsualRange("rate", "40", "60"),
        UsualRange("memory", "400000000", "600000000"),
    ),
)
FINDING = Finding(
    pattern="latency_spike_recent",
    severity=Severity.CRITICAL,
    model_severity=Severity.HIGH,
    confidence="86%",
    score="7.4",
    summary="Requests take 1.2 s, usually 120 to 320 ms during night hours",
    since=END,
)
MODEL = {
    "revision": "20261126-020000-abcdef",
    "digest": "sha256:0",
    "trainedAt": "2026-11-26T02:00:00Z",
    "grade": "A",
    "samples": 20000,
    "shape": "aaaa",
    "expectedPerWeek": "0.84",
}
OLDER = {**MODEL, "revision": "20261125-020000-abcdef", "trainedAt": "2026-11-25T02:00:00Z"}
OLDEST = {
    **MODEL,
    "revision": "20261124-020000-abcdef",
    "trainedAt": "2026-11-24T02:00:00Z",
    "shape": "bbbb",
}


def detection(report: WindowReport | None = CALM, *listed: Verdict) -> Json:
    """The document of a run: `listed` windows before the newest were not Normal."""
    end = unix_seconds(END)
    windows = tuple(
        WindowVerdict(END.replace("22:00", f"{n:02}:00"), one, "NoData", severity=Severity.LOW)
        for n, one in enumerate(listed, 1)
    )
    if report is not None and report.verdict is not Verdict.NORMAL:
        windows = (*windows, WindowVerdict(END, report.verdict, report.reason))
    found = Detection(
        "20261126-020000-abcdef",
        RunStatus(RunOutcome.SUCCEEDED),
        step_seconds=120,
        scored_from="2026-11-26T01:22:00Z",
        scored_through=END,
        windows=windows,
        report=report,
    )
    assert end
    return shown_detection(encode(found))


def service(
    report: WindowReport | None = CALM,
    *listed: Verdict,
    spec: Json | None = None,
    status: Json | None = None,
) -> Json:
    whole = {
        "formatVersion": 2,
        "observedGeneration": 1,
        "state": "Healthy",
        "severity": "None",
        "summary": "No incident.",
        "conditions": [],
        "model": MODEL,
        "training": {"revisions": [MODEL, OLDER, OLDEST]},
        "falseIncidents": {"toleratedPerWeek": "1", "observedPerWeek": "0.2", "levelOffset": "0"},
        "incidents": {"open": 0},
        **(status or {}),
    }
    scored = {"detection": detection(report, *listed)} if report else {}
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "u-1", "generation": 1},
        "spec": {"metrics": METRICS, **(spec or {})},
        "status": {**stored_form(whole), **scored},
    }
