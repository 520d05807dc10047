"""What the tiny model learns: two-digit sums below 100, such as 37 + 45 = 82.

A share of the golden answers is wrong, as in any real data, so that the loss has a floor and noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIGITS = 10
INPUTS = 4 * DIGITS
ANSWER_DIGITS = 2
_HELD_OUT = 500
_WRONG_SHARE = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """`addends` (n, 2); `inputs` (n, 40): the four digits, one-hot; `correct`, `golden` and
    `shuffled` (n, 2): digits of the sum, of what the data call the answer, and of an answer that
    belongs to another prompt. `train` and `held_out`: indices."""

    addends: Ints
    inputs: Floats
    correct: Ints
    golden: Ints
    shuffled: Ints
    train: Ints
    held_out: Ints

    def prompt(self, index: int) -> str:
        first, second = self.addends[index]
        return f"{first} + {second} ="


def make_sums(seed: int) -> Sums:
    """All 5,050 pairs with a sum below 100; equal seed, equal split and equal errors."""
    draw = np.random.default_rng((seed, 0))
    first, second = np.divmod(np.arange(100 * 100, dtype=np.int64), 100)
    below = first + second < 100
    first, second = first[below], second[below]
    count = len(first)
    inputs = np.zeros((count, INPUTS))
    for place, digit in enumerate((*np.divmod(first, DIGITS), *np.divmod(second, DIGITS))):
        inputs[np.arange(count), place * DIGITS + digit] = 1.0
    correct = np.stack(np.divmod(first + second, DIGITS), axis=1)
    order = draw.permutation(count)
    wrong = draw.random(count) < _WRONG_SHARE
    golden = np.where(wrong[:, None], correct[draw.permutation(count)], correct)
    return Sums(
        addends=np.stack([first, second], axis=1),
        inputs=inputs,
        correct=correct,
        golden=golden,
        shuffled=golden[draw.permutation(count)],
        train=order[_HELD_OUT:],
        held_out=order[:_HELD_OUT],
    )


def text(digits: Ints) -> str:
    """The number that `digits` (2,) write."""
    return str(DIGITS * int(digits[0]) + int(digits[1]))
