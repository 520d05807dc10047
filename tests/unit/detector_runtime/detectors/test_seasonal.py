"""What is usual at this time of day, from the second day on."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.detectors.seasonal import Seasonal, medians
from detector_runtime.series.features import Prepared, learn_scaling
from detector_runtime.series.frame import Frame

STEP, DAY = 300, 86_400
NOON = DAY // 2 // STEP
RATE = (MetricSpec("rate", Role.TRAFFIC, "", Unit.REQUESTS_PER_SECOND, Direction.BOTH),)


def daily(days: int) -> Frame:
    """A rate that swings between 20 at midnight and 180 at noon."""
    times = np.arange(1, days * DAY // STEP + 1, dtype=np.int64) * STEP
    noise = np.random.default_rng(1).normal(0, 3, len(times))
    values = 100 - 80 * np.cos(2 * np.pi * (times - STEP) / DAY) + noise
    return Frame(times, values[:, None], ("rate",), STEP)


def usual(days: int) -> tuple[float, float]:
    """The usual range at noon after so many days."""
    frame = daily(days)
    scaling = learn_scaling(frame, RATE, "UTC")
    rows: Prepared = scaling.prepare(frame)
    low, high = Seasonal.fit(rows, 1).reach(rows)
    unit = scaling.scale[0], scaling.centre[0]
    return float(low[NOON, 0] * unit[0] + unit[1]), float(high[NOON, 0] * unit[0] + unit[1])


def test_two_days_are_enough_to_know_noon_from_midnight() -> None:
    low, high = usual(2)
    assert 140 < low < 180 < high < 220


def test_one_day_knows_no_time_of_day() -> None:
    low, high = usual(1)
    assert low < 20
    assert high > 180


@pytest.mark.parametrize("count", [1, 2, 7, 40, 41])
def test_medians_are_those_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).normal(0, 1e3, (count, 6))
    values[: count // 2, 1] = np.nan
    values[: (count - 1) // 3 * 2, 2] = np.nan
    values[:, 3] = np.round(values[:, 3], -3)
    assert np.array_equal(medians(values), np.nanmedian(values, axis=0))
    assert medians(values[:, :0]).shape == (0,)
