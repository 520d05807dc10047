"""What a whole log says: its triggers in order, what stands at its end, and its best step.

The report is that of a pod that has followed the log to its end, but for what only a cluster knows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import nan

from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import (
    DeclaredSchedule,
    ExamplePolicy,
    RunState,
    RunTrigger,
    TrainingRunReport,
)
from detector_runtime.following.conclusion import conclude
from detector_runtime.following.evidence import Recent
from detector_runtime.following.figures import figure
from detector_runtime.following.standing import Standing
from detector_runtime.following.timeline import Timeline
from detector_runtime.following.told import told
from detector_runtime.training_run import watch
from detector_runtime.training_run.rows import Row
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Tier, Trigger


@dataclass(slots=True)
class Curve:
    """The values of each row, NaN where the row has none; accuracy in percent."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    losses: array[float] = field(default_factory=lambda: array("d"))
    rates: array[float] = field(default_factory=lambda: array("d"))
    accuracies: array[float] = field(default_factory=lambda: array("d"))
    _row: Recent = field(default_factory=Recent)

    def add(self, row: Row, state: watch.State) -> None:
        """One more row; `state`: what is known after it. The loss of one example is not its."""
        own = self._row
        for values in (own.losses, own.rates, own.accuracies):
            values.clear()
        own.add(row, state, ExamplePolicy.OMIT)
        self.steps.append(row.step)
        self.losses.append(next(iter(own.losses), nan))
        self.rates.append(next(iter(own.rates), nan))
        self.accuracies.append(next(iter(own.accuracies), nan))


@dataclass(frozen=True, slots=True)
class Replayed:
    """`told`: the triggers as documents have them, and `at` the number of each one's row, from 0;
    `best_loss` is None where no row has a finite loss, `best_row` is its row."""

    triggers: tuple[Trigger, ...]
    told: tuple[RunTrigger, ...]
    at: tuple[int, ...]
    report: TrainingRunReport
    best_loss: float | None
    best_row: int

    @property
    def alerts(self) -> tuple[Trigger, ...]:
        """Those above Normal."""
        return tuple(one for one in self.triggers if above_normal(one))


def above_normal(trigger: Trigger) -> bool:
    return trigger.tier.rank > Tier.NORMAL.rank


def replay(
    rows: Iterable[Row],
    thresholds: Thresholds,
    schedule: DeclaredSchedule | None = None,
    curve: Curve | None = None,
) -> Replayed:
    """The triggers of `rows`, in their order; `curve` gets their values."""
    state, recent = watch.State(), Recent()
    timeline, standing = Timeline(), Standing()
    found: list[Trigger] = []
    documents: list[RunTrigger] = []
    at: list[int] = []
    read, best_row, last = 0, 0, None
    for row in rows:
        resumes, best_step = state.resumes, state.best.step
        state, triggers = watch.step(state, row, thresholds, schedule)
        if state.resumes != resumes:
            standing.resumed(row.step)
        if state.best.step != best_step:
            standing.improved(state.best.step)
            best_row = read
        for one in triggers:
            document = _told(one, row)
            timeline.add(document, one.kind)
            standing.add(document)
            documents.append(document)
            at.append(read)
        found.extend(triggers)
        if curve is not None:
            curve.add(row, state)
        recent.add(row, state, ExamplePolicy.OMIT)
        read, last = read + 1, row.time or last
    conclusion = conclude(standing.at(state.step, thresholds.cooldown_steps), None, state.best)
    report = TrainingRunReport(
        state=RunState.ENDED,
        step=state.step,
        loss=_newest(recent.losses),
        learning_rate=_newest(recent.rates),
        accuracy=_newest(recent.accuracies),
        best_step=state.best.step,
        best_loss=figure(state.best.loss),
        last_row_at="" if last is None else iso(last),
        rows=read,
        resumes=state.resumes,
        triggers=timeline.triggers,
        counts=timeline.by_kind(),
        timeline=tuple(timeline.entries),
        earlier=timeline.earlier,
        conclusion=conclusion.sentence,
        advice=conclusion.advice,
    )
    return Replayed(tuple(found), tuple(documents), tuple(at), report, state.best.loss, best_row)


def _told(trigger: Trigger, row: Row) -> RunTrigger:
    if row.time is None:
        return replace(told(trigger, 0), at="")
    return told(trigger, row.time)


def _newest(values: Iterable[float]) -> str:
    newest = list(values)[-1:]
    return figure(newest[0]) if newest else ""
