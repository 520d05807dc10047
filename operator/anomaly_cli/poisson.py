"""What a count of rare events says of the rate behind it."""

from __future__ import annotations

import math

CONFIDENCE = 0.9
_DOUBLINGS, _HALVINGS = 64, 80


def exact_interval(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds of a Poisson mean of which `count` events were seen (Garwood 1936): below the lower
    one so many or more, above the upper one so few or fewer have a probability of less than half
    of what `confidence` leaves.
    """
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _mean_at(count - 1, 1 - tail)
    return low, _mean_at(count, tail)


def _mean_at(count: int, probability: float) -> float:
    """The mean at which `count` events or fewer have this probability."""
    low, high = 0.0, 1.0
    for _ in range(_DOUBLINGS):
        if _at_most(count, high) <= probability:
            break
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _at_most(count, middle) <= probability else (middle, high)
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    """Probability of `count` events or fewer."""
    log_mean = math.log(mean)
    return math.fsum(math.exp(k * log_mean - mean - math.lgamma(k + 1)) for k in range(count + 1))
