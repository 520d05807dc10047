"""`scores.csv`: what was said of each window of a recording, one line an input row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

import numpy as np

from anomaly_cli.backtest import Outcome
from anomaly_cli.recording import Recording
from anomaly_operator.incidents.transitions import notifies
from detector_runtime.contract.detection import Contribution
from detector_runtime.contract.vocabulary import Severity, SLOStatus, Verdict

COLUMNS = (
    "timestamp",
    "score",
    "probability",
    "onset_score",
    "verdict",
    "severity",
    "confidence",
    "period",
    "top_metric",
    "incident",
    "incident_severity",
    "pattern",
    "slo",
    "model_severity",
    "notify",
)


def write_scores(file: TextIO, recording: Recording, outcome: Outcome, warmup_row: int) -> None:
    """One line for each input row from `warmup_row` on, in the order of time."""
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(COLUMNS)
    for stamp, row in zip(
        recording.stamps[warmup_row:], recording.window[warmup_row:].tolist(), strict=True
    ):
        lines.writerow((stamp, *_line(outcome, row)))


def top_metric(contributions: Sequence[Contribution]) -> str:
    """The metric that has the largest part in a finding; empty where none has any."""
    return max(contributions, key=_share).metric if contributions else ""


def _share(one: Contribution) -> float:
    return float(one.share.removesuffix("%") or 0)


def _line(outcome: Outcome, row: int) -> tuple[str, ...]:
    """The columns of one row. An Inconclusive window has scores of 0 and probability 1."""
    report = outcome.reports.get(row)
    severity = outcome.folded.severity.get(row)
    incident = (outcome.folded.running.get(row, ""), severity.value if severity else "")
    notify = "true" if severity is not None and notifies(severity) else "false"
    none = Severity.NONE.value
    if report is None:
        verdict = Verdict.INCONCLUSIVE.value
        unknown = ("", SLOStatus.UNKNOWN.value, none, notify)
        return ("0", "1", "0", verdict, none, "", "", "", *incident, *unknown)
    silent = report.verdict is Verdict.INCONCLUSIVE or not np.isfinite(outcome.score[row])
    first = next(iter(report.findings), None)
    return (
        "0" if silent else f"{outcome.score[row]:.6f}",
        "1" if silent else f"{outcome.probability[row]:.6g}",
        "0" if silent else f"{outcome.onset[row]:.6f}",
        report.verdict.value,
        report.severity.value,
        report.confidence,
        report.period,
        top_metric(first.contributions if first else ()),
        *incident,
        first.pattern if first else "",
        report.slo.status.value,
        report.model_severity.value,
        notify,
    )
