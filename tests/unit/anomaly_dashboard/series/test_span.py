"""Which windows the last hours are."""

from __future__ import annotations

import pytest

from anomaly_dashboard.series.span import MAX_QUERIED, span_of

NOW = 1_790_000_059.0


def test_windows_end_on_the_grid_and_only_where_they_are_complete() -> None:
    span = span_of(6, 60, 30, NOW)
    assert span.end == 1_789_999_980
    assert span.end - span.start == 6 * 3600
    assert span.points == 360


@pytest.mark.parametrize(("hours", "step"), [(336, 15), (336, 60), (24, 15), (1, 3600)])
def test_a_metric_is_one_query_however_long_the_span(hours: int, step: int) -> None:
    span = span_of(hours, step, 30, NOW)
    assert 1 <= span.points <= MAX_QUERIED
    assert span.step % step == 0
    assert span.end % span.step == 0


@pytest.mark.parametrize("hours", [0, -1, 337])
def test_hours_have_bounds(hours: int) -> None:
    with pytest.raises(ValueError, match="give 1 to 336"):
        span_of(hours, 60, 30, NOW)
