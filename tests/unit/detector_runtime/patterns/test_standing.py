"""Levels: percentiles with guards, held steady over the windows of a deviation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.contract.patterns import Level
from detector_runtime.model.level_borders import HOURS, hours_of_week, learn_borders
from detector_runtime.patterns.standing import standings
from tests.unit.detector_runtime.patterns.standing_of import (
    METRICS,
    USUAL,
    course,
    levels,
    standing,
)


@pytest.mark.parametrize(
    ("rate", "level"),
    [
        (60.0, Level.VERY_LOW),
        (75.0, Level.LOW),
        (100.0, Level.NORMAL),
        (107.0, Level.MODERATE),
        (115.0, Level.ELEVATED),
        (125.0, Level.HIGH),
        (140.0, Level.VERY_HIGH),
        (math.inf, Level.VERY_HIGH),
        (math.nan, Level.UNKNOWN),
    ],
)
def test_a_value_has_the_level_of_its_band(rate: float, level: Level) -> None:
    assert levels(standing(rate=rate))["rate"] is level


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.002, Level.NORMAL), (0.02, Level.HIGH), (0.06, Level.VERY_HIGH), (0.4, Level.VERY_HIGH)],
)
def test_errors_are_very_high_from_a_share_on_that_holds_for_any_service(
    share: float, level: Level
) -> None:
    assert levels(standing(errors=share))["errors"] is level


def test_errors_that_rise_beyond_that_share_are_very_high_at_once() -> None:
    few, many = list(USUAL), list(USUAL)
    few[2], many[2] = 0.03, 0.3
    found = levels(standings(METRICS, course([few] * 6 + [many])))
    assert found["errors"] is Level.VERY_HIGH
    # One window of a deviation in which errors are usual names nothing.
    found = levels(standings(METRICS, course([list(USUAL)] * 6 + [many])))
    assert found["errors"] is not Level.VERY_HIGH


def test_errors_that_fell_below_that_share_are_soon_no_longer_very_high() -> None:
    few, many = list(USUAL), list(USUAL)
    few[2], many[2] = 0.03, 0.3
    found = levels(standings(METRICS, course([many] * 5 + [few] * 3)))
    assert found["errors"] is Level.HIGH


def test_low_values_of_what_is_better_low_are_normal() -> None:
    found = levels(standing(errors=0.0, dependency=1.0, database=0.001))
    assert {found[name] for name in ("errors", "dependency", "database")} == {Level.NORMAL}


def test_low_latency_is_good_news_unless_requests_fail() -> None:
    assert levels(standing(latency=20.0))["latency"] is Level.NORMAL
    assert levels(standing(latency=20.0, errors=0.3))["latency"] is Level.VERY_LOW


def test_one_lucky_window_changes_no_level() -> None:
    high, lucky = list(USUAL), list(USUAL)
    high[1] = 600.0
    found = levels(standings(METRICS, course([high, high, high, lucky])))
    assert found["latency"] is Level.VERY_HIGH


@given(st.lists(st.sampled_from([119.5, 120.5]), min_size=2, max_size=8))
def test_a_value_on_a_border_keeps_the_level_that_it_had(rates: list[float]) -> None:
    """120 is where high begins; the border has a margin of 2 on each side."""
    rows = [[rate, *USUAL[1:]] for rate in rates]
    seen = [levels(standings(METRICS, course(rows[: n + 1])))["rate"] for n in range(len(rows))]
    assert len(set(seen)) == 1


def test_the_borders_follow_the_hour_of_the_week_and_lean_on_all_hours() -> None:
    rng = np.random.default_rng(3)
    step = 300
    times = np.arange(1, 4 * 7 * 86_400 // step + 1, dtype=np.int64) * step
    hours = hours_of_week(times, step, "UTC")
    residual = rng.normal(0, 1, (len(times), 1))
    residual[hours == 10] *= 5
    found = learn_borders(residual, hours, step)
    assert found.borders.shape == (HOURS, 1, 6)
    assert found.borders[10, 0, 4] > 2 * found.borders[11, 0, 4]
    assert found.borders[11, 0, 4] == pytest.approx(2.0, abs=0.4)
    assert (np.diff(found.borders[:, 0, 1:], axis=1) >= 0).all()


def test_an_hour_without_values_takes_the_borders_of_all_hours() -> None:
    residual, hours = np.array([[0.0], [1.0], [-1.0], [0.5]]), np.array([0, 0, 0, 0])
    found = learn_borders(residual, hours, 300)
    overall = found.borders[5, 0]
    assert np.isfinite(overall).all()
    assert (found.borders[6:, 0] == overall).all()


def test_a_metric_without_values_has_no_level() -> None:
    found = learn_borders(np.full((4, 2), [0.0, np.nan]), np.zeros(4, dtype=np.int64), 300)
    assert found.known.tolist() == [True, False]


def test_the_hours_are_those_of_the_local_week() -> None:
    monday_noon = 1_700_481_600 + 3_600 * 12 - 43_200  # 2023-11-20T12:00:00Z
    ends = np.array([monday_noon + 300], dtype=np.int64)
    assert hours_of_week(ends, 300, "UTC").tolist() == [12]
    assert hours_of_week(ends, 300, "Europe/Zagreb").tolist() == [13]
