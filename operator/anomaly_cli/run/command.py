"""`kubectl-anomaly run replay`: from the arguments to what is printed."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from anomaly_cli import console
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.run.arguments import SHORT
from anomaly_cli.run.log_file import Reading, rows
from anomaly_cli.run.replay import Replayed, replay
from anomaly_cli.run.schedule import schedule_of
from detector_runtime.contract.training_run import RunMode
from detector_runtime.training_run.rows import FIELDS
from detector_runtime.training_run.thresholds import ThresholdError, Thresholds, thresholds_of
from detector_runtime.training_run.trigger import Trigger

ALERTED = 1
HEADS = ("Step", "Trigger", "Tier", "What was found, and what to do")


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ArgumentError, LogError, OSError."""
    reading = Reading()
    log = rows(given.log, _columns(given.column), frozenset(given.ignore), reading)
    found = replay(log, _thresholds(given.mode, given.threshold), schedule_of(given.schedule))
    for warning in _warnings(reading):
        console.warn(warning)
    if given.output == "json":
        print(json.dumps({"triggers": [_document(one) for one in found.triggers]}, indent=2))
    else:
        console.say(list(_head(found, reading)))
        if found.alerts:
            console.table(HEADS, [_cells(one) for one in found.alerts], more="; see -o json")
    return ALERTED if found.alerts else 0


def _columns(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, _, column = one.partition("=")
        if name not in FIELDS or not column:
            raise ArgumentError(
                f"--column {one}: needs FIELD=COLUMN with one of the fields {', '.join(FIELDS)}"
            )
        found[name] = column
    return found


def _thresholds(mode: str, given: Sequence[str]) -> Thresholds:
    overrides = []
    for one in given:
        name, _, text = one.partition("=")
        try:
            overrides.append((name, float(text)))
        except ValueError:
            raise ArgumentError(f"--threshold {one}: needs NAME=NUMBER") from None
    try:
        return thresholds_of(
            RunMode.SHORT_WINDOWS if mode == SHORT else RunMode.STANDARD, overrides
        )
    except ThresholdError as error:
        raise ArgumentError(f"--threshold: {error}") from None


def _warnings(reading: Reading) -> Iterator[str]:
    if reading.bad:
        first = "; ".join(reading.reasons)
        yield f"{reading.bad} of {reading.bad + reading.rows} lines were not used: {first}"
    if reading.partial:
        yield "the last line is not complete and was not used"


def _head(found: Replayed, reading: Reading) -> Iterator[str]:
    resumed = f"; resumed: {found.resumes}" if found.resumes else ""
    yield f"{reading.rows} rows to step {found.last_step}{resumed}"
    if found.best_loss is not None:
        yield f"Best step: {found.best_step} (loss {found.best_loss:.4f})"
    alerts = set(found.alerts)
    counts = Counter(one.kind for one in found.triggers if one not in alerts)
    if counts:
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        yield f"Normal or informational: {kinds}"
    yield f"Triggers above Normal: {len(found.alerts)}"


def _cells(one: Trigger) -> tuple[str, ...]:
    return str(one.step), one.name, one.tier.value, f"{one.message}. {one.advice}"


def _document(one: Trigger) -> dict[str, object]:
    return {
        "step": one.step,
        "name": one.name,
        "tier": one.tier.value,
        "action": one.action.value,
        "message": one.message,
        "advice": one.advice,
    }
