"""The training runs that the caller may see: which of them need a person, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_cli.run.kinds import rank_of, worst_of
from anomaly_cli.run.status_reading import report_of
from anomaly_cli.run.verdict import Do, Verdict, verdict
from anomaly_dashboard.watched.rows import ServiceRow
from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.training_run import TrainingRunReport

MAX_RUNS = 200
_ORDER = (Do.STOP, Do.GO_BACK, Do.CHECK_TRAINER, Do.GO_ON, Do.WAIT, Do.DONE)
_BAD = frozenset({Do.STOP, Do.GO_BACK, Do.CHECK_TRAINER})


@dataclass(frozen=True, slots=True)
class RunEntry:
    """`filled`: how much of the run is done in percent, -1 = not known. `ends`: unix seconds,
    0 = not known. `worst`: tier of the worst trigger on the time line, empty without one."""

    row: ServiceRow
    verdict: Verdict
    bad: bool
    state: str
    step: int
    total: int
    filled: int
    loss: str
    best: str
    pace: str
    ends: int
    triggers: int
    worst: str


@dataclass(frozen=True, slots=True)
class RunsView:
    """Those that need a person first; `more` are not shown."""

    runs: tuple[RunEntry, ...]
    more: int


def runs_view(sight: Sight, now: int) -> RunsView:
    """`now` in unix seconds."""
    rows = sorted((row for row in sight.services() if row.run), key=lambda row: row.place)
    entries = sorted(
        (_entry(sight, row, now) for row in rows[:MAX_RUNS]),
        key=lambda one: (_ORDER.index(one.verdict.do), -rank_of(one.worst)),
    )
    return RunsView(tuple(entries), max(len(rows) - MAX_RUNS, 0))


def filled(report: TrainingRunReport | None) -> int:
    """How much of the run is done in percent, -1 where its length is not known."""
    if report is None or not report.total_steps:
        return -1
    return round(100 * min(max(report.step / report.total_steps, 0.0), 1.0))


def _entry(sight: Sight, row: ServiceRow, now: int) -> RunEntry:
    raw = sight.service(*row.place)
    report = report_of(raw) if raw else None
    said = verdict(report, now)
    return RunEntry(
        row=row,
        verdict=said,
        bad=said.do in _BAD,
        state=report.state.value if report else "Waiting",
        step=report.step if report else 0,
        total=report.total_steps if report else 0,
        filled=filled(report),
        loss=report.loss if report else "",
        best=report.best_loss if report else "",
        pace=report.rate if report else "",
        ends=unix_seconds(report.estimated_end) if report else 0,
        triggers=report.triggers if report else 0,
        worst=worst_of(report.timeline) if report else "",
    )
