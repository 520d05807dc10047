"""The incidents of a backtest, each as a person is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from anomaly_cli.backtest import Outcome
from anomaly_cli.incidents import IncidentRows
from anomaly_cli.local_time import moment
from anomaly_cli.recording import Recording
from anomaly_cli.scores_file import top_metric
from detector_runtime.contract.vocabulary import Severity, Verdict

HEADS = ("FROM", "TO", "SEVERITY", "METRIC", "PATTERN", "WHAT")


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """`start` and `end`: unix seconds of the start of its first anomalous window and the end of its
    last, shown in `zone`; `open`: it had not closed when the recording ended; `metric`: which has
    the largest part in it; `windows`: how many were anomalous.
    """

    service: str
    name: str
    start: int
    end: int
    open: bool
    severity: Severity
    metric: str
    pattern: str
    sentence: str
    windows: int
    zone: ZoneInfo


def incident_lines(recording: Recording, outcome: Outcome) -> tuple[IncidentLine, ...]:
    """In the order of time."""
    return tuple(_line(one, recording, outcome) for one in outcome.folded.incidents)


def _line(one: IncidentRows, recording: Recording, outcome: Outcome) -> IncidentLine:
    frame, reports = recording.frame, outcome.reports
    known = outcome.incidents[one.name]
    rows = [row for row in range(one.first, one.seen + 1) if row in reports]
    return IncidentLine(
        outcome.plan.meta.name,
        one.name,
        int(frame.times[one.first]) - frame.step,
        int(frame.times[one.seen]),
        one.open,
        one.severity,
        top_metric(known.contributions),
        known.pattern,
        known.summary,
        sum(reports[row].verdict is Verdict.ANOMALOUS for row in rows),
        recording.zone,
    )


def heads(*, several: bool) -> tuple[str, ...]:
    """The heads of a table; `several` services need one more."""
    return (*(("SERVICE",) if several else ()), *HEADS)


def cells(one: IncidentLine, *, several: bool) -> tuple[str, ...]:
    """One incident as a line of that table."""
    return (
        *((one.service,) if several else ()),
        moment(one.start, one.zone),
        "still open" if one.open else moment(one.end, one.zone),
        one.severity.value,
        one.metric or "-",
        one.pattern or "-",
        one.sentence,
    )
