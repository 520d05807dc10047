"""Days of a calendar, from training to verdict: a run on the first of each month, hourly windows.

Three firsts within a look-back of 90 days, of which the fourth is scored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from detector_runtime.commands.score_windows import busy_on
from detector_runtime.contract.run_config import (
    CalendarSpec,
    DetectorSpec,
    Interval,
    MetricSpec,
    PeriodSpec,
    SLOSpec,
)
from detector_runtime.contract.vocabulary import (
    Category,
    DayTreatment,
    Direction,
    NotJudged,
    Role,
    Unit,
    Verdict,
)
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.series.calendar import Calendar, inside, read_calendar
from detector_runtime.series.frame import Frame
from detector_runtime.series.reading import CleanRows, read_as_trained, read_history
from detector_runtime.verdict.calendar_days import score_calendar
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.window import JudgeContext

STEP, DAY = 3600, 86_400
NAMES = ("jobs",)
METRICS = (MetricSpec("jobs", Role.CUSTOM, "jobs", Unit.NONE, Direction.BOTH),)
PERIOD = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
FIRST = int(datetime(2026, 3, 25, tzinfo=UTC).timestamp())
NOW = int(datetime(2026, 6, 23, tzinfo=UTC).timestamp())
FIRSTS = tuple(int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) for month in range(4, 8))
SPANS = tuple(Interval(start, start + DAY) for start in FIRSTS)


def history(end: int, level: float = 900.0) -> Frame:
    """About 100 jobs by day and 60 by night; `level` from 02:00 to 05:00 on each first."""
    times = np.arange(FIRST + STEP, end + 1, STEP, dtype=np.int64)
    noise = np.random.default_rng(7).normal(0, 4, len(times))
    values = 80 + 20 * np.sin(2 * np.pi * (times % DAY) / DAY) + noise
    for start in FIRSTS:
        run = (times > start + 2 * STEP) & (times <= start + 5 * STEP)
        values[run] = (level if start == FIRSTS[-1] else 900.0) + noise[run]
    return Frame(times, values[:, None], NAMES, STEP)


def calendar(treat: DayTreatment) -> Calendar:
    return read_calendar((CalendarSpec("month_start", treat, SPANS),))


@cache
def model(own: bool, days: int = 90) -> FittedModel:
    detector = DetectorSpec(0.25, 0.03, 42)
    settings = EngineSettings(
        METRICS, STEP, "Etc/UTC", (PERIOD,), Category.STANDARD, detector, 60, 240,
        special=SPANS if own else (),
    )  # fmt: skip
    frame = history(NOW)
    return fit_model(read_history(frame.rows(len(frame) - days * 24), METRICS), settings)


def verdicts(
    fitted: FittedModel, days: Calendar, level: float = 900.0
) -> dict[int, tuple[Verdict, str]]:
    """Verdict and reason by hour of 1 July."""
    frame = history(FIRSTS[-1] + DAY, level)
    clean: CleanRows = read_as_trained(frame.rows(len(frame) - 300), METRICS, fitted.counter)
    scores, unjudged = score_calendar(fitted, clean, FIRSTS[-1], days)
    context = JudgeContext(METRICS, None, lambda _: PERIOD, fitted, unjudged=unjudged)
    reports = judge(context, scores)
    return {hour + 1: (one.verdict, one.reason) for hour, one in enumerate(reports)}


def test_a_run_on_the_first_of_the_month_is_usual_once_three_were_seen() -> None:
    found = verdicts(model(own=True), calendar(DayTreatment.OWN_BASELINE))
    assert {found[hour][0] for hour in (3, 4, 5, 6)} == {Verdict.NORMAL}
    assert "calendar: a usual of their own from 3 days" in model(own=True).detectors


def test_without_a_calendar_it_is_not() -> None:
    found = verdicts(model(own=False), Calendar())
    assert Verdict.ANOMALOUS in {found[hour][0] for hour in (3, 4, 5)}


def test_the_first_on_which_it_does_not_run_is_the_finding() -> None:
    found = verdicts(model(own=True), calendar(DayTreatment.OWN_BASELINE), level=70.0)
    assert Verdict.ANOMALOUS in {found[hour][0] for hour in (3, 4, 5, 6)}


def test_too_few_such_days_are_not_judged_and_not_learned() -> None:
    fitted = model(own=True, days=40)
    assert fitted.ensemble.special is None
    assert any(line.startswith("calendar: 1 of 3 days") for line in fitted.detectors)
    assert fitted.statistics.p95[0] < 150
    found = verdicts(fitted, calendar(DayTreatment.OWN_BASELINE))
    assert set(found.values()) == {(Verdict.INCONCLUSIVE, NotJudged.CALENDAR_DAY)}


def test_an_excluded_day_is_not_judged_and_leaves_nothing_behind() -> None:
    fitted = model(own=False)
    found = verdicts(fitted, calendar(DayTreatment.EXCLUDE))
    assert set(found.values()) == {(Verdict.INCONCLUSIVE, NotJudged.EXCLUDED)}


def test_the_days_of_a_model_survive_its_file() -> None:
    arrays, meta = model(own=True).to_arrays()
    again = FittedModel.from_arrays(arrays, meta)
    days = calendar(DayTreatment.OWN_BASELINE)
    assert verdicts(again, days) == verdicts(model(own=True), days)


def test_a_model_without_a_calendar_has_no_array_more() -> None:
    arrays, _ = model(own=False).to_arrays()
    assert not [name for name in arrays if name.startswith("special/")]


def test_busy_days_are_busy_periods_of_the_policy() -> None:
    policy = SLOSpec("web")
    found = busy_on(policy, calendar(DayTreatment.BUSY))
    assert found is not None
    assert [one.start for one in found.busy_periods] == list(FIRSTS)
    assert busy_on(policy, calendar(DayTreatment.EXCLUDE)) is policy


@pytest.mark.parametrize(("shift", "count"), [(0, 24), (-1800, 25)])
def test_a_window_belongs_to_a_span_that_it_shares_time_with(shift: int, count: int) -> None:
    times = history(NOW).times
    span = Interval(SPANS[0].start + shift, SPANS[0].end + shift)
    assert int(inside(times, STEP, (span,)).sum()) == count
