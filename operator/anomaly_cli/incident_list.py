"""The incidents of a backtest, each as a person is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from anomaly_cli.backtest import Outcome
from anomaly_cli.incidents import IncidentRows
from anomaly_cli.local_time import moment
from anomaly_cli.recording import Recording
from detector_runtime.contract.vocabulary import Severity, Verdict

_MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """`start` and `end`: unix seconds of the start of its first anomalous window and the end of its
    last; `open`: it had not closed when the recording ended; `windows`: how many were anomalous.
    """

    name: str
    start: int
    end: int
    open: bool
    severity: Severity
    metric: str
    pattern: str
    sentence: str
    windows: int


def incident_lines(recording: Recording, outcome: Outcome) -> tuple[IncidentLine, ...]:
    """In the order of time."""
    return tuple(_line(one, recording, outcome) for one in outcome.folded.incidents)


def _line(one: IncidentRows, recording: Recording, outcome: Outcome) -> IncidentLine:
    frame, reports = recording.frame, outcome.reports
    finding = next(iter(reports[one.worst].findings), None)
    pattern = finding.pattern if finding else ""
    rows = [row for row in range(one.first, one.seen + 1) if row in reports]
    return IncidentLine(
        one.name,
        int(frame.times[one.first]) - frame.step,
        int(frame.times[one.seen]),
        one.open,
        one.severity,
        pattern.removeprefix("metric_"),
        pattern,
        finding.summary if finding else "",
        sum(reports[row].verdict is Verdict.ANOMALOUS for row in rows),
    )


def table(incidents: tuple[IncidentLine, ...], zone: ZoneInfo) -> Iterator[str]:
    """The incidents as aligned columns; the sentence is last, because it is long."""
    shown = incidents[:_MAX_SHOWN]
    rows = [("FROM", "TO", "SEVERITY", "METRIC", "WHAT")]
    rows.extend(
        (
            moment(one.start, zone),
            "still open" if one.open else moment(one.end, zone),
            one.severity.value,
            one.metric or "-",
            one.sentence,
        )
        for one in shown
    )
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        yield ("  " + "  ".join([*cells, row[4]])).rstrip()
    if len(incidents) > len(shown):
        yield f"  and {len(incidents) - len(shown)} more; --json lists all"
