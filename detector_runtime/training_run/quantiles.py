"""Quantiles of numbers that are already in order."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(ordered: Sequence[float], part: float) -> float:
    """Linear interpolation between the two nearest of `ordered`."""
    at = part * (len(ordered) - 1)
    below = int(at)
    low, rest = ordered[below], at - below
    return low + rest * (ordered[below + 1] - low) if rest else low
