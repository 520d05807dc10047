"""The error budgets of a service over a recording, evaluated with the code of the pods.

As a pod does it: in stretches of an hour at most, each going on from the report of the one before.
What a recording cannot tell (an objective without columns, a tier shorter than a step) is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from anomaly_cli.event_columns import EventColumns
from anomaly_cli.recorded_events import Recorded, RecordedEvents
from anomaly_cli.recording import Recording
from anomaly_operator.api.durations import format_seconds
from detector_runtime.contract.objectives import BurnTier, ObjectiveReport, ObjectiveSpec
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import MAX_WINDOWS, Direction, MetricType, Role, Unit
from detector_runtime.objectives.burn import Burn
from detector_runtime.objectives.evaluate import BUDGET_SECONDS, Windows, evaluate
from detector_runtime.series.counters import looks_like_counter, named_as_counter
from detector_runtime.series.frame import Bools, Frame
from detector_runtime.series.reading import read_as_trained

LARGEST_SHARE = 1.0
"""Of bad events; a column with more is in percent."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One objective over the recording. `report` at its end, None where `problem` says why it was
    not evaluated; `burning`: the ends of the windows (unix seconds) in which a tier burnt; `worst`:
    the most urgent of these; `notes`: how it was read."""

    objective: ObjectiveSpec
    report: ObjectiveReport | None = None
    burning: tuple[int, ...] = ()
    worst: BurnTier | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budgets:
    """`each` in the policy's order; `burns` by the end of the window, the worst first."""

    each: tuple[Budget, ...] = ()
    burns: Mapping[int, tuple[Burn, ...]] = field(default_factory=dict)


def budgets(
    recording: Recording,
    events: Sequence[EventColumns],
    metrics: Mapping[str, MetricSpec],
    first: int,
) -> Budgets:
    """The objectives from row `first` of the frame on. `metrics`: what the service says of a
    column, by the column's name."""
    read = {one.objective.name: _read(one, recording, metrics) for one in events}
    recorded = [one for one in read.values() if isinstance(one, Recorded)]
    reports, burns = _evaluated(recorded, recording.frame, first)
    told = {one.name: one for one in reports}
    each = []
    for one in events:
        found = read[one.objective.name]
        if isinstance(found, str):
            each.append(Budget(one.objective, problem=found))
        else:
            budget = Budget(one.objective, told.get(one.objective.name))
            budget = replace(budget, notes=tuple(_notes(one, found, recording.frame.step)))
            each.append(_with_burns(budget, burns))
    return Budgets(tuple(each), burns)


def _evaluated(
    recorded: Sequence[Recorded], frame: Frame, first: int
) -> tuple[tuple[ObjectiveReport, ...], dict[int, tuple[Burn, ...]]]:
    source = RecordedEvents(frame.times, frame.step, recorded)
    specs = [one.objective for one in recorded]
    width = min(max(BUDGET_SECONDS // frame.step, 1), MAX_WINDOWS)
    reports: tuple[ObjectiveReport, ...] = ()
    burns: dict[int, tuple[Burn, ...]] = {}
    restless = source.restless()
    for row in range(first, len(frame) if specs else first, width):
        last = min(row + width, len(frame)) - 1
        if not restless[row : last + 1].any() and last < len(frame) - 1:
            continue  # nothing burns where no short window does, and only the end is reported
        span = Windows(int(frame.times[row]) - frame.step, int(frame.times[last]), frame.step)
        found = evaluate(specs, reports, span, lambda: source)
        reports = found.reports
        burns.update(found.burns)
    return reports, burns


def _with_burns(budget: Budget, burns: Mapping[int, tuple[Burn, ...]]) -> Budget:
    name = budget.objective.name
    own = {end: one for end, all_ in burns.items() for one in all_ if one.objective.name == name}
    worst = max((one.tier for one in own.values()), key=lambda one: one.factor, default=None)
    return replace(budget, burning=tuple(own), worst=worst)


def _notes(one: EventColumns, found: Recorded, step: int) -> Iterator[str]:
    name = one.objective.name
    read = ", ".join(f"{side} from column {column!r}" for side, column in one.columns.items())
    yield f"objective {name}: {read}"
    kept = {tier.name for tier in found.objective.tiers}
    left = [tier for tier in one.objective.tiers if tier.name not in kept]
    if left:
        tiers = ", ".join(f"{tier.name} ({format_seconds(tier.short_seconds)})" for tier in left)
        yield (
            f"objective {name}: not evaluated, as their short window is less than the step of "
            f"{format_seconds(step)}: {tiers}"
        )


def _read(
    one: EventColumns, recording: Recording, metrics: Mapping[str, MetricSpec]
) -> Recorded | str:
    """The events of an objective, or why there are none."""
    if one.problem:
        return one.problem
    frame = recording.frame
    columns = {side: _column(recording, column) for side, column in one.columns.items()}
    known = np.ones(len(frame), dtype=bool)
    if "errorRatio" in columns:
        name, column = one.columns["errorRatio"], columns["errorRatio"]
        series = {"errorRatio": _share(recording, name, metrics.get(name), column)}
        most = float(np.nanmax(series["errorRatio"].values, initial=0.0))
        if most > LARGEST_SHARE:
            return f"column {name!r} goes up to {most:g}; write a share of bad events, 0 to 1"
    else:
        metric_of = {side: metrics.get(column) for side, column in one.columns.items()}
        # Both sides of a pair come from one export: what counts is seldom seen to count errors.
        counter = any(
            _counts(column, metric_of[side], named=not one.own(side))
            for side, column in columns.items()
        )
        series = {
            side: _events(column, metric_of[side], counter=counter)
            for side, column in columns.items()
        }
    for column in series.values():
        known &= np.isfinite(column.values[:, 0]) | _undefined(column)
    tiers = tuple(tier for tier in one.objective.tiers if tier.short_seconds >= frame.step)
    return Recorded(
        replace(one.objective, tiers=tiers),
        {side: column.values[:, 0] for side, column in series.items()},
        known,
    )


def _column(recording: Recording, name: str) -> Frame:
    return recording.frame.columns([recording.frame.names.index(name)], (name,))


def _counts(column: Frame, metric: MetricSpec | None, *, named: bool) -> bool:
    """Whether a column is a counter; `named`: its name may say so."""
    if metric is not None and metric.type is not MetricType.AUTO:
        return metric.type is MetricType.COUNTER
    named = named and named_as_counter(column.names[0])
    return looks_like_counter(column.values[:, 0], column.step, named=named)


def _events(column: Frame, metric: MetricSpec | None, *, counter: bool) -> Frame:
    """The events of each window (n, 1)."""
    if counter:
        (name,) = column.names
        plain = MetricSpec(name, Role.CUSTOM, name, Unit.COUNT, Direction.BOTH)
        return read_as_trained(column, (plain,), np.array([True])).frame
    rate = metric is not None and metric.unit is Unit.REQUESTS_PER_SECOND
    return replace(column, values=column.values * (column.step if rate else 1))


def _share(recording: Recording, name: str, metric: MetricSpec | None, column: Frame) -> Frame:
    """The share of bad events (n, 1), from 0 to 1."""
    factor = recording.units[name].factor_to(Unit.RATIO) if name in recording.units else 1.0
    if name not in recording.units and metric is not None and metric.unit is Unit.PERCENT:
        factor = 0.01
    return replace(column, values=column.values * factor)


def _undefined(column: Frame) -> Bools:
    """(n,): where the recording itself says 0/0, so that nothing happened."""
    if column.undefined is None:
        return np.zeros(len(column), dtype=bool)
    return column.undefined[:, 0]
