"""Services of a fleet that watch a training run: one goes on, one stands still, one is over."""

from __future__ import annotations

import copy
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_operator.status.packing import stored_form
from pretend.followed_service import REPORT

Json = dict[str, Any]
RUNS = {"llama-8b-pretrain": "Running", "reranker-v3": "Stalled", "speech-small": "Completed"}
NAMESPACE = "research"


def raw_runs(now: int) -> list[Json]:
    """The AnomalyServices; `now` in unix seconds."""
    return [_service(name, state, now) for name, state in RUNS.items()]


def _service(name: str, state: str, now: int) -> Json:
    report = copy.deepcopy(REPORT)
    report |= {"state": state, "since": to_text(now - 14_000), "lastRowAt": to_text(now - 45)}
    report["estimatedEnd"] = to_text(now + 90_000)
    for entry, ago in zip(report["timeline"], (3_600, 900), strict=True):
        entry["at"] = to_text(now - ago)
    if state == "Completed":
        report |= {"step": 143_000, "triggers": 5, "conclusion": "", "advice": ""}
        report["timeline"] = report["timeline"][:1]
        del report["estimatedEnd"]
    ready = {
        "type": "Ready",
        "status": "False" if state == "Stalled" else "True",
        "reason": "RunStalled" if state == "Stalled" else "Ready",
        "message": "No row since 45 minutes." if state == "Stalled" else "The run is followed.",
        "lastTransitionTime": to_text(now - 5_400),
    }
    whole = {
        "formatVersion": 2,
        "observedGeneration": 1,
        "state": "Degraded" if state == "Stalled" else "Healthy",
        "severity": "None",
        "summary": "No incident.",
        "conditions": [ready],
        "incidents": {"open": 0},
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "resourceVersion": "55",
            "generation": 1,
            "creationTimestamp": to_text(now - 20_000),
            "labels": {"team": "research"},
        },
        "spec": {
            "profile": "TrainingRun",
            "step": "60s",
            "trainingRun": {
                "log": {"claim": f"{name}-run", "path": "logs/train.jsonl"},
                "trainer": {"kind": "Job", "name": name},
                "totalSteps": 143_000,
                "checkpoints": "checkpoints/checkpoint-{step}",
            },
        },
        "status": {**stored_form(whole), "trainingRun": report},
    }
