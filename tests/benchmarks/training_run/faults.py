"""One fault each, put into a stable run at row 12,000 of 16,000."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from detector_runtime.training_run.rows import Example
from tests.benchmarks.training_run.stable import PEAK, ROWS, Run, usual

ONSET = 12_000
NOISE = 0.01
ANSWERED_EVERY = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """`within`: rows after the onset in which it must be found, by a trigger of one of `kinds`."""

    kinds: tuple[str, ...]
    within: int
    put: Callable[[Run], None]
    answers: bool = False


def _times(factor: float, rows: int | None = None) -> Callable[[Run], None]:
    def put(run: Run) -> None:
        run.loss[ONSET : None if rows is None else ONSET + rows] *= factor

    return put


def _slowly(percent: float, over: int = 1000) -> Callable[[Run], None]:
    def put(run: Run) -> None:
        # On top of what the run would still have gained: the loss itself rises.
        level = np.median(run.loss[ONSET - 400 : ONSET]) / np.median(run.loss[ONSET:])
        ramp = np.clip(np.arange(ROWS - ONSET) / over, 0, 1)
        run.loss[ONSET:] *= level * (1 + percent / 100 * ramp)

    return put


def _diverging(run: Run) -> None:
    run.loss[ONSET:] *= np.minimum(1.03 ** np.arange(ROWS - ONSET), 5)


def _nan(run: Run) -> None:
    run.loss[ONSET:] = np.nan


def _rate(change: Callable[[float], float]) -> Callable[[Run], None]:
    def put(run: Run) -> None:
        run.rate[ONSET:] = change(float(run.rate[ONSET]))

    return put


def _less_accurate(run: Run) -> None:
    assert run.accuracy is not None
    run.accuracy[ONSET:] -= 0.15


def _nothing(run: Run) -> None:
    """The answers carry the fault."""


JUMPS = ("loss_zscore", "loss_spike")
FAULTS: Mapping[str, Fault] = {
    "loss jumps by 20 %": Fault(JUMPS, 10, _times(1.2)),
    "loss jumps by 50 %": Fault(JUMPS, 10, _times(1.5)),
    "loss jumps fivefold": Fault(JUMPS, 10, _times(5)),
    "one row at twice the loss": Fault(JUMPS, 10, _times(2, rows=1)),
    "loss is NaN": Fault(("loss_nan",), 10, _nan),
    "loss diverges": Fault((*JUMPS, "divergence_detected"), 20, _diverging),
    "learning rate is reset": Fault(("lr_zscore",), 10, _rate(lambda _: PEAK)),
    "learning rate crashes": Fault(("lr_zscore",), 10, _rate(lambda rate: rate / 10)),
    "accuracy drops by 15 points": Fault(("accuracy_drop", "accuracy_zscore"), 10, _less_accurate),
    "losses of answers inverted": Fault(
        ("inverted_loss_pattern_correct_high",), 1000, _nothing, answers=True
    ),
    "loss rises slowly by 3.5 %": Fault(("slow_regression",), 2000, _slowly(3.5)),
    "loss rises slowly by 5 %": Fault(("slow_regression",), 2000, _slowly(5)),
    "loss rises slowly by 10 %": Fault(("slow_regression",), 2000, _slowly(10)),
    "loss rises slowly by 20 %": Fault(("slow_regression",), 2000, _slowly(20)),
}


def faulty(fault: Fault, random: np.random.Generator) -> Run:
    """A usual run with an accuracy, and the fault in it."""
    run = usual(random, NOISE)
    run.accuracy = 0.7 + 0.02 * random.standard_normal(ROWS)
    fault.put(run)
    return run


def answer(row: int, random: np.random.Generator) -> Example:
    """One answer, three of five correct; from the onset on the losses are the wrong way round."""
    correct = bool(random.random() < 0.6)
    low = correct == (row < ONSET)
    loss = (0.45 if low else 1.23) * float(np.exp(0.2 * random.standard_normal()))
    return Example(f"prompt {row}", "4", correct, loss, "4" if correct else "5")
