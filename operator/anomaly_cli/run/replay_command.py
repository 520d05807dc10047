"""`kubectl-anomaly run replay`: from the arguments to what is printed."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TextIO

from anomaly_cli import console
from anomaly_cli.atomic_file import written
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.run.course import of_replay
from anomaly_cli.run.log_reading import replayed
from anomaly_cli.run.replay import Curve, Replayed, above_normal
from anomaly_cli.run.sketch import sketch
from anomaly_cli.run.timeline import tell
from anomaly_cli.verbs.show import width
from detector_runtime.training_run.trigger import Trigger

ALERTED = 1
HEADS = ("Step", "Trigger", "Tier", "What was found, and what to do")


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ArgumentError, LogError, OSError."""
    if given.output and (given.timeline or given.plot):
        raise ArgumentError(
            "--timeline and --plot print text; for JSON, write kubectl-anomaly run timeline "
            f"{given.log} -o json"
        )
    with ExitStack() as stack:
        page = _page(given, stack)
        curve = Curve() if page is not None or given.plot else None
        found = replayed(given, given.log, curve)
        if page is not None and curve is not None:
            # It brings numpy with it, which a replay does not need.
            from anomaly_cli.run.page import page_of  # noqa: PLC0415

            page.write(page_of(str(given.log), found, curve))
    if given.plot and curve is not None:
        console.say(list(_plot(found, curve)))
    if given.output == "json":
        print(json.dumps({"triggers": [_document(one) for one in found.triggers]}, indent=2))
    elif given.timeline:
        tell(of_replay(given.log, found), every=False)
    else:
        console.say(list(_head(found)))
        if found.alerts:
            console.table(HEADS, [_cells(one) for one in found.alerts], more="; see -o json")
    return ALERTED if found.alerts else 0


def _plot(found: Replayed, curve: Curve) -> Iterator[str]:
    alerts = {row for row, one in zip(found.at, found.triggers, strict=True) if above_normal(one)}
    best = -1 if found.best_loss is None else found.best_row
    drawn = sketch(curve.losses, curve.steps, alerts, best, width())
    if drawn:
        yield from ["Loss (^ a trigger above Normal, * the best step)", *drawn, ""]


def _page(given: argparse.Namespace, stack: ExitStack) -> TextIO | None:
    """Opened before the work: a replay must not end at a file that cannot be written."""
    path = given.report
    if path is None:
        return None
    if path.exists() and given.log.exists() and path.samefile(given.log):
        raise ArgumentError(f"--report {path} is the log itself; name another file")
    try:
        return stack.enter_context(written(path))
    except OSError as error:
        raise ArgumentError(
            f"--report {path}: {(error.strerror or str(error)).lower()}; name a file in a folder "
            "that you may write to"
        ) from error


def _head(found: Replayed) -> Iterator[str]:
    report = found.report
    resumed = f"; resumed: {report.resumes}" if report.resumes else ""
    yield f"{report.rows} rows to step {report.step}{resumed}"
    if found.best_loss is not None:
        yield f"Best step: {report.best_step} (loss {found.best_loss:.4f})"
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
