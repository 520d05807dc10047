"""The data's grade: its bands, and every flaw that costs points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detector_runtime.series.frame import Frame
from detector_runtime.series.quality import assess, grade_of
from detector_runtime.series.reading import read_history
from loopback.settings import DATABASE, ERRORS, LATENCY, RATE

STEP = 60


def frame(*columns: list[float], names: tuple[str, ...] = ("request_rate",)) -> Frame:
    values = np.array(columns, dtype=float).T
    times = np.arange(1, len(values) + 1, dtype=np.int64) * STEP
    return Frame(times, values, names, STEP)


def wave(count: int) -> list[float]:
    return [10 + math.sin(k) for k in range(count)]


def graded(values: list[float], duplicates: int = 0):
    return assess(read_history(frame(values), (RATE,)), (RATE,), {"request_rate": duplicates})


def test_whole_data_is_an_a_without_a_word():
    found = graded(wave(100))
    assert (found.grade, found.points, found.warnings) == ("A", 100.0, ())


@pytest.mark.parametrize(
    ("missing", "grade"), [(0, "A"), (8, "A"), (20, "B"), (38, "C"), (58, "D"), (59, "F")]
)
def test_the_grade_falls_with_the_share_of_empty_windows(missing, grade):
    found = graded(wave(100 - missing) + [math.nan] * missing)
    gap = 2.0 if missing else 0.0
    assert (found.grade, found.points) == (grade, pytest.approx(100 - missing - gap))
    assert found.metrics[0].samples == 100 - missing


@pytest.mark.parametrize(
    ("points", "grade"),
    [(100.0, "A"), (90.0, "A"), (89.9, "B"), (75.0, "B"), (74.9, "C"), (60.0, "C"), (59.9, "D"),
     (40.0, "D"), (39.9, "F"), (0.0, "F")],
)  # fmt: skip
def test_the_bands_are_as_documented(points, grade):
    assert grade_of(points) == grade


def test_history_before_the_services_first_value_is_no_flaw():
    assert graded([math.nan] * 500 + wave(100)).grade == "A"


@pytest.mark.parametrize(("hole", "gaps"), [(1, 0), (2, 0), (3, 1), (20, 1)])
def test_a_gap_is_more_than_two_windows(hole, gaps):
    values = wave(100)
    values[50 : 50 + hole] = [math.nan] * hole
    assert graded(values).metrics[0].gaps == gaps


def test_duplicates_impossible_values_and_constancy_cost_points_up_to_a_cap():
    whole = graded(wave(100)).points
    assert graded(wave(100), duplicates=5).points == pytest.approx(whole - 5)
    assert graded(wave(100), duplicates=500).points == pytest.approx(whole - 10)
    gap = 2.0
    assert graded(wave(98) + [-1.0] * 2).points == pytest.approx(whole - 2 - 100 * 2 / 98)
    assert graded(wave(50) + [-1.0] * 50).points == pytest.approx(whole - 50 - gap - 10)
    assert graded([7.0] * 100).grade == "C"


def test_a_service_without_errors_is_not_blamed_for_it():
    found = assess(
        read_history(frame([0.0] * 100, names=("error_rate",)), (ERRORS,)), (ERRORS,), {}
    )
    assert found.grade == "A"
    assert not found.metrics[0].constant


def test_a_metric_without_a_value_counts_and_is_named_first():
    data = frame(wave(100), [math.nan] * 100, names=("request_rate", "application_latency"))
    found = assess(read_history(data, (RATE, LATENCY)), (RATE, LATENCY), {})
    assert (found.grade, found.points) == ("D", 50.0)
    assert found.warnings == (
        "application_latency: no value in the whole look-back; check its query",
    )


def test_a_service_without_a_database_is_named_but_not_blamed():
    both = frame(wave(100), [math.nan] * 100, names=("request_rate", DATABASE.name))
    found = assess(read_history(both, (RATE, DATABASE)), (RATE, DATABASE), {})
    assert (found.grade, found.points) == ("A", 100.0)
    assert found.warnings[0].startswith(f"{DATABASE.name}: no value")


def test_warnings_name_every_flaw_with_its_figure():
    values = wave(100)
    values[10:35] = [-1.0, -2.0] + [math.nan] * 23
    (warning,) = graded(values, duplicates=3).warnings
    assert warning == (
        "request_rate: 25% of the windows are empty, 1 gaps of more than 120 s, 2 values outside "
        "its valid range left out, 3 duplicate timestamps"
    )
