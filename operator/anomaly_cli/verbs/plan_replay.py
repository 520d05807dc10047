"""The last days under the old and the new spec: the product's own backtest, twice, side by side.

A recording comes from a file or from a Prometheus that the user names.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anomaly_cli import backtest
from anomaly_cli.incident_list import IncidentLine, incident_lines
from anomaly_cli.named_prometheus import recorded
from anomaly_cli.progress import Progress
from anomaly_cli.recording import ReadOptions, Recording, read
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.replay_options import warmup_rows
from anomaly_cli.service_file import Plan, ServiceFile, planned
from anomaly_cli.verbs.plan_world import Outlook
from anomaly_cli.verbs.wording import moment
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Severity, Verdict

DAY = 86_400
MAX_DAYS = 90
MEDIUM = 1
"""Index of Medium and above in `Outcome.expected`."""
MAX_LISTED = 5
MAX_TRAININGS = 6
"""Of each side: two specs are compared, and a training a day over a month would take minutes."""
NOWHERE = Path("/nonexistent")


@dataclass(frozen=True, slots=True)
class Replayed:
    """One spec over the recording. `expected`: false incidents a week of Medium and above."""

    label: str
    days: float
    incidents: tuple[IncidentLine, ...]
    anomalous: int
    inconclusive: int
    models: int
    failed: int
    expected: float


def replays(given: argparse.Namespace, old: Outlook | None, new: Outlook) -> list[Replayed]:
    """Both specs over the recording that the options name; nothing where they name none. Raises
    ArgumentError, RecordingError, ServiceFileError, OSError."""
    if not given.data and not given.source_url:
        return []
    if given.data and given.source_url:
        raise ArgumentError("--data and --source-url both name a recording; give one of them")
    if not 1 <= given.days <= MAX_DAYS:
        raise ArgumentError(f"--days is {given.days}; give 1 to {MAX_DAYS}")
    sides = (("now", old), ("then", new)) if old is not None else (("then", new),)
    progress = Progress("replay")
    try:
        found = []
        for label, outlook in sides:
            assert outlook is not None
            progress.begin(f"replay, {label}")
            recording, plan = _prepared(given, outlook)
            found.append(_replayed(label, recording, plan, progress))
    finally:
        progress.close()
    return found


def _prepared(given: argparse.Namespace, side: Outlook) -> tuple[Recording, Plan]:
    resolved = side.resolved
    assert resolved is not None
    service = ServiceFile(NOWHERE, resolved.spec, meta=side.service.meta, policy=side.policy)
    if given.data:
        recording = read(given.data, None, None, ReadOptions())
        step = side.spec.step_seconds
        if recording.frame.step < step:
            recording = read(given.data, step, None, ReadOptions())
    else:
        meta = side.service.meta
        recording = recorded(given.source_url, given.days, side.spec, meta.namespace, meta.name)
        # With the metrics in the spec, so that those of a preset keep their roles.
        service = replace(service, spec=replace(resolved.spec, metrics=resolved.metrics))
    plan = planned(service, recording.frame.names)
    return recording, replace(plan, patterns=resolved.patterns)


def _replayed(label: str, recording: Recording, plan: Plan, progress: Progress) -> Replayed:
    warmup = int(recording.window[warmup_rows(None, recording)])
    scored = int(recording.frame.times[-1] - recording.frame.times[warmup])
    refit = max(DAY, scored // MAX_TRAININGS)
    outcome = backtest.run(recording, plan, warmup, refit, progress.step)
    verdicts = [one.verdict for one in outcome.reports.values()]
    return Replayed(
        label,
        len(outcome.reports) * recording.frame.step / DAY,
        incident_lines(recording, outcome),
        verdicts.count(Verdict.ANOMALOUS),
        verdicts.count(Verdict.INCONCLUSIVE),
        outcome.models,
        outcome.failed,
        float(outcome.expected[MEDIUM]),
    )


HEADS = ("", "DAYS", "INCIDENTS", "MEDIUM+", "WINDOWS", "MODELS", "EXPECTED/WEEK")


def rows(found: Sequence[Replayed]) -> list[tuple[str, ...]]:
    """A line for each spec under HEADS."""
    return [
        (
            one.label,
            f"{one.days:.1f}",
            str(len(one.incidents)),
            str(sum(line.severity.rank >= Severity.MEDIUM.rank for line in one.incidents)),
            f"{one.anomalous} anomalous, {one.inconclusive} inconclusive",
            f"{one.models - one.failed} of {one.models} passed",
            decimal(one.expected, 2) or "-",
        )
        for one in found
    ]


def only(found: Sequence[Replayed]) -> list[str]:
    """Incidents that only one of the two specs would have told of."""
    if len(found) != 2:
        return []
    out = []
    for one, other in (found, tuple(reversed(found))):
        alone = [line for line in one.incidents if not _met(line, other.incidents)]
        out += [
            f"only {one.label}: {moment(line.start)}, {line.severity.value}, {line.pattern}"
            for line in alone[:MAX_LISTED]
        ]
        if len(alone) > MAX_LISTED:
            out.append(f"only {one.label}: {len(alone) - MAX_LISTED} more")
    return out


def _met(line: IncidentLine, others: Sequence[IncidentLine]) -> bool:
    return any(line.start < other.end and other.start < line.end for other in others)
