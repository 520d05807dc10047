"""From judged windows to incidents on the product's own way.

The windows become the documents that scoring pods would have left in `.status.detection`, and the
operator's folding reads those. No rule of the life cycle stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from anomaly_operator.incidents.fold import fold
from anomaly_operator.incidents.state import IncidentSettings, IncidentState
from anomaly_operator.incidents.transitions import Transition, TransitionKind
from detector_runtime.commands.span import Scored, Span, joined
from detector_runtime.contract.detection import Detection, RunStatus, WindowReport
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import MAX_WINDOWS, RunOutcome, Verdict

_BEGINS = frozenset({TransitionKind.OPENED, TransitionKind.REOPENED})


@dataclass(frozen=True, slots=True)
class IncidentRows:
    """A confirmed incident in rows of the recording: `opened` confirmed it, `seen` was its last
    anomalous window."""

    name: str
    opened: int
    seen: int


@dataclass(frozen=True, slots=True)
class Folded:
    """`running`: which confirmed incident was open or recovering at a row."""

    incidents: tuple[IncidentRows, ...]
    running: Mapping[int, str]


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
    row_of = {unix(report.end): row for row, report in reports.items()}
    running: dict[int, str] = {}
    opened: dict[str, int] = {}
    for name, first, last in _intervals(transitions, row_of, rows):
        opened.setdefault(name, first)
        running.update(dict.fromkeys(range(first, last), name))
    seen = {
        name: row
        for row, name in running.items()
        if row in reports and reports[row].verdict is Verdict.ANOMALOUS
    }
    found = tuple(IncidentRows(name, first, seen[name]) for name, first in opened.items())
    return Folded(found, running)


def _runs(rows: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for row in rows:
        if run and (row != run[-1] + 1 or len(run) == MAX_WINDOWS):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _intervals(
    transitions: list[Transition], row_of: Mapping[int, int], rows: int
) -> Iterator[tuple[str, int, int]]:
    """Name, first row and row after the last of each time that an incident ran; at most one runs
    at a time."""
    name, first = "", 0
    for edge in transitions:
        if edge.kind in _BEGINS:
            name, first = edge.anomaly, row_of[edge.at]
        elif edge.kind is TransitionKind.CLOSED:
            yield name, first, row_of[edge.at]
            name = ""
    if name:
        yield name, first, rows
