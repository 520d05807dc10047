"""From judged windows to incidents on the product's own way.

The windows become the documents that scoring pods would have left in `.status.detection`, and the
operator's folding reads those. No rule of the life cycle stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.state import IncidentSettings, IncidentState
from anomaly_operator.incidents.transitions import Transition, TransitionKind
from detector_runtime.commands.span import Scored, Span, joined
from detector_runtime.contract.detection import Detection, RunStatus, WindowReport, window_order
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import MAX_WINDOWS, RunOutcome, Severity, Verdict

_BEGINS = frozenset({TransitionKind.OPENED, TransitionKind.REOPENED})


@dataclass(frozen=True, slots=True)
class IncidentRows:
    """A confirmed incident in rows of the recording: `first` was its first anomalous window,
    `opened` confirmed it, `seen` was its last anomalous window and `worst` the one that it is
    described by. `open`: it had not closed when the recording ended.
    """

    name: str
    first: int
    opened: int
    seen: int
    worst: int
    severity: Severity
    open: bool


@dataclass(frozen=True, slots=True)
class Folded:
    """`running`: which confirmed incident was open or recovering at a row; `severity`: the highest
    that it had had by then."""

    incidents: tuple[IncidentRows, ...]
    running: Mapping[int, str]
    severity: Mapping[int, Severity]


def documents(reports: Mapping[int, WindowReport], step: int) -> Iterator[Detection]:
    """The documents of runs that score each stretch of consecutive rows as far as one run may."""
    previous = None
    for rows in _runs(sorted(reports)):
        windows = tuple(reports[row] for row in rows)
        span = Span(unix(windows[0].end) - step, unix(windows[-1].end), step)
        scored = Scored(span, windows, RunOutcome.SUCCEEDED)
        previous = joined(previous, scored, "backtest", RunStatus(scored.outcome))
        yield previous


def folded(reports: Mapping[int, WindowReport], rows: int, settings: IncidentSettings) -> Folded:
    """Incidents of the windows in `reports` by row, of a recording of `rows` windows. Rows without
    a report were not scored: they open and close nothing.
    """
    state = IncidentState()
    transitions: list[Transition] = []
    for document in documents(reports, settings.step_seconds):
        state, edges = fold(state, document, settings, unix(document.scored_through))
        transitions.extend(edges)
    return in_rows(transitions, reports, rows)


def in_rows(
    transitions: Iterable[Transition], reports: Mapping[int, WindowReport], rows: int
) -> Folded:
    """The incidents that `transitions` tell of, in rows of a recording of `rows` windows."""
    row_of = {unix(report.end): row for row, report in reports.items()}
    found = _Rows(row_of)
    for edge in transitions:
        found.add(edge)
    last = found.name
    found.until(rows)
    incidents = tuple(
        _incident(name, first, opened, found, reports, is_open=name == last)
        for name, (first, opened) in found.began.items()
    )
    return Folded(incidents, found.running, found.severity)


class _Rows:
    """Which incident runs at a row, and how severe it has been by then; at most one runs at a
    time."""

    def __init__(self, row_of: Mapping[int, int]) -> None:
        self._row_of = row_of
        self._since = 0
        self._suspected: int | None = None
        self._severity = Severity.NONE
        self.name = ""
        self.began: dict[str, tuple[int, int]] = {}
        self.running: dict[int, str] = {}
        self.severity: dict[int, Severity] = {}

    def add(self, edge: Transition) -> None:
        row = self._row_of[edge.at]
        self.until(row)
        if edge.kind in _BEGINS:
            self.name = edge.anomaly
            first = row if self._suspected is None else self._suspected
            self.began.setdefault(edge.anomaly, (first, row))
        elif edge.kind is TransitionKind.CLOSED:
            self.name = ""
        self._suspected = row if edge.kind is TransitionKind.SUSPECTED else None
        if self.name:
            self._severity = edge.severity

    def until(self, row: int) -> None:
        if self.name:
            self.running.update(dict.fromkeys(range(self._since, row), self.name))
            self.severity.update(dict.fromkeys(range(self._since, row), self._severity))
        self._since = row


def _incident(
    name: str,
    first: int,
    opened: int,
    found: _Rows,
    reports: Mapping[int, WindowReport],
    *,
    is_open: bool,
) -> IncidentRows:
    rows = [*range(first, opened), *(row for row, one in found.running.items() if one == name)]
    anomalous = [
        row for row in rows if row in reports and reports[row].verdict is Verdict.ANOMALOUS
    ]
    worst = max(anomalous, key=lambda row: (_order(reports[row]), -row))
    last = max(row for row, one in found.running.items() if one == name)
    return IncidentRows(name, first, opened, anomalous[-1], worst, found.severity[last], is_open)


def _order(report: WindowReport) -> tuple[int, int, float]:
    return window_order(report.severity, report.model_severity, report.score)


def _runs(rows: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for row in rows:
        if run and (row != run[-1] + 1 or len(run) == MAX_WINDOWS):
            yield run
            run = []
        run.append(row)
    if run:
        yield run
