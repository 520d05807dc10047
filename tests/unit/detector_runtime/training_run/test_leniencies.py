"""Whatever a rule lets pass, beside the nearest fault that it must still find.

Each row of the table: the kind of trigger, a log that must not alert by it, and its negative
control: a log that differs in one respect and must.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from detector_runtime.contract.training_run import DeclaredSchedule, RateSchedule
from detector_runtime.training_run.thresholds import SHORT_WINDOWS, STANDARD, Thresholds
from detector_runtime.training_run.trigger import Tier
from pretend.training_run import example, gaussian, noisy, series, triggers

PEAK = 3e-4
WARM_UP = [PEAK * at / 100 for at in range(101)]
COSINE = [PEAK * (1 + math.cos(math.pi * at / 400)) / 2 for at in range(400)]
STEPS = [*[PEAK] * 50, *[PEAK / 10] * 50]
FALLING = (11 * np.exp(-np.arange(300) / 150)).tolist()
NORMS = np.exp(gaussian(1000, 0.0, 0.4)).tolist()
CLIMB = np.linspace(1.85, 2.15, 10).tolist()
DECLARED = DeclaredSchedule(RateSchedule.STEP, PEAK, every_steps=50, factor=0.01)

Log = Sequence[dict[str, object]]


@dataclass(frozen=True)
class Leniency:
    kind: str
    lenient: Log
    control: Log
    thresholds: Thresholds = field(default=STANDARD)
    schedule: DeclaredSchedule | None = None


def loss(*values: float) -> Log:
    return series("loss", values)


def rate(*values: float) -> Log:
    return series("learning_rate", values, start=0)


def norm(*values: float) -> Log:
    return series("grad_norm", values)


def resumed(first: float, after: int) -> Log:
    """1,000 usual rows, a resume from 900, `after` usual rows, and then a loss of `first`."""
    again = series("loss", [*noisy(after), first], start=900)
    return [*series("loss", noisy(1000)), *again]


def laplace(rows: int) -> list[float]:
    """Noise whose tails fall by a power of e where normal ones fall by its square."""
    values: list[float] = np.random.default_rng(1).laplace(2.0, 0.03, rows).tolist()
    return values


def regressed(rows: int) -> Log:
    """A loss that is a tenth higher for `rows` rows."""
    losses = np.array(noisy(4000))
    losses[2000 : 2000 + rows] *= 1.1
    return series("loss", losses)


def several(last: float) -> Log:
    """Three metrics that all move at one step; the first of them to `last`."""
    columns = [noisy(1000, seed=seed) for seed in (1, 2, 3)]
    rows = [dict(zip("abc", row, strict=True)) for row in zip(*columns, strict=True)]
    rows.append({"a": last, "b": 2.08, "c": 2.08})
    return [{"step": at, **row} for at, row in enumerate(rows)]


def answers(rows: int, correct: float) -> Log:
    return [example(at, at % 2 == 0, correct if at % 2 == 0 else 0.67) for at in range(rows)]


TABLE = {
    "constant history": Leniency("loss_zscore", loss(*[2.0] * 100, 2.05), loss(*[2.0] * 100, 2.2)),
    "warm-up": Leniency("lr_zscore", rate(*WARM_UP), rate(*WARM_UP[:40], 3 * PEAK)),
    "cosine": Leniency("lr_zscore", rate(*COSINE), rate(*COSINE[:200], PEAK)),
    "step decay": Leniency("lr_zscore", rate(*STEPS), rate(*STEPS[:50], PEAK / 100)),
    "step decay, back up": Leniency("lr_zscore", rate(*STEPS), rate(*STEPS, PEAK)),
    "restart": Leniency("lr_zscore", rate(*COSINE, *COSINE), rate(*COSINE, 2 * PEAK)),
    "declared schedule": Leniency(
        "lr_zscore",
        rate(*[PEAK] * 50, *[PEAK / 100] * 50),
        rate(*[PEAK] * 50, *[PEAK / 10] * 50),
        schedule=DECLARED,
    ),
    "rate after a resume": Leniency(
        "lr_zscore",
        [*rate(*COSINE[:200]), *series("learning_rate", WARM_UP, start=150)],
        [*rate(*COSINE[:200]), *series("learning_rate", [5 * PEAK], start=150)],
    ),
    "grace after a resume, worse": Leniency("loss_zscore", resumed(2.16, 1), resumed(11.0, 1)),
    "grace after a resume, over": Leniency("loss_zscore", resumed(2.16, 1), resumed(2.16, 30)),
    "NaN for no value": Leniency(
        "grad_norm_nan", norm(*[*noisy(4), math.nan] * 5), norm(*noisy(5), math.nan)
    ),
    "no value": Leniency("loss_nan", [{"step": 1, "loss": None}], [{"step": 1, "loss": math.nan}]),
    "counter": Leniency(
        "grad_norm_zscore", norm(*range(500), 100_000), norm(*range(250), *range(250), 100_000)
    ),
    "long tail": Leniency("grad_norm_zscore", norm(*NORMS, 6.0), norm(*NORMS, 60.0)),
    "loss that falls": Leniency("loss_zscore", loss(*noisy(1000), 1.0), loss(*noisy(1000), 3.0)),
    "accuracy that rises": Leniency(
        "accuracy_zscore",
        series("accuracy_percent", [*noisy(1000, 60, 1), 80]),
        series("accuracy_percent", [*noisy(1000, 60, 1), 40]),
    ),
    "accuracy with noise": Leniency(
        "accuracy_drop",
        series("accuracy_percent", [*noisy(1000, 60, 8), 42]),
        series("accuracy_percent", [*noisy(1000, 60, 8), 2]),
    ),
    "accuracy that turns out to be in percent": Leniency(
        "accuracy_drop",
        series("accuracy", [*[0.9] * 20, 1.1]),
        series("accuracy", [*[0.9] * 20, 0.011]),
    ),
    "spike while the loss falls fast": Leniency(
        "loss_spike", loss(*FALLING, 1.5 * FALLING[-1]), loss(*noisy(300), 3.0)
    ),
    "slight climb": Leniency(
        "divergence_detected",
        loss(*noisy(100), *(2.0 * 1.005**at for at in range(12))),
        loss(*noisy(100), *(2.0 * 1.03**at for at in range(12))),
    ),
    "climb within the noise": Leniency(
        "divergence_detected",
        loss(*noisy(1000, 2.0, 0.1), *CLIMB),
        loss(*noisy(1000, 2.0, 0.02), *CLIMB),
    ),
    "level of noisy losses": Leniency(
        "slow_regression",
        loss(*gaussian(8000, 2.0, 0.3)),
        loss(*gaussian(8000, 2.0, 0.3), *gaussian(1000, 2.3, 0.3, seed=2)),
    ),
    "loss around zero": Leniency(
        "slow_regression",
        loss(*gaussian(2000, -0.001, 0.02), *gaussian(1000, 0.015, 0.02, seed=2)),
        loss(*gaussian(2000, 0.099, 0.02), *gaussian(1000, 0.115, 0.02, seed=2)),
    ),
    "heavy tails": Leniency(
        "loss_zscore", loss(*laplace(1000), 2.33), loss(*gaussian(1000, 2.0, 0.04), 2.33)
    ),
    "heavy tails, far beyond": Leniency(
        "loss_zscore", loss(*laplace(1000), 2.33), loss(*laplace(1000), 2.7)
    ),
    "spikes of a few rows": Leniency("slow_regression", regressed(20), regressed(1000)),
    "hard batch": Leniency("MULTIPLE_TRIGGERS", several(2.08), several(3.0)),
    "few examples": Leniency(
        "inverted_loss_pattern_correct_high", answers(9, 1.45), answers(10, 1.45)
    ),
    "answers in order": Leniency(
        "inverted_loss_pattern_correct_high", answers(50, 0.45), answers(50, 1.45)
    ),
    "same prompt, same answer": Leniency(
        "conflicting_labels",
        [example(1, True, 0.5, "Hello", "Hola"), example(2, True, 0.5, "Hello", "Hola")],
        [example(1, True, 0.5, "Hello", "Hola"), example(2, True, 0.5, "Hello", "Bonjour")],
    ),
    "short windows": Leniency(
        "loss_zscore",
        loss(*gaussian(2000, 2.0, 0.02)),
        loss(*gaussian(2000, 2.0, 0.02), 3.0),
        SHORT_WINDOWS,
    ),
}


def alerts(case: Leniency, log: Log) -> list[int]:
    return [
        one.step
        for one in triggers(log, case.thresholds, case.schedule)
        if one.kind == case.kind and one.tier.rank >= Tier.WARNING.rank
    ]


@pytest.mark.parametrize("name", TABLE)
def test_what_is_let_pass(name: str) -> None:
    assert alerts(TABLE[name], TABLE[name].lenient) == []


@pytest.mark.parametrize("name", TABLE)
def test_its_negative_control_alerts(name: str) -> None:
    assert alerts(TABLE[name], TABLE[name].control)


def test_a_cooldown_lets_repeats_pass_but_no_worse_tier_and_none_later() -> None:
    usual = norm(*noisy(1000))

    def told(*rows: tuple[int, float]) -> list[int]:
        log = [*usual, *({"step": step, "grad_norm": value} for step, value in rows)]
        return [one.step for one in triggers(log) if one.step > 1000]

    assert told((1100, 2.16), (1150, 2.16)) == [1100]
    assert told((1100, 2.16), (1150, 5.0)) == [1100, 1150]
    assert told((1100, 2.16), (1600, 2.16)) == [1100, 1600]


def test_the_speed_of_a_run_is_told_without_an_alert() -> None:
    """It pauses for checkpoints. The same values of another metric are one."""
    values = [*noisy(1000), 20.0]
    for name, tier in (
        ("step_time", Tier.NORMAL),
        ("train/tokens_per_second", Tier.NORMAL),
        ("grad_norm", Tier.CRITICAL),
    ):
        (found,) = triggers(series(name, values))
        assert (found.kind, found.tier) == (f"{name}_zscore", tier)
