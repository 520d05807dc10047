"""Made-up training runs in which nothing is wrong, of the kinds that people log.

Each has 16,000 rows unless its kind says otherwise. They are made, not recorded: what they show is
that a rule does not take a usual shape for a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROWS = 16_000
PEAK = 3e-4


@dataclass(slots=True)
class Run:
    """Columns of one length; NaN in `sparse` = not logged at this step. `start`: the first step."""

    loss: Floats
    rate: Floats
    accuracy: Floats | None = None
    metrics: dict[str, Floats] = field(default_factory=dict)
    sparse: dict[str, Floats] = field(default_factory=dict)
    steps: Floats | None = None


def curve(rows: int = ROWS, first: float = 11.0, last: float = 2.0) -> Floats:
    """A power law from `first` to about `last`, as losses of language models fall."""
    return last + (first - last) * (1 + np.arange(rows) / 50) ** -0.9


def cosine(rows: int = ROWS, warm_up: int = 500) -> Floats:
    at = np.arange(rows)
    falling = PEAK * (1 + np.cos(np.pi * np.clip((at - warm_up) / (rows - warm_up), 0, 1))) / 2
    return np.where(at < warm_up, PEAK * at / warm_up, falling)


def usual(random: np.random.Generator, noise: float = 0.01, rows: int = ROWS) -> Run:
    """Noise as a part of the level."""
    return Run(curve(rows) * (1 + noise * random.standard_normal(rows)), cosine(rows))


def _small_batch(random: np.random.Generator) -> Run:
    return Run(curve() * np.exp(0.15 * random.standard_normal(ROWS)), cosine())


def _single_examples(random: np.random.Generator) -> Run:
    return Run(curve() * np.exp(0.4 * random.standard_normal(ROWS)), cosine())


def _heavy_tails(random: np.random.Generator) -> Run:
    return Run(curve() * (1 + random.laplace(0, 0.01, ROWS)), cosine())


def _power_law_tails(random: np.random.Generator) -> Run:
    """Six standard deviations every few thousand rows, and twelve in a long run."""
    return Run(curve() * (1 + 0.01 * random.standard_t(5, ROWS)), cosine())


def _bf16(random: np.random.Generator) -> Run:
    """Eight bits of mantissa: at a level of 2 the losses lie on a grid of 0.0156."""
    run = usual(random)
    exponent = np.floor(np.log2(run.loss))
    grid = 2.0 ** (exponent - 7)
    return Run(np.round(run.loss / grid) * grid, run.rate)


def _step_decay(random: np.random.Generator) -> Run:
    third = ROWS // 3
    rate = np.concatenate([[PEAK] * third, [PEAK / 10] * third, [PEAK / 100] * (ROWS - 2 * third)])
    level = curve() - 0.15 * (rate < PEAK) - 0.05 * (rate < PEAK / 10)
    return Run(level * (1 + 0.01 * random.standard_normal(ROWS)), rate)


def _restarts(random: np.random.Generator) -> Run:
    cycle = ROWS // 4
    part = np.arange(ROWS) % cycle / cycle
    rate = PEAK * (1 + np.cos(np.pi * part)) / 2
    # A high rate costs a little loss, which comes back within the cycle.
    level = curve() * (1 + 0.02 * rate / PEAK)
    return Run(level * (1 + 0.01 * random.standard_normal(ROWS)), rate)


def _constant_rate(random: np.random.Generator) -> Run:
    run = usual(random)
    return Run(run.loss, np.full(ROWS, PEAK))


def _evaluated(random: np.random.Generator) -> Run:
    """Evaluation every 100 steps, and norms of gradients with a long tail."""
    run = usual(random)
    at = np.arange(ROWS) % 100 == 99
    noise = random.standard_normal(ROWS)
    run.sparse["eval_loss"] = np.where(at, curve() * 1.02 * (1 + 0.003 * noise), np.nan)
    run.sparse["eval_accuracy"] = np.where(at, 0.6 + 0.02 * noise, np.nan)
    run.metrics["grad_norm"] = np.exp(0.4 * random.standard_normal(ROWS))
    return run


def _accurate(random: np.random.Generator) -> Run:
    run = usual(random, 0.05)
    share = np.clip(0.4 + 0.3 * (1 - np.exp(-np.arange(ROWS) / 3000)), 0, 1)
    run.accuracy = random.binomial(64, share) / 64
    return run


def _rewarded(random: np.random.Generator) -> Run:
    """Reinforcement: a loss around zero, and a reward that rises."""
    rising = 1 - np.exp(-np.arange(ROWS) / 5000)
    return Run(
        0.002 * rising + 0.01 * random.standard_normal(ROWS),
        np.full(ROWS, 1e-6),
        metrics={
            "reward": rising + 0.2 * random.standard_normal(ROWS),
            "kl": 0.1 * rising * np.exp(0.3 * random.standard_normal(ROWS)),
            "completion_length": 200 + 30 * random.standard_normal(ROWS),
        },
    )


def _epochs(random: np.random.Generator) -> Run:
    """Several epochs over few data: the loss falls by a step at the beginning of each."""
    epoch = np.arange(ROWS) // 2000
    return Run(1.4 * 0.85**epoch * (1 + 0.04 * random.standard_normal(ROWS)), cosine())


def _mixed_data(random: np.random.Generator) -> Run:
    """Shards of differing difficulty: the level moves by 1 % up and down."""
    wave = 1 + 0.01 * np.sin(2 * np.pi * np.arange(ROWS) / 2000)
    return Run(curve() * wave * (1 + 0.01 * random.standard_normal(ROWS)), cosine())


def _paused(random: np.random.Generator) -> Run:
    """A pause for a checkpoint every 1,000 steps: the speed falls for one row."""
    run = usual(random)
    pause = np.arange(ROWS) % 1000 == 999
    seconds = np.where(pause, 9.0, 0.5) * np.exp(0.03 * random.standard_normal(ROWS))
    run.metrics |= {"step_time": seconds, "tokens_per_second": 4e5 / seconds}
    return run


def _short(random: np.random.Generator) -> Run:
    """A fine-tuning of 600 rows."""
    level = curve(600, 2.5, 1.2)
    return Run(level * (1 + 0.06 * random.standard_normal(600)), cosine(600, 30))


def _resumed(random: np.random.Generator) -> Run:
    """A restart at row 9,000 from the checkpoint of step 8,000."""
    run = usual(random)
    steps = np.arange(ROWS, dtype=float)
    steps[9000:] -= 1000
    level = curve()[steps.astype(int)]
    loss = level * (1 + 0.01 * random.standard_normal(ROWS))
    return Run(loss, run.rate[steps.astype(int)], steps=steps)


STABLE: Mapping[str, Callable[[np.random.Generator], Run]] = {
    "noise 0.5 %": lambda random: usual(random, 0.005),
    "noise 2 %": lambda random: usual(random, 0.02),
    "noise 5 %": lambda random: usual(random, 0.05),
    "small batch, noise 15 %": _small_batch,
    "single examples, noise 40 %": _single_examples,
    "heavy tails (Laplace)": _heavy_tails,
    "power-law tails (t, 5 degrees)": _power_law_tails,
    "bf16 losses": _bf16,
    "step decay": _step_decay,
    "restarts": _restarts,
    "constant rate": _constant_rate,
    "evaluated every 100 steps": _evaluated,
    "accuracy of 64 answers a row": _accurate,
    "reinforcement, loss around zero": _rewarded,
    "epochs over few data": _epochs,
    "mixed data": _mixed_data,
    "pauses for checkpoints": _paused,
    "short fine-tuning": _short,
    "resumed": _resumed,
}
"""By name; each run depends on the random numbers that it is given alone."""
