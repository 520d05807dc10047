"""What is drawn: thinning loses no peak, and a range is laid beside the right windows."""

from __future__ import annotations

import numpy as np

from anomaly_dashboard.series.curves import Curves, document, joined, thinned

STEP = 60


def curves(n: int, names: tuple[str, ...] = ("latency",)) -> Curves:
    times = STEP * (np.arange(n, dtype=np.int64) + 1)
    return Curves.of_values(times, names, np.ones((n, len(names))), STEP)


def test_thinning_keeps_each_peak_with_its_range_and_score() -> None:
    found = curves(6_000)
    found.low[:], found.high[:] = 0.5, 1.5
    found.values[4_321, 0] = 9.0
    found.score[:], found.level[:] = 0.1, 4.0
    found.score[4_321] = 8.0
    less = thinned(found, 1_500)
    assert len(less) == 1_500
    assert less.step == 4 * STEP
    assert less.values.max() == 9.0
    assert less.score.max() == 8.0
    row = int(less.values[:, 0].argmax())
    assert less.times[row] - less.step < found.times[4_321] <= less.times[row]
    assert less.high[row, 0] == 1.5


def test_thinning_keeps_a_trough_of_a_metric_without_a_range() -> None:
    found = curves(3_000)
    found.values[77, 0] = -3.0
    found.values[200:220, 0] = np.nan
    less = thinned(found, 300)
    assert np.nanmin(less.values) == -3.0
    assert np.isnan(less.values[20, 0])


def test_few_points_stay_as_they_are() -> None:
    found = curves(10)
    assert thinned(found) is found
    assert len(thinned(curves(0))) == 0


def test_a_range_stands_beside_its_own_windows_and_metrics_alone() -> None:
    values = curves(5, ("latency", "errors"))
    usual = curves(3)
    usual.low[:], usual.high[:], usual.score[:], usual.level[:] = 0.5, 1.5, 2.0, 4.0
    both = joined(values, usual)
    assert both.low[:3, 0].tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(both.low[3:, 0]).all()
    assert np.isnan(both.high[:, 1]).all()
    assert np.isnan(both.score[3:]).all()
    assert np.isnan(joined(values, curves(0)).low).all()


def test_json_has_null_where_there_is_no_number() -> None:
    found = curves(2)
    found.values[0, 0] = np.nan
    found.values[1, 0] = 0.1 + 0.2
    told = document(found, ("Seconds",))
    assert told["metrics"][0]["values"] == [None, 0.3]
    assert told["metrics"][0]["unit"] == "Seconds"
    assert told["scores"] == [None, None]
    assert told["times"] == [60, 120]
