"""A training run, row by row: `step` takes what is known and one row, and says what is wrong.

All memory is in `State`: numbers and lists whose lengths the thresholds bound, however long the run
is. A row changes nothing of what earlier rows said, so a log in two parts says what it says whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import fsum, isfinite

from detector_runtime.contract.training_run import DeclaredSchedule
from detector_runtime.training_run.accuracy import AccuracyDrop
from detector_runtime.training_run.baseline import INSIDE, Baseline
from detector_runtime.training_run.best import Best
from detector_runtime.training_run.cooldown import Cooldown
from detector_runtime.training_run.examples import PERFECT, Examples
from detector_runtime.training_run.labels import Labels
from detector_runtime.training_run.learning_rate import LearningRate
from detector_runtime.training_run.regression import SlowChange
from detector_runtime.training_run.rows import ACCURACY, LEARNING_RATE, LOSS, Example, Row
from detector_runtime.training_run.sequences import Memorising, Overfitting, multiple
from detector_runtime.training_run.spikes import Spikes, undefined
from detector_runtime.training_run.thresholds import STANDARD, Thresholds
from detector_runtime.training_run.trigger import Tier, Trigger
from detector_runtime.training_run.zscores import zscore

DOUBLE = frozenset({LOSS, ACCURACY})
"""Metrics whose baseline is kept as it was logged; the others are rounded to single precision."""
_FINITE_BEFORE = 5
"""Rows in a row that had a number, before NaN is a finding: some loggers write it for no value."""


@dataclass(slots=True)
class State:
    """What is known of a run. `step` is the last one, `resumes` counts how often it went back."""

    step: int = 0
    rows: int = 0
    resumes: int = 0
    grace: int = 0
    in_percent: bool = False
    has_training_rows: bool = False
    baselines: dict[str, Baseline] = field(default_factory=dict)
    numbers_in_a_row: dict[str, int] = field(default_factory=dict)
    rate: LearningRate = field(default_factory=LearningRate)
    spikes: Spikes = field(default_factory=Spikes)
    slow: SlowChange = field(default_factory=SlowChange)
    accuracy: AccuracyDrop = field(default_factory=AccuracyDrop)
    examples: Examples = field(default_factory=Examples)
    labels: Labels = field(default_factory=Labels)
    best: Best = field(default_factory=Best)
    overfitting: Overfitting = field(default_factory=Overfitting)
    memorising: Memorising = field(default_factory=Memorising)
    cooldown: Cooldown = field(default_factory=Cooldown)


def step(
    state: State,
    row: Row,
    thresholds: Thresholds = STANDARD,
    schedule: DeclaredSchedule | None = None,
) -> tuple[State, tuple[Trigger, ...]]:
    """The state after `row` and the triggers to tell; `schedule`: what the learning rate is to do.
    The given state is used up: a copy of thousands of numbers for each row would cost more than all
    rules."""
    _resume(state, row, thresholds)
    # Each rule looks at the state before this row and then adds the row to it.
    found: list[Trigger] = []
    percent = _percent(state, row)
    loss = _training_loss(state, row, percent)
    if loss is not None:
        _loss_level(state, row.step, loss, thresholds, found)
    if percent is not None and isfinite(percent):
        _accuracy_level(state, row.step, percent, thresholds, found)
    if row.metrics:
        _metrics(state, row, thresholds, found)
    if state.grace:
        found = [one for one in found if one.tier is Tier.CRITICAL]
        state.grace -= 1
    if row.learning_rate is not None:
        moved = _rate(state, row.step, row.learning_rate, thresholds, schedule)
        if moved is not None:
            found.append(moved)
    if loss is not None and isfinite(loss):
        _loss_course(state, row.step, loss, thresholds, found)
    if row.example is not None:
        found.extend(_examples(state, row.step, row.example, thresholds))
    state.step = row.step
    state.rows += 1
    if not found:
        return state, ()
    together = (multiple(found, thresholds), state.overfitting.step(row.step, found, thresholds))
    found.extend(one for one in together if one is not None)
    return state, tuple(one for one in found if state.cooldown.passes(one, thresholds))


def _resume(state: State, row: Row, thresholds: Thresholds) -> None:
    if not row.resume and not (state.rows and row.step < state.step):
        return
    state.resumes += 1
    state.grace = thresholds.grace_rows
    state.rate.resumed = True
    state.cooldown.rewind(row.step)


def _percent(state: State, row: Row) -> float | None:
    """The accuracy in percent. A part of 1 is one until a value shows that the log has percents."""
    if row.accuracy_percent is not None:
        return row.accuracy_percent
    if row.accuracy is None:
        return None
    if row.accuracy > 1 and not state.in_percent:
        state.in_percent = True
        state.accuracy = AccuracyDrop()
        state.baselines.pop(ACCURACY, None)
    return row.accuracy if state.in_percent else 100 * row.accuracy


def _training_loss(state: State, row: Row, percent: float | None) -> float | None:
    """The loss of the training. That of a single example counts only in a log without others."""
    own = row.example is None or row.learning_rate is not None or percent is not None
    if row.loss is not None and own:
        state.has_training_rows = True
    return row.loss if own or not state.has_training_rows else None


def _loss_level(
    state: State, step: int, loss: float, thresholds: Thresholds, found: list[Trigger]
) -> None:
    if not isfinite(loss):
        found.append(undefined(step, LOSS, loss))
        return
    usual = _baseline(state, LOSS)
    far = usual.far(loss, thresholds)
    rules = (
        None if far is INSIDE else zscore(step, LOSS, loss, far, thresholds),
        state.spikes.spike(step, loss, far, thresholds),
        state.spikes.divergence(step, loss, usual, thresholds),
    )
    found.extend(filter(None, rules))
    usual.add(loss, thresholds.baseline_rows)
    state.spikes.add(loss, thresholds)


def _loss_course(
    state: State, step: int, loss: float, thresholds: Thresholds, found: list[Trigger]
) -> None:
    found.extend(state.slow.step(step, loss, _baseline(state, LOSS), thresholds))
    if (better := state.best.update(step, loss, thresholds)) is not None:
        found.append(better)


def _rate(
    state: State, step: int, rate: float, thresholds: Thresholds, schedule: DeclaredSchedule | None
) -> Trigger | None:
    if not isfinite(rate):
        return undefined(step, LEARNING_RATE, rate)
    return state.rate.step(step, rate, thresholds, schedule)


def _accuracy_level(
    state: State, step: int, percent: float, thresholds: Thresholds, found: list[Trigger]
) -> None:
    usual = _baseline(state, ACCURACY)
    far = usual.far(percent, thresholds)
    dropped = state.accuracy.step(step, percent, far, thresholds)
    points = state.accuracy.below_best()
    rules = (
        None if far is INSIDE else zscore(step, ACCURACY, percent, far, thresholds),
        dropped,
        state.memorising.step(step, points, lambda: _learnt(state, thresholds), thresholds),
    )
    found.extend(filter(None, rules))
    usual.add(percent, thresholds.baseline_rows)


def _learnt(state: State, thresholds: Thresholds) -> bool:
    usual, recent = state.baselines.get(LOSS), state.spikes.losses
    if usual is None or len(usual.ordered) < thresholds.min_rows:
        return False
    return fsum(recent) / len(recent) <= usual.level()


def _metrics(state: State, row: Row, thresholds: Thresholds, found: list[Trigger]) -> None:
    known, in_a_row = state.baselines, state.numbers_in_a_row
    for name, value in row.metrics.items():
        usual = known.get(name)
        if usual is None:
            if len(known.keys() - DOUBLE) >= thresholds.metrics:
                continue
            usual = known[name] = Baseline()
        numbers = in_a_row.get(name, 0)
        if not isfinite(value):
            in_a_row[name] = 0
            if numbers >= _FINITE_BEFORE:
                found.append(undefined(row.step, name, value))
            continue
        if numbers < _FINITE_BEFORE:
            in_a_row[name] = numbers + 1
        if value < usual.last or not usual.counts:
            far = usual.far(value, thresholds, skewed=True)
            if far is not INSIDE:
                found.extend(filter(None, [zscore(row.step, name, value, far, thresholds)]))
        usual.add(value, thresholds.baseline_rows, single=True)


def _examples(
    state: State, step: int, example: Example, thresholds: Thresholds
) -> Iterator[Trigger]:
    found = tuple(state.examples.step(step, example, thresholds))
    yield from found
    perfect_high = any(one.kind == PERFECT for one in found)
    yield from state.labels.step(step, example, perfect_high, thresholds)


def _baseline(state: State, metric: str) -> Baseline:
    found = state.baselines.get(metric)
    if found is None:
        found = state.baselines[metric] = Baseline()
    return found
