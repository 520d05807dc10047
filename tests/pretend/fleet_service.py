"""An AnomalyService of a fleet as the API server has it: spec, status, and what its pod wrote."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_operator.status.packing import stored_form
from detector_runtime.contract.record import shown_detection

Json = dict[str, Any]
STEP = 60
LABELS = 'namespace="$(namespace)",service="$(service)"'
RATE = f"sum(rate(http_requests_total{{{LABELS}}}[$(rateInterval)]))"
FAILED = f'sum(rate(http_requests_total{{{LABELS},code=~"5.."}}[$(rateInterval)]))'
BUCKETS = f"sum by (le) (rate(http_request_duration_seconds_bucket{{{LABELS}}}[$(rateInterval)]))"
DATABASE = f"avg(db_latency_ms{{{LABELS}}})"
MEMORY = 'sum(container_memory_working_set_bytes{pod=~"$(service)-.*"})'
METRICS = (
    ("request_rate", "Traffic", "RequestsPerSecond", RATE, 40.0, 60.0),
    ("latency_p95", "Latency", "Seconds", f"histogram_quantile(0.95, {BUCKETS})", 0.12, 0.32),
    ("error_ratio", "Errors", "Ratio", f"{FAILED} / {RATE}", 0.0, 0.004),
    ("database_latency", "DatabaseLatency", "Milliseconds", DATABASE, 4.0, 11.0),
    ("memory", "Saturation", "Bytes", MEMORY, 4.1e8, 6.2e8),
)
"""Name, role, unit, query, usual range."""
DETECTORS = (
    "seasonal: the usual of this time of the week",
    "level: short changes of level",
    "forest: isolation forest of each metric",
    "joint_forest: isolation forest of all metrics",
    "flatline: a metric that stands still",
)


@dataclass(frozen=True)
class Place:
    """Where a service stands in the fleet. `layer`: 0 = asked by people, the last = a store."""

    name: str
    namespace: str
    team: str
    category: str
    layer: int
    calls: tuple[tuple[str, str], ...] = ()  # namespace, name

    @property
    def uid(self) -> str:
        return f"uid-{names.short_hash(self.namespace, self.name, length=12)}"


@dataclass
class Standing:
    """How it is: one of the states of a service, and the windows that are not Normal by their
    ends. `severity` as the status says it; `open` incidents; `trouble`: what fails besides."""

    state: str = "Healthy"
    severity: str = "None"
    summary: str = "No incident."
    open: int = 0
    metric: str = ""
    windows: list[tuple[int, str, str]] = field(default_factory=list)  # end, severity, pattern
    trouble: str = ""


TROUBLES = {
    "stale": ("Detecting", "False", "Stale",
              "The newest window is 43 minutes old. Look at the pod of the CronJob."),
    "source": ("DataAvailable", "False", "SourceUnavailable",
               "Source default: http://prometheus:9090 does not answer (connection refused)."),
    "incomplete": ("DataAvailable", "False", "DataIncomplete",
                   "Metric database_latency has no values since 2 hours."),
    "spec": ("Stalled", "True", "InvalidSpec",
             "spec.metrics[1].query: unexpected character at position 14; correct the query."),
    "drift": ("Drifted", "True", "DriftDetected",
              "The values have moved away from those of the training: memory, latency_p95."),
    "training": ("ModelReady", "False", "OutOfMemory",
                 "The training pod was ended for using more than 1Gi; raise spec.resources."),
}  # fmt: skip
"""Condition type, status, reason and message by what fails."""


def raw_service(
    place: Place,
    standing: Standing,
    now: int,
    chance: random.Random,
    touch: Callable[[Json], None] = lambda whole: None,
) -> Json:
    """The whole object; `now` in unix seconds. `touch` may change what is packed afterwards."""
    status: Json = {}
    if standing.state != "Pending":
        detection, whole = _status(place, standing, now, chance)
        touch(whole)
        status = stored_form(whole)
        if detection:
            touch(detection)
            status["detection"] = shown_detection(detection)
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {
            "name": place.name,
            "namespace": place.namespace,
            "uid": place.uid,
            "resourceVersion": str(chance.randrange(1_000, 9_999_999)),
            "generation": 1,
            "creationTimestamp": to_text(now - 40 * 86_400),
            "labels": {
                "app.kubernetes.io/name": place.name,
                "app.kubernetes.io/part-of": place.namespace,
                "team": place.team,
                "tier": ("web", "app", "data")[min(place.layer, 2)],
            },
        },
        "spec": _spec(place, standing),
        "status": status,
    }


def _spec(place: Place, standing: Standing) -> Json:
    metrics = [
        {"name": name, "role": role, "unit": unit, "query": query}
        for name, role, unit, query, _, _ in METRICS
    ]
    depends_on = [
        {"name": name} if namespace == place.namespace else {"name": name, "namespace": namespace}
        for namespace, name in place.calls
    ]
    return {
        "category": place.category,
        "metrics": metrics,
        "detector": {"falseIncidentsPerWeek": "1"},
        **({"dependsOn": depends_on} if depends_on else {}),
        **({"suspend": True} if standing.state == "Suspended" else {}),
    }


def _status(place: Place, standing: Standing, now: int, chance: random.Random) -> tuple[Json, Json]:
    """What the pod says, empty while there is no model, and what the operator says."""
    trained = now - chance.randrange(3_600, 86_400)
    learning = standing.state == "Learning"
    left = chance.choice(("98.4%", "87.1%", "71.02%", "43.5%"))
    left = "12.3%" if standing.open else left
    whole: Json = {
        "formatVersion": 2,
        "observedGeneration": 1,
        "state": standing.state,
        "severity": standing.severity,
        "summary": standing.summary,
        "conditions": _conditions(standing, now),
        "slo": _slo(standing, now),
        "dependencies": {"known": len(place.calls)},
        "incidents": {"open": standing.open},
        "nextTrainingTime": to_text(now + chance.randrange(3_600, 86_400)),
    }
    if learning:
        return {}, whole
    models = [_model(trained - day * 86_400, chance) for day in range(3)]
    whole |= {
        "model": models[0],
        "training": {"revisions": models},
        "falseIncidents": {"toleratedPerWeek": "1", "observedPerWeek": "0.4", "levelOffset": "0"},
        "objectives": [
            {
                "name": "availability",
                "state": "Burning" if standing.severity == "Critical" else "Ok",
                "budgetLeft": left,
                "explanation": f"Of 0.1% that may fail in 30 days, {left} is left.",
            },
            {"name": "fast", "state": "Ok", "budgetLeft": "91.2%", "explanation": "91.2% is left."},
        ],
        "evaluation": {"incidents": 9, "confirmed": "5", "dismissed": "1", "ignored": "3",
                       "precision": "0.83"},
        "lastTrainingTime": to_text(trained),
    }  # fmt: skip
    return _detection(models[0], standing, now, chance), whole


def _model(trained: int, chance: random.Random) -> Json:
    moment = to_text(trained).translate(str.maketrans("", "", "-:Z")).replace("T", "-")
    tag = f"{chance.randrange(16**6):06x}"
    return {
        "revision": f"{moment}-{tag}",
        "digest": f"sha256:{tag * 10}",
        "trainedAt": to_text(trained),
        "grade": chance.choice("AAAB"),
        "samples": chance.randrange(9_000, 40_000),
        "detectors": list(DETECTORS),
        "multivariate": True,
        "validation": "Passed: 0.84 false incidents a week are expected.",
        "shape": "9f2c1a7be01d",
        "expectedPerWeek": "0.84",
    }


def _conditions(standing: Standing, now: int) -> list[Json]:
    well = {
        "Ready": ("True", "Ready", "The model serves and scores."),
        "DataAvailable": ("True", "DataComplete", "All metrics have values."),
        "ModelReady": ("True", "Serving", "The newest model serves."),
        "Detecting": ("True", "Detecting", "Every window is scored."),
        "Drifted": ("False", "NoDrift", "The values are like those of the training."),
        "SLOMet": ("True", "WithinObjectives", "All objectives are met."),
        "Stalled": ("False", "Steady", ""),
    }
    if standing.state == "Learning":
        message = "1,260 of 4,000 samples; enough at 18:00 tomorrow."
        well |= {
            "Ready": ("False", "Learning", message),
            "ModelReady": ("False", "Learning", message),
            "Detecting": ("False", "NoModel", "There is no model yet."),
        }
    if standing.state == "Suspended":
        well["Ready"] = ("False", "Suspended", "spec.suspend is true.")
    if standing.trouble:
        kind, truth, reason, message = TROUBLES[standing.trouble]
        well[kind] = (truth, reason, message)
        if standing.trouble != "drift":
            well["Ready"] = ("False", reason, message)
    return [
        {
            "type": kind,
            "status": truth,
            "reason": reason,
            "message": message,
            "lastTransitionTime": to_text(now - 5_400),
        }
        for kind, (truth, reason, message) in well.items()
    ]


def _slo(standing: Standing, now: int) -> Json:
    if standing.state in {"Learning", "Suspended"}:
        return {"status": "Unknown", "explanation": "Nothing was scored yet."}
    word = {"Critical": "Breached", "High": "Warning"}.get(standing.severity, "Ok")
    told = {
        "Breached": "latency_p95 1.31 s is at or above the critical threshold of 1 s",
        "Warning": "latency_p95 0.86 s is at or above the warning threshold of 800 ms",
        "Ok": "latency_p95 0.21 s, acceptable up to 500 ms",
    }
    proximity = {"Breached": "1.31", "Warning": "0.86", "Ok": "0.21"}
    return {
        "status": word,
        "proximity": proximity[word],
        "policy": "web",
        "metric": "latency_p95",
        "explanation": told[word],
        "at": to_text(now - now % STEP),
    }


def _detection(model: Json, standing: Standing, now: int, chance: random.Random) -> Json:
    end = now - now % STEP
    if standing.trouble == "stale":
        end -= 43 * 60
    windows = [
        {
            "end": to_text(at),
            "verdict": "Anomalous",
            "score": f"{chance.uniform(4, 9):.2f}",
            "severity": severity,
            "modelSeverity": severity,
            "confidence": "90%",
            "patterns": [pattern],
            "sloStatus": "Breached" if severity == "Critical" else "Ok",
        }
        for at, severity, pattern in sorted(standing.windows)[-60:]
        if at <= end
    ]
    return {
        "formatVersion": 1,
        "modelRevision": model["revision"],
        "run": {"outcome": "Succeeded"},
        "stepSeconds": STEP,
        "scoredFrom": to_text(end - 63 * STEP),
        "scoredThrough": to_text(end),
        "windows": windows,
        "report": _report(end, standing, windows, chance),
    }


def _report(end: int, standing: Standing, windows: Sequence[Json], chance: random.Random) -> Json:
    now_anomalous = bool(windows) and windows[-1]["end"] == to_text(end)
    comparison, usual = [], []
    for name, _, _, _, low, high in METRICS:
        value = (
            high * 4.1 if now_anomalous and name == standing.metric else (chance.uniform(low, high))
        )
        mean = (low + high) / 2
        sigma = (value - mean) / max(high - low, 1e-9) * 2
        comparison.append({
            "metric": name, "value": f"{value:.6g}", "mean": f"{mean:.6g}",
            "deviationSigma": f"{sigma:.1f}", "p95": f"{high:.6g}",
        })  # fmt: skip
        usual.append({"metric": name, "low": f"{low:.6g}", "high": f"{high:.6g}"})
    return {
        "end": to_text(end),
        "verdict": "Anomalous" if now_anomalous else "Normal",
        "period": "business_hours",
        "severity": windows[-1]["severity"] if now_anomalous else "None",
        "confidence": "90%",
        "score": windows[-1]["score"] if now_anomalous else f"{chance.uniform(0.1, 1.4):.2f}",
        "probability": "0.00000004" if now_anomalous else "0.41",
        "comparison": comparison,
        "usual": usual,
        "alertLevel": "2.87",
        "drift": {"score": "0.8", "penalty": "0%", "metrics": []},
    }
