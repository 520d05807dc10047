"""Training logs for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from detector_runtime.contract.training_run import DeclaredSchedule
from detector_runtime.training_run import watch
from detector_runtime.training_run.rows import row_of
from detector_runtime.training_run.thresholds import STANDARD, Thresholds
from detector_runtime.training_run.trigger import Trigger

Raw = Mapping[str, object]


def triggers(
    log: Iterable[Raw],
    thresholds: Thresholds = STANDARD,
    schedule: DeclaredSchedule | None = None,
) -> list[Trigger]:
    """What a log says, from its first row to its last."""
    state, found = watch.State(), []
    for raw in log:
        state, told = watch.step(state, row_of(raw), thresholds, schedule)
        found.extend(told)
    return found


def series(name: str, values: Iterable[float], start: int = 1) -> list[dict[str, object]]:
    """A row a step."""
    return [{"step": start + at, name: float(value)} for at, value in enumerate(values)]


def noisy(rows: int, level: float = 2.0, deviation: float = 0.02, seed: int = 1) -> list[float]:
    """A stable metric, whose noise ends at 2.5 deviations: none of it is a trigger."""
    return [
        min(max(one, level - 2.5 * deviation), level + 2.5 * deviation)
        for one in gaussian(rows, level, deviation, seed)
    ]


def gaussian(rows: int, level: float, deviation: float, seed: int = 1) -> list[float]:
    """A stable metric with the tails of a normal distribution."""
    values: list[float] = np.random.default_rng(seed).normal(level, deviation, rows).tolist()
    return values


def example(
    step: int, correct: bool, loss: float, prompt: str = "", golden: str = "4"
) -> dict[str, object]:
    """One answered prompt."""
    answer = golden if correct else f"not {golden}"
    return {
        "step": step,
        "prompt": prompt or f"prompt {step}",
        "golden_answer": golden,
        "model_answer": answer,
        "matches": correct,
        "loss": loss,
    }
