"""How often a recording has rows, and the length of the windows that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly_operator.api.durations import format_seconds
from detector_runtime.series.frame import Ints

MIN_STEP, MAX_STEP = 15, 3600
_ROUND = (15, 20, 30, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600)
_CLOSE = 0.02
"""Distances this close to a round one are it: a scrape every 60 s takes 59 or 61 s now and then."""
_DAY = 86_400


class SamplingError(ValueError):
    """Rows too far apart to be judged. The message says how far, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """`step` seconds; `inferred` from the rows' distances, which `said` describes."""

    step: int
    inferred: bool
    said: str
    warnings: tuple[str, ...] = ()


def sampled(times: Ints, step: int | None) -> Sampling:
    """The sampling of rows at `times` (at least two different ones); `step` seconds if given.
    Raises SamplingError."""
    gaps = np.diff(np.unique(times))
    median = int(np.median(gaps))
    if median > MAX_STEP * (1 + _CLOSE):
        raise SamplingError(
            f"{_kind(median)} data cannot be judged: rows are {format_seconds(median)} apart "
            f"(median), and steps go up to {format_seconds(MAX_STEP)}; export the metrics at "
            f"{format_seconds(MAX_STEP)} or less"
        )
    usual = _rounded(median)
    if step is not None:
        return Sampling(step, False, "given", _given(step, usual))
    inferred = max(usual, MIN_STEP)
    like = float((np.abs(gaps - usual) <= _CLOSE * usual).mean())
    said = "inferred"
    if like < 0.99:
        said += (
            f": the median distance of rows; {100 * like:.0f}% of the distances are that, they go "
            f"from {format_seconds(int(gaps.min()))} to {format_seconds(int(gaps.max()))}"
        )
    warnings: tuple[str, ...] = ()
    if usual < MIN_STEP:
        warnings = (
            (
                f"rows are {format_seconds(max(usual, 1))} apart, less than the shortest step; of "
                f"each {format_seconds(MIN_STEP)} the last row counts"
            ),
        )
    return Sampling(inferred, True, said, warnings)


def _given(step: int, usual: int) -> tuple[str, ...]:
    if step < usual * (1 - _CLOSE):
        empty = 100 * (1 - step / usual)
        return (
            (
                f"rows are {format_seconds(usual)} apart, so {empty:.0f}% of the windows of "
                f"{format_seconds(step)} have no row; give --step {format_seconds(usual)}"
            ),
        )
    if step > usual * (1 + _CLOSE):
        return (
            (
                f"rows are {format_seconds(max(usual, 1))} apart; of each {format_seconds(step)} "
                "the last row counts"
            ),
        )
    return ()


def _rounded(median: int) -> int:
    return next((one for one in _ROUND if abs(median - one) <= _CLOSE * one), max(median, 1))


def _kind(median: int) -> str:
    if abs(median - _DAY) < _DAY / 10:
        return "daily"
    if abs(median - 7 * _DAY) < _DAY:
        return "weekly"
    return "monthly" if 27 * _DAY < median < 32 * _DAY else "such sparse"
