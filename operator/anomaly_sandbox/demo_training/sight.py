"""What the demo sees of a training run: values of the API server's objects, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

_ALERTS = frozenset({"Warning", "Critical"})


@dataclass(frozen=True, slots=True)
class RunSight:
    """`status.trainingRun` of an AnomalyService. `alerts`: triggers above Normal of its time line,
    as `NAME at step STEP`."""

    state: str
    step: int
    loss: str
    best_step: int
    best_loss: str
    resumes: int
    alerts: tuple[str, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class EvidenceSight:
    """`status.trainingRun` of an Anomaly. `triggers`: the worst first, as `NAME at step STEP`;
    `checkpoint` and `snapshot`: paths on the claim; `best_step` 0 = not said."""

    triggers: tuple[str, ...]
    checkpoint: str
    snapshot: str
    best_step: int
    conclusion: str


def run_sight(service: Object) -> RunSight:
    """All empty while nothing was said of the run."""
    run = service.get("status", {}).get("trainingRun", {})
    return RunSight(
        state=run.get("state", ""),
        step=run.get("step", 0),
        loss=run.get("loss", ""),
        best_step=run.get("bestStep", 0),
        best_loss=run.get("bestLoss", ""),
        resumes=run.get("resumes", 0),
        alerts=tuple(_named(one) for one in run.get("timeline", []) if one.get("tier") in _ALERTS),
        conclusion=run.get("conclusion", ""),
    )


def evidence_sight(anomaly: Object) -> EvidenceSight:
    """All empty while the operator has made the object but not its status."""
    run = anomaly.get("status", {}).get("trainingRun", {})
    return EvidenceSight(
        triggers=tuple(_named(one) for one in run.get("triggers", [])),
        checkpoint=run.get("checkpoint", {}).get("path", ""),
        snapshot=run.get("snapshot", ""),
        best_step=run.get("bestStep", 0),
        conclusion=run.get("conclusion", ""),
    )


def _named(trigger: Object) -> str:
    return f"{trigger['name']} at step {trigger['step']}"
