"""An AnomalyService that watches a training run, and its Anomaly, as the API server has them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
CAUSE = "MULTIPLE_TRIGGERS at step 15000"
REPORT: Json = {
    "formatVersion": 1,
    "state": "Running",
    "since": "2026-11-22T08:00:00Z",
    "step": 15230,
    "totalSteps": 143000,
    "rate": "4100",
    "estimatedEnd": "2026-11-23T18:09:00Z",
    "loss": "1.15",
    "learningRate": "0.0005",
    "accuracy": "81.2",
    "bestStep": 12000,
    "bestLoss": "0.5432",
    "checkpoint": {"step": 14000, "path": "checkpoints/checkpoint-14000"},
    "lastRowAt": "2026-11-22T11:39:00Z",
    "rows": 15230,
    "badLines": 3,
    "badLine": "line 12: is no JSON",
    "resumes": 1,
    "triggers": 8,
    "counts": [
        {"kind": "best_model_loss", "count": 5},
        {"kind": "loss_spike", "count": 2},
        {"kind": "MULTIPLE_TRIGGERS", "count": 1},
    ],
    "timeline": [
        {
            "step": 12000,
            "name": "best_model_loss_0.5432",
            "tier": "Informational",
            "action": "None",
            "at": "2026-11-22T10:50:00Z",
            "message": "lowest loss so far: 0.5432",
        },
        {
            "step": 15000,
            "name": "MULTIPLE_TRIGGERS",
            "tier": "Critical",
            "action": "RollBack",
            "at": "2026-11-22T11:36:00Z",
            "message": "3 triggers at one step",
        },
    ],
    "earlier": 6,
    "snapshots": 2,
    "snapshot": "snapshots/anomaly_20261122_113600_MULTIPLE_TRIGGERS",
    "notes": ["Two writers append to the log"],
    "conclusion": f"Go back to step 14000 (checkpoints/checkpoint-14000): {CAUSE}.",
    "advice": "Resume from the checkpoint, and find out first what changed.",
}
OPEN: Json = {
    "apiVersion": "anomaly-operator.dev/v1alpha1",
    "kind": "Anomaly",
    "metadata": {"name": "llama-1", "namespace": "shop"},
    "spec": {
        "serviceRef": {"name": "llama"},
        "openingPattern": "multiple_triggers",
        "firstSeen": "2026-11-22T11:36:00Z",
    },
    "status": {
        "state": "Open",
        "severity": "Critical",
        "explanation": {"summary": "MULTIPLE_TRIGGERS at step 15000"},
    },
}


def service(report: Json | None = REPORT, profile: str = "TrainingRun") -> Json:
    return {
        "apiVersion": "anomaly-operator.dev/v1alpha1",
        "kind": "AnomalyService",
        "metadata": {"name": "llama", "namespace": "shop", "uid": "u"},
        "spec": {"profile": profile, "trainingRun": {"totalSteps": 143000}},
        "status": {} if report is None else {"trainingRun": report},
    }
