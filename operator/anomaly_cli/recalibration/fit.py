"""Weights that rank confirmed incidents above dismissed ones, close to the weights in force.

A logistic regression of the verdict on the levels of the parts (0 to 1), with non-negative
coefficients and a ridge penalty on the distance from the current weights: with little evidence the
proposal stays where it was. A weight changes by a factor of MOST_CHANGE at most, and a part that
tells nothing keeps its weight. Whether the result is better is measured by cross-validation on
incidents that the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomaly_operator.incidents.priority import FULL, Part, scaled

MIN_JUDGED = 20
MIN_EACH = 5
"""Of either verdict."""
MIN_KNOWN = 10
"""Incidents in which a part is known, below which it keeps its weight."""
MOST_CHANGE = 2.0
RIDGE = 1.0
SLOPE = 6.0
"""Logits between no points and all points, of the weights in force: what the penalty pulls to."""
FOLDS = 5
_STEPS, _RATE = 3_000, 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """A judged incident: the levels of its parts, 0 to 1, and whether it was confirmed."""

    levels: Mapping[Part, float]
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """`weights` add up to 100. `now`, `then`: the share of pairs of a confirmed and a dismissed
    incident in which the confirmed one has the higher priority (area under the ROC curve), `then`
    with weights fitted to other incidents than those.
    """

    weights: Mapping[Part, int]
    now: float
    then: float

    @property
    def better(self) -> bool:
        return self.then > self.now


def propose(examples: Sequence[Example], current: Mapping[Part, int]) -> Proposal:
    """`examples` hold at least MIN_EACH of each verdict."""
    levels, labels = _matrix(examples), np.array([one.confirmed for one in examples], dtype=float)
    before = _vector(current)
    held = np.zeros(len(examples))
    for fold in _folds(labels):
        others = ~fold
        weights = _vector(_fitted(levels[others], labels[others], before))
        held[fold] = _values(levels[fold], weights)
    return Proposal(
        weights=_fitted(levels, labels, before),
        now=ranked(_values(levels, before), labels),
        then=ranked(held, labels),
    )


def ranked(values: Floats, labels: Floats) -> float:
    """Share of pairs in the right order; a tie counts half."""
    above, below = values[labels == 1.0], values[labels == 0.0]
    gaps = above[:, None] - below[None, :]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def _matrix(examples: Sequence[Example]) -> Floats:
    """One row an incident, NaN where a part is not known."""
    rows = [[one.levels.get(part, np.nan) for part in Part] for one in examples]
    return np.array(rows, dtype=float)


def _vector(weights: Mapping[Part, int]) -> Floats:
    found = scaled(weights)
    return np.array([found[part] for part in Part], dtype=float) / FULL


def _values(levels: Floats, weights: Floats) -> Floats:
    """The priority, without what is not known."""
    found: Floats = np.nan_to_num(levels) @ weights
    return found


def _folds(labels: Floats) -> list[NDArray[np.bool_]]:
    """Each verdict in turn, so that every fold has both."""
    number = np.empty(len(labels), dtype=int)
    for label in (0.0, 1.0):
        mine = np.flatnonzero(labels == label)
        number[mine] = np.arange(len(mine)) % FOLDS
    return [number == fold for fold in range(FOLDS)]


def _fitted(levels: Floats, labels: Floats, before: Floats) -> dict[Part, int]:
    known = ~np.isnan(levels)
    counts = known.sum(axis=0)
    means = np.where(counts > 0, np.nan_to_num(levels).sum(axis=0) / np.maximum(counts, 1), 0.0)
    # A level that is not known is taken for the mean, which says nothing.
    centred = np.where(known, levels - means, 0.0)
    free = (counts >= MIN_KNOWN) & (np.abs(centred).max(axis=0) > 0) & (before > 0)
    target = SLOPE * before
    slopes = _descend(centred, labels, target, free)
    if free.any() and slopes[free].sum() > 0:
        # The free parts share among themselves what they had.
        share = before[free].sum() / slopes[free].sum()
        bounded = np.clip(
            slopes[free] * share, before[free] / MOST_CHANGE, before[free] * MOST_CHANGE
        )
        result = before.copy()
        result[free] = bounded
    else:
        result = before
    whole = {part: round(1_000 * float(one)) for part, one in zip(Part, result, strict=True)}
    return scaled(whole)


def _descend(centred: Floats, labels: Floats, target: Floats, free: NDArray[np.bool_]) -> Floats:
    """Projected gradient descent; the problem is convex, so the start does not matter."""
    slopes, offset = target.copy(), 0.0
    count = len(labels)
    for _ in range(_STEPS):
        errors = 1.0 / (1.0 + np.exp(-(centred @ slopes + offset))) - labels
        gradient = (centred.T @ errors + RIDGE * (slopes - target)) / count
        slopes = np.where(free, np.maximum(slopes - _RATE * gradient, 0.0), target)
        offset -= _RATE * float(errors.mean())
    return slopes
