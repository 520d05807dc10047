"""`metadata.json` of a snapshot: written once, and read back for retention and by people's tools.

Its keys are those of the monitor that training scripts know; what is new here has keys of its own.
NaN and infinite are texts, because JSON has no such numbers. A folder whose metadata this program
did not write is never counted and never removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan

from detector_runtime.contract.text import iso, unix
from detector_runtime.contract.training_run import Checkpoint, RunExample, RunTrigger
from detector_runtime.following.snapshot_model import How
from detector_runtime.following.snapshot_retention import Kept
from detector_runtime.training_run.rows import LEARNING_RATE
from detector_runtime.training_run.trigger import Tier

FILE = "metadata.json"
MAX_BYTES = 1 << 20
MAX_HISTORY = 200
MAX_EXAMPLES = 50
FORMAT = 1
MULTIPLE = "MULTIPLE_TRIGGERS"
_RANKS = {tier.value: tier.rank for tier in Tier}
_SHORT = {LEARNING_RATE: "lr"}
"""As the names of triggers have it."""


@dataclass(frozen=True, slots=True)
class Captured:
    """What is known at `step`, whose row was logged `at` (unix seconds). `triggers` are those of
    this step, MULTIPLE_TRIGGERS included. Histories are oldest first and end with the row of the
    step; numbers may be NaN or infinite. `z_scores` by the name of the metric. `examples` are as
    the policy of the run wants them. `reason`: one sentence, such as the message of the worst
    trigger. `config`: the thresholds and the mode that judged, as JSON values."""

    step: int
    at: float
    triggers: tuple[RunTrigger, ...]
    z_scores: Mapping[str, float] = field(default_factory=dict)
    examples: tuple[RunExample, ...] = ()
    loss_history: tuple[float, ...] = ()
    accuracy_history: tuple[float, ...] = ()
    learning_rate_history: tuple[float, ...] = ()
    best_loss: float | None = None
    best_step: int = 0
    reason: str = ""
    config: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """The checkpoint of a snapshot. `size` in bytes, `changed` in unix seconds: of its files when
    the snapshot was taken; `links`: symbolic links that it does not hold."""

    checkpoint: Checkpoint
    how: How
    size: int = 0
    changed: float = 0.0
    files: int = 0
    links: int = 0

    @property
    def key(self) -> str:
        """The same for the same files."""
        return _key(self.checkpoint.path, iso(self.changed), self.size)


def _key(path: str, changed: str, size: int) -> str:
    return f"{path} {changed} {size}"


def name_of(captured: Captured) -> str:
    """What a snapshot is called by: MULTIPLE_TRIGGERS, else its worst trigger, the first of
    several."""
    names = [one.name for one in captured.triggers]
    if MULTIPLE in names or not names:
        return MULTIPLE if names else "none"
    return max(captured.triggers, key=lambda one: _RANKS.get(one.tier, 0)).name


def rank_of(captured: Captured) -> int:
    return max((_RANKS.get(one.tier, 0) for one in captured.triggers), default=0)


def rendered(captured: Captured, held: Held | None, now: float) -> bytes:
    """The file."""
    tier = list(Tier)[rank_of(captured)].value
    document = {
        "format_version": FORMAT,
        "step": captured.step,
        "timestamp": iso(captured.at),
        "taken_at": iso(now),
        "name": name_of(captured),
        "reason": captured.reason,
        "tier": tier,
        "triggers": [one.name for one in captured.triggers],
        "findings": [_finding(one) for one in captured.triggers],
        "z_scores": {_SHORT.get(name, name): _json(z) for name, z in captured.z_scores.items()},
        "recent_examples": [_example(one) for one in captured.examples[-MAX_EXAMPLES:]],
        "loss_history": _history(captured.loss_history),
        "accuracy_history": _history(captured.accuracy_history),
        "lr_history": _history(captured.learning_rate_history),
        "best_loss": None if captured.best_loss is None else _json(captured.best_loss),
        "best_loss_step": captured.best_step,
        "monitor_config": dict(captured.config),
        "checkpoint": None if held is None else _checkpoint(held),
    }
    return (json.dumps(document, indent=2, default=str) + "\n").encode()


def kept(name: str, data: bytes) -> Kept | None:
    """The snapshot `name` by its file; None where this program did not write it."""
    try:
        raw = json.loads(data)
        if raw["format_version"] != FORMAT:
            return None
        held = raw["checkpoint"] or {}
        size = int(held["bytes"]) if held.get("how") == How.COPIED else 0
        return Kept(
            name=name,
            at=float(unix(raw["timestamp"])),
            step=int(raw["step"]),
            trigger=str(raw["name"]),
            rank=_RANKS.get(str(raw["tier"]), 0),
            triggers=len(raw["triggers"]),
            model=_key(str(held["path"]), str(held["changed"]), size) if size else "",
            size=size,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _checkpoint(held: Held) -> dict[str, object]:
    return {
        "step": held.checkpoint.step,
        "path": held.checkpoint.path,
        "how": held.how.value,
        "bytes": held.size,
        "files": held.files,
        "links_left_out": held.links,
        "changed": iso(held.changed) if held.changed else None,
    }


def _finding(one: RunTrigger) -> dict[str, object]:
    return {"name": one.name, "tier": one.tier, "action": one.action, "message": one.message}


def _example(one: RunExample) -> dict[str, object]:
    return {
        "prompt": one.prompt,
        "golden_answer": one.golden_answer,
        "model_answer": one.model_answer,
        "matches": one.matches,
        "loss": _number(one.loss),
    }


def _number(text: str) -> object:
    try:
        return _json(float(text))
    except ValueError:
        return None


def _history(values: Iterable[float]) -> list[object]:
    return [_json(value) for value in tuple(values)[-MAX_HISTORY:]]


def _json(value: float) -> object:
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else ("Infinity" if value > 0 else "-Infinity")
