"""The training itself, step by step: gradient steps, rows of the log, checkpoints.

Deterministic by seed: the batch of a step depends on seed and step alone, so a run that resumes
from a checkpoint goes the same way as one that was never interrupted. It neither waits nor reads a
clock; `now` is asked for the time of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import cos, pi

import numpy as np

from anomaly_sandbox.demo_training import network as net
from anomaly_sandbox.demo_training.breakage import Breakage
from anomaly_sandbox.demo_training.sums import Ints, Sums, text

LogRow = Mapping[str, object]

PEAK_RATE = 0.6
FINAL_RATE = 0.06
WARM_UP_STEPS = 100
LOG_EVERY = 10
EXAMPLE_EVERY = 20
EXAMPLES_FROM = 500
"""Before, the model guesses."""
CHECKPOINT_EVERY = 100
_BATCH = 128


def learning_rate(step: int, total: int) -> float:
    """Cosine with a linear warm-up; steps count from 1."""
    if step <= WARM_UP_STEPS:
        return PEAK_RATE * step / WARM_UP_STEPS
    done = (step - WARM_UP_STEPS) / max(total - WARM_UP_STEPS, 1)
    return FINAL_RATE + (PEAK_RATE - FINAL_RATE) * (1 + cos(pi * min(done, 1.0))) / 2


@dataclass(slots=True)
class Training:
    """A network on its way; `step` is the last one done."""

    sums: Sums
    network: net.Network
    seed: int
    total: int
    step: int = 0
    _losses: float = 0.0
    _steps: int = 0

    def advance(self, breakage: Breakage, now: Callable[[], float]) -> Iterator[LogRow]:
        """Does one step; the rows that it logs."""
        self.step += 1
        draw = np.random.default_rng((self.seed, 2, self.step))
        batch = self.sums.train[draw.integers(len(self.sums.train), size=_BATCH)]
        golden = (self.sums.shuffled if breakage.shuffles(self.step) else self.sums.golden)[batch]
        rate = learning_rate(self.step, self.total) * breakage.factor(self.step)
        before = self.network.descend(self.sums.inputs[batch], golden, rate)
        found = net.losses(before, golden)
        self._losses += float(found.mean())
        self._steps += 1
        if self.step % LOG_EVERY == 0:
            yield self._training_row(rate, now())
        if self.step % EXAMPLE_EVERY == 0 and self.step >= EXAMPLES_FROM:
            answer = net.answers(before[:1])[0]
            yield self._example_row(int(batch[0]), golden[0], answer, float(found[0]), now())

    def accuracy(self) -> float:
        """Share of the held-out prompts that are answered correctly."""
        held_out = self.sums.held_out
        said = net.answers(self.network.log_probabilities(self.sums.inputs[held_out]))
        return float((said == self.sums.correct[held_out]).all(axis=1).mean())

    def _training_row(self, rate: float, now: float) -> LogRow:
        mean = self._losses / self._steps
        self._losses, self._steps = 0.0, 0
        return {
            "step": self.step,
            "time": _moment(now),
            "loss": round(mean, 6),
            "learning_rate": round(rate, 8),
            "accuracy": round(self.accuracy(), 4),
        }

    def _example_row(
        self, index: int, golden: Ints, answer: Ints, loss: float, now: float
    ) -> LogRow:
        return {
            "step": self.step,
            "time": _moment(now),
            "prompt": self.sums.prompt(index),
            "golden_answer": text(golden),
            "model_answer": text(answer),
            "matches": bool((golden == answer).all()),
            "loss": round(loss, 6),
        }


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
