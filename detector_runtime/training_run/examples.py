"""Answers that contradict their loss: perfect with a high one, wrong with a low one, or both ways
round over the last examples."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import fsum, isfinite

from detector_runtime.training_run.rows import Example
from detector_runtime.training_run.thresholds import Thresholds
from detector_runtime.training_run.trigger import Action, Tier, Trigger

PERFECT, WRONG, INVERTED = (
    "perfect_answer_high_loss",
    "wrong_answer_low_loss",
    "inverted_loss_pattern",
)


@dataclass(slots=True)
class Examples:
    """Of the last examples, whether the answer was correct and its loss."""

    judged: deque[tuple[bool, float]] = field(default_factory=deque)

    def step(self, step: int, example: Example, thresholds: Thresholds) -> Iterator[Trigger]:
        """The triggers of one more example."""
        loss, matches = example.loss, example.matches
        if matches is None or loss is None or not isfinite(loss):
            return
        self.judged.append((matches, loss))
        if len(self.judged) > thresholds.examples:
            self.judged.popleft()
        if matches and loss > thresholds.high_loss:
            yield Trigger(
                step=step,
                kind=PERFECT,
                name=f"{PERFECT}_{loss:.2f}",
                tier=Tier.WARNING,
                action=Action.INVESTIGATE,
                message=f"a correct answer has loss {loss:.2f}",
                advice="Check the loss function, the tokens of the answer and label smoothing.",
            )
        if not matches and loss < thresholds.low_loss:
            yield Trigger(
                step=step,
                kind=WRONG,
                name=f"{WRONG}_{loss:.2f}",
                tier=Tier.WARNING,
                action=Action.INVESTIGATE,
                message=f"a wrong answer has loss {loss:.2f}",
                advice="Review the training data: label errors, or patterns learnt by heart.",
            )
        yield from self._inverted(step, thresholds)

    def _inverted(self, step: int, thresholds: Thresholds) -> Iterator[Trigger]:
        correct = [loss for matches, loss in self.judged if matches]
        wrong = [loss for matches, loss in self.judged if not matches]
        if (
            len(self.judged) < thresholds.examples_min
            or min(len(correct), len(wrong)) < thresholds.examples_each
        ):
            return
        right_mean, wrong_mean = fsum(correct) / len(correct), fsum(wrong) / len(wrong)
        sides = {
            "correct_high": right_mean > thresholds.correct_high * wrong_mean,
            "incorrect_low": wrong_mean < thresholds.incorrect_low * right_mean,
        }
        for side in (name for name, holds in sides.items() if holds):
            yield Trigger(
                step=step,
                kind=f"{INVERTED}_{side}",
                name=f"{INVERTED}_{side}",
                tier=Tier.CRITICAL,
                action=Action.STOP,
                message=f"correct answers have mean loss {right_mean:.2f}, wrong ones "
                f"{wrong_mean:.2f}, over the last {len(self.judged)} examples",
                advice="Stop training. Check the loss function and the labels.",
            )
