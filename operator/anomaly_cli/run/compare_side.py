"""One side of a comparison: what a snapshot or a log says of one step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, isfinite, nan

from anomaly_cli.refusal import ArgumentError
from anomaly_cli.run.snapshot_reading import Snapshot
from detector_runtime.contract.training_run import DeclaredSchedule, ExamplePolicy
from detector_runtime.following.evidence import Recent, z_scores
from detector_runtime.training_run import watch
from detector_runtime.training_run.rows import LEARNING_RATE, Row
from detector_runtime.training_run.thresholds import Thresholds

Rows = Callable[[], Iterable[Row]]

EXAMPLES = 50
"""The last ones of a log, as the rules about answers look at them."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Mean loss of `count` examples, NaN without any."""

    count: int = 0
    loss: float = nan


@dataclass(frozen=True, slots=True)
class Side:
    """`title` names it; numbers are NaN where they are not known, the accuracy is in percent."""

    title: str
    step: int
    loss: float = nan
    rate: float = nan
    accuracy: float = nan
    correct: Answers = Answers()
    wrong: Answers = Answers()
    z_scores: Mapping[str, float] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    config: Mapping[str, object] = field(default_factory=dict)

    @property
    def margin(self) -> float:
        """How much higher the loss of wrong answers is; below 0 it is the wrong way round."""
        return self.wrong.loss - self.correct.loss


def of_snapshot(found: Snapshot) -> Side:
    judged = [(one.matches, one.loss) for one in found.examples]
    return Side(
        title=str(found.path),
        step=found.step,
        loss=_newest(found.losses),
        rate=_newest(found.rates),
        accuracy=_newest(found.accuracies),
        correct=_answers(judged, right=True),
        wrong=_answers(judged, right=False),
        z_scores=found.z_scores,
        triggers=tuple(one.name for one in found.triggers),
        config=found.config,
    )


def of_log(
    title: str,
    rows: Rows,
    step: int | None,
    thresholds: Thresholds,
    schedule: DeclaredSchedule | None,
) -> Side:
    """Of the row with the largest step up to `step` (None: of all), the last time that the run came
    there. `rows` reads the log anew. Raises ArgumentError where there is none."""
    steps = [(row.step, at) for at, row in enumerate(rows()) if step is None or row.step <= step]
    if not steps:
        raise ArgumentError(f"{title} has no row up to step {step}; give a later --step")
    return _played(title, rows(), max(steps)[1], thresholds, schedule)


def _played(
    title: str,
    rows: Iterable[Row],
    until: int,
    thresholds: Thresholds,
    schedule: DeclaredSchedule | None,
) -> Side:
    state, recent = watch.State(), Recent()
    judged: deque[tuple[bool | None, float]] = deque(maxlen=EXAMPLES)
    for at, row in enumerate(rows):
        state, found = watch.step(state, row, thresholds, schedule)
        recent.add(row, state, ExamplePolicy.OMIT)
        if row.example is not None and row.example.loss is not None:
            judged.append((row.example.matches, row.example.loss))
        if at == until:
            named = z_scores(state, row, found, thresholds)
            return Side(
                title=title,
                step=row.step,
                loss=_newest(recent.losses),
                rate=_newest(recent.rates),
                accuracy=_newest(recent.accuracies),
                correct=_answers(judged, right=True),
                wrong=_answers(judged, right=False),
                z_scores={_SHORT.get(name, name): z for name, z in named.items()},
                triggers=tuple(one.name for one in found),
            )
    raise ArgumentError(f"{title} changed while it was read; try again")


_SHORT = {LEARNING_RATE: "lr"}


def _answers(judged: Iterable[tuple[bool | None, float]], *, right: bool) -> Answers:
    losses = [loss for matches, loss in judged if matches is right and isfinite(loss)]
    return Answers(len(losses), fsum(losses) / len(losses)) if losses else Answers()


def _newest(values: Sequence[float] | deque[float]) -> float:
    return values[-1] if values else nan
