"""How much a trial reads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from anomaly_dashboard.explore.extent import (
    DAY,
    MAX_WINDOWS,
    NothingToTryError,
    begun,
    extent_of,
    pieces,
)
from detector_runtime.series.frame import Frame

NOW = 1_790_000_059.0


def frame(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Frame:
    times = 60 * (np.arange(len(values), dtype=np.int64) + 1)
    return Frame(times, values[:, None], ("a",), 60)


def test_the_days_are_judged_and_the_lookback_comes_before_them() -> None:
    found = extent_of(7, 30 * DAY, 120, 30, NOW)
    assert found.judged == 7 * 720
    assert found.span.points == 37 * 720
    assert found.span.end <= NOW - 30
    assert found.note == ""


def test_a_lookback_beyond_the_bounds_is_cut_and_that_is_said() -> None:
    long = extent_of(7, 60 * DAY, 120, 30, NOW)
    assert long.span.points == 37 * 720
    assert "spec.training.lookback, 60d" in long.note
    fine = extent_of(14, 30 * DAY, 15, 30, NOW)
    assert fine.span.points == MAX_WINDOWS
    assert fine.note


@pytest.mark.parametrize("days", [0, 15])
def test_days_have_bounds(days: int) -> None:
    with pytest.raises(ValueError, match="give 1 to 14"):
        extent_of(days, DAY, 60, 30, NOW)


def test_pieces_are_the_whole_span_once() -> None:
    span = extent_of(7, 30 * DAY, 60, 30, NOW).span
    found = list(pieces(span))
    assert sum(one.points for one in found) == span.points
    assert found[0].start == span.start
    assert found[-1].end == span.end
    assert all(a.end == b.start for a, b in pairwise(found))


def test_what_comes_before_the_first_value_is_not_learned_from() -> None:
    values = np.ones(1_000)
    values[:300] = np.nan
    kept, warmup, note = begun(frame(values), 200, "checkout")
    assert (len(kept), warmup, note) == (700, 500, "")
    assert kept.times[0] == 301 * 60


def test_a_short_history_leaves_a_quarter_to_learn_from() -> None:
    values = np.ones(1_000)
    values[:900] = np.nan
    kept, warmup, note = begun(frame(values), 500, "checkout")
    assert (len(kept), warmup) == (100, 25)
    assert "1h40m of values" in note


def test_nothing_at_all_is_said_with_what_to_do() -> None:
    with pytest.raises(NothingToTryError, match=r"no metric of checkout .* spec.source.name"):
        begun(frame(np.full(10, np.nan)), 5, "checkout")
    with pytest.raises(NothingToTryError, match="too few"):
        begun(frame(np.array([np.nan, 1.0])), 5, "checkout")
