"""Snapshots on a disk: `metadata.json` as this operator writes it, or as other monitors do.

What is absent or of another type counts as not said; only a file that is no snapshot at all is
refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Any

from anomaly_cli.refusal import InputError
from detector_runtime.contract.training_run import RunTrigger
from detector_runtime.following.snapshot_metadata import FILE, MAX_BYTES

PREFIX = "anomaly_"
Raw = Mapping[str, Any]


class SnapshotError(InputError):
    """What is given is no snapshot."""


@dataclass(frozen=True, slots=True)
class Example:
    prompt: str
    matches: bool | None
    loss: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Histories are oldest first, the newest value being that of `step`. `best_loss` is NaN where
    it is not said."""

    path: Path
    step: int
    timestamp: str
    reason: str
    triggers: tuple[RunTrigger, ...]
    z_scores: Mapping[str, float] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    losses: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()
    best_loss: float = nan
    best_step: int = 0
    config: Raw = field(default_factory=dict)


def is_snapshot(path: Path) -> bool:
    """Whether `path` is a snapshot, its metadata, or a folder of snapshots."""
    return path.name == FILE or bool(_files(path))


def snapshots(path: Path) -> list[Snapshot]:
    """All that are in `path`, in the order of their steps. Raises SnapshotError, OSError."""
    return sorted((snapshot(one) for one in _files(path) or [path]), key=_order)


def snapshot(path: Path) -> Snapshot:
    """The one in the folder or the file `path`. Raises SnapshotError, OSError."""
    file = path / FILE if path.is_dir() else path
    if file.stat().st_size > MAX_BYTES:
        raise SnapshotError(f"{file} is larger than {MAX_BYTES:,} bytes; no snapshot is")
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"{file} is no JSON: {error}") from error
    if not isinstance(raw, dict) or "step" not in raw or "triggers" not in raw:
        raise SnapshotError(f"{file} is no snapshot: it has no step and triggers")
    best = _number(raw.get("best_loss"))
    return Snapshot(
        path=file.parent,
        step=_whole(raw.get("step")),
        timestamp=str(raw.get("timestamp") or ""),
        reason=str(raw.get("reason") or ""),
        triggers=_triggers(raw),
        z_scores={str(name): _number(z) for name, z in _part(raw, "z_scores").items()},
        examples=tuple(_example(one) for one in _items(raw, "recent_examples")),
        losses=_numbers(raw, "loss_history"),
        rates=_numbers(raw, "lr_history"),
        accuracies=_numbers(raw, "accuracy_history"),
        best_loss=best if isfinite(best) else nan,
        best_step=_whole(raw.get("best_loss_step")),
        config=_part(raw, "monitor_config"),
    )


def _order(one: Snapshot) -> tuple[int, str]:
    return one.step, one.timestamp


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    if (path / FILE).is_file():
        return [path / FILE]
    return sorted(path.glob(f"{PREFIX}*/{FILE}"))


def _triggers(raw: Raw) -> tuple[RunTrigger, ...]:
    at = str(raw.get("timestamp") or "")
    step = _whole(raw.get("step"))
    findings = {str(one.get("name")): one for one in _items(raw, "findings")}
    found = raw.get("triggers")
    names = [str(one) for one in found] if isinstance(found, list) else []
    return tuple(
        RunTrigger(
            step=step,
            name=name,
            tier=str(findings.get(name, {}).get("tier") or ""),
            action=str(findings.get(name, {}).get("action") or ""),
            at=at,
            message=str(findings.get(name, {}).get("message") or ""),
        )
        for name in names
    )


def _part(raw: Raw, key: str) -> Raw:
    found = raw.get(key)
    return found if isinstance(found, dict) else {}


def _items(raw: Raw, key: str) -> list[Raw]:
    found = raw.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _numbers(raw: Raw, key: str) -> tuple[float, ...]:
    found = raw.get(key)
    return tuple(_number(one) for one in found) if isinstance(found, list) else ()


def _number(value: object) -> float:
    """NaN where it is no number; `Infinity` is written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return nan


def _whole(value: object) -> int:
    found = _number(value)
    return int(found) if isfinite(found) else 0


def _example(raw: Raw) -> Example:
    matches = raw.get("matches")
    return Example(
        str(raw.get("prompt") or ""),
        matches if isinstance(matches, bool) else None,
        _number(raw.get("loss")),
    )
