"""`kubectl-anomaly run compare SNAPSHOT CHECKPOINT`: what has changed between the two."""

from __future__ import annotations

import argparse
from math import isfinite
from pathlib import Path

from anomaly_cli import console
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.run.compare import changed_config, rows, sentence
from anomaly_cli.run.compare_side import Side, of_log, of_snapshot
from anomaly_cli.run.log_file import Reading
from anomaly_cli.run.log_reading import rows_given, thresholds_given
from anomaly_cli.run.schedule import schedule_of
from anomaly_cli.run.snapshot_reading import is_snapshot, snapshot, snapshots
from anomaly_cli.verbs.output import write_document

HEADS = ("", "SNAPSHOT", "CHECKPOINT", "DIFFERENCE")
TRAINER_STATE = "trainer_state.json"
_LABEL = 12


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises InputError, OSError."""
    found = of_snapshot(snapshot(_one(given.snapshot)))
    before = _checkpoint(given)
    if given.output:
        write_document(given.output, _document(found, before))
        return 0
    console.say(
        [
            f"{'Snapshot'.ljust(_LABEL)}{found.title}, step {found.step}",
            f"{'Checkpoint'.ljust(_LABEL)}{before.title}, step {before.step}",
            "",
        ]
    )
    console.listing(HEADS, list(rows(found, before)))
    changed = (
        [f"Changed settings: {'; '.join(told)}"] if (told := changed_config(found, before)) else []
    )
    console.say(["", *changed, sentence(found, before)])
    return 0


def _one(path: Path) -> Path:
    """A snapshot, not a folder of several. Raises ArgumentError."""
    several = snapshots(path) if path.is_dir() and is_snapshot(path) else []
    if len(several) > 1:
        names = ", ".join(one.path.name for one in several[:3])
        raise ArgumentError(f"{path} holds {len(several)} snapshots; name one of them, as {names}")
    return several[0].path if several else path


def _checkpoint(given: argparse.Namespace) -> Side:
    path: Path = given.checkpoint
    if is_snapshot(path):
        return of_snapshot(snapshot(_one(path)))
    state = path / TRAINER_STATE
    if state.is_file():
        path = state
    elif path.is_dir() and path.name.startswith("checkpoint"):
        raise ArgumentError(
            f"{path} holds no {TRAINER_STATE}; give the log of the run in its place, and the step "
            "of the checkpoint with --step"
        )
    if given.step is None and path.name != TRAINER_STATE:
        raise ArgumentError(f"{path} is a log; say with --step which step to compare with")
    return of_log(
        str(path),
        lambda: rows_given(given, path, Reading()),
        given.step,
        thresholds_given(given),
        schedule_of(given.schedule),
    )


def _document(found: Side, before: Side) -> dict[str, object]:
    return {
        "snapshot": _side(found),
        "checkpoint": _side(before),
        "changedSettings": changed_config(found, before),
        "conclusion": sentence(found, before),
    }


def _side(one: Side) -> dict[str, object]:
    return {
        "path": one.title,
        "step": one.step,
        "loss": _known(one.loss),
        "learningRate": _known(one.rate),
        "accuracy": _known(one.accuracy),
        "meanLossWhenCorrect": _known(one.correct.loss),
        "correct": one.correct.count,
        "meanLossWhenWrong": _known(one.wrong.loss),
        "wrong": one.wrong.count,
        "zScores": {name: _known(z) for name, z in one.z_scores.items()},
        "triggers": list(one.triggers),
    }


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
