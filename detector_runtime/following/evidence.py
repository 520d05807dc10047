"""What led up to a trigger: the last values, the last examples, and how far off each metric is.

Texts of examples are cut, and changed as the policy wants it, before they are kept: what must not
be shown lies in no state, no snapshot and no status.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from detector_runtime.contract.training_run import (
    MAX_EXAMPLE_TEXT,
    MAX_EXAMPLES,
    MAX_HISTORY,
    ExamplePolicy,
    RunExample,
)
from detector_runtime.errors import one_line
from detector_runtime.following.figures import figure
from detector_runtime.training_run.baseline import Baseline
from detector_runtime.training_run.rows import ACCURACY, LOSS, Example, Row
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Trigger
from detector_runtime.training_run.watch import State

_ZSCORE = "_zscore"


def _numbers() -> deque[float]:
    return deque(maxlen=MAX_HISTORY)


@dataclass(slots=True)
class Recent:
    """The last losses, accuracies (percent), learning rates and examples, oldest first."""

    losses: deque[float] = field(default_factory=_numbers)
    accuracies: deque[float] = field(default_factory=_numbers)
    rates: deque[float] = field(default_factory=_numbers)
    examples: deque[RunExample] = field(default_factory=lambda: deque(maxlen=MAX_EXAMPLES))

    def add(self, row: Row, state: State, policy: ExamplePolicy) -> None:
        """One more row; `state`: what is known after it."""
        percent = _percent(row, state)
        if percent is not None:
            self.accuracies.append(percent)
        if row.learning_rate is not None:
            self.rates.append(row.learning_rate)
        # The loss of a single example is that of the training only in a log without others.
        alone = row.example is not None and row.learning_rate is None and percent is None
        if row.loss is not None and not (alone and state.has_training_rows):
            self.losses.append(row.loss)
        if row.example is not None and policy is not ExamplePolicy.OMIT:
            self.examples.append(_shown(row.example, policy))


def _shown(example: Example, policy: ExamplePolicy) -> RunExample:
    text = _cut if policy is ExamplePolicy.KEEP else _length
    return RunExample(
        prompt=text(example.prompt),
        golden_answer=text(example.golden),
        model_answer=text(example.answer),
        matches=example.matches,
        loss=figure(example.loss),
    )


def _cut(text: str) -> str:
    return one_line(text[: 4 * MAX_EXAMPLE_TEXT], MAX_EXAMPLE_TEXT)


def _length(text: str) -> str:
    return f"({len(text)} characters)" if text else ""


def z_scores(
    state: State, row: Row, triggers: tuple[Trigger, ...], thresholds: Thresholds
) -> dict[str, float]:
    """The z-score of each metric of `row` that has one, by name; `state`: what is known after it.

    A trigger that names a z-score has the last word: it was computed before the row was added.
    """
    found = {}
    for name, value in _judged(row, state).items():
        usual = state.baselines.get(name)
        if usual is None or not usual.values or usual.last != value:
            continue
        z = _before(usual).z(value, thresholds)
        if z is not None:
            found[name] = z
    for one in triggers:
        if one.kind.endswith(_ZSCORE):
            found[one.kind.removesuffix(_ZSCORE)] = float(one.name.rpartition("_")[2])
    return found


def _percent(row: Row, state: State) -> float | None:
    """The accuracy in percent."""
    if row.accuracy_percent is not None or row.accuracy is None:
        return row.accuracy_percent
    return row.accuracy if state.in_percent else 100 * row.accuracy


def _judged(row: Row, state: State) -> Mapping[str, float]:
    own = {LOSS: row.loss, ACCURACY: _percent(row, state)}
    return {name: value for name, value in own.items() if value is not None} | dict(row.metrics)


def _before(usual: Baseline) -> Baseline:
    """The baseline without its newest value, which must not judge itself."""
    values = list(usual.values)[:-1]
    return Baseline(values=deque(values), ordered=sorted(values))
