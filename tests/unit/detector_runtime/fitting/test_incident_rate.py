import numpy as np
import pytest

from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.fitting.alert_level import LOWEST, WEEK, History
from detector_runtime.fitting.incident_rate import (
    IncidentRate,
    confirmed_peaks,
    incident_rate,
    large_share,
)
from detector_runtime.fitting.promise import MOST_FROM_REAL, calibrated, unrecognised

STEP = 300
WEEKS = 4
ROWS = WEEKS * WEEK // STEP
RULES = IncidentSpec()


def course(peaks, rows=ROWS) -> np.ndarray:
    """Quiet scores with incidents of three windows, evenly spread."""
    scores = np.full(rows, 0.3)
    for at, peak in zip(np.linspace(20, rows - 20, len(peaks)).astype(int), peaks, strict=True):
        scores[at : at + 3] = peak
    return scores


def history(peaks) -> History:
    return History(course(peaks), np.zeros(ROWS, dtype=bool), 1.0, STEP, RULES)


def exponential(count: int, excess: float) -> np.ndarray:
    shares = (np.arange(count) + 0.5) / count
    return LOWEST - excess * np.log(1 - shares)


def everything(scores) -> np.ndarray:
    return np.ones(len(scores), dtype=bool)


def test_a_peak_is_the_highest_level_that_two_windows_in_a_row_reach():
    scores = np.array([0.0, 1.5, 4.0, 2.5, 0.0])
    assert confirmed_peaks(scores, everything(scores), STEP, RULES).tolist() == [2.5]


def test_peaks_follow_the_services_own_confirmation():
    scores = np.array([0.0, 1.5, 4.0, 2.5, 2.4, 0.0])
    once = IncidentSpec(confirmation_cycles=1)
    thrice = IncidentSpec(confirmation_cycles=3)
    assert confirmed_peaks(scores, everything(scores), STEP, once).tolist() == [4.0]
    assert confirmed_peaks(scores, everything(scores), STEP, thrice).tolist() == [2.4]


def test_windows_that_do_not_count_make_no_incident():
    scores = np.array([0.0, 4.0, 4.0, 0.0, np.nan, 0.0])
    counted = np.array([True, False, False, True, True, True])
    assert confirmed_peaks(scores, counted, STEP, RULES).tolist() == []


@pytest.mark.parametrize("excess", [0.4, 0.9])
def test_with_many_incidents_the_rate_is_the_one_that_was_seen(excess):
    held = course(exponential(200, excess))
    found = incident_rate(held, everything(held), history(exponential(200, excess)))
    for level in (2.0, 2.5, 3.0):
        seen = len(confirmed_peaks(np.where(held >= level, held, 0), everything(held), STEP, RULES))
        assert found.per_week(level) == pytest.approx(seen / WEEKS, rel=0.25)


def test_level_and_rate_are_each_others_inverse():
    rate = IncidentRate(at_lowest=12.0, seen=20.0, total=11.0)
    for wanted in (0.1, 1.0, 4.0):
        assert rate.per_week(rate.level(wanted)) == pytest.approx(wanted)
    assert rate.level(100.0) == LOWEST


def test_the_less_was_seen_the_higher_the_level():
    few = IncidentRate(at_lowest=12.0, seen=8.0, total=4.0)
    many = IncidentRate(at_lowest=12.0, seen=80.0, total=40.0)
    assert few.level(0.1) > many.level(0.1) > LOWEST


def test_a_model_that_does_worse_on_what_it_has_not_seen_gets_a_higher_level():
    learned = history(exponential(40, 0.45))
    calm = incident_rate(learned.scores, everything(learned.scores), learned)
    held = course(exponential(60, 1.0))
    drifting = incident_rate(held, everything(held), learned)
    assert drifting.level(1.0) > calm.level(1.0) + 0.5


def test_an_empty_held_out_part_leaves_the_historys_rate():
    learned = history(exponential(40, 0.45))
    none = incident_rate(np.full(3, np.nan), np.zeros(3, dtype=bool), learned)
    assert none.at_lowest == pytest.approx(10.0)


def test_the_share_of_large_incidents_is_that_of_the_notable_ones():
    held = course([1.5] * 10 + [3.0] * 36)
    magnitude = np.zeros(ROWS)
    magnitude[np.flatnonzero(held == 3.0)[: 3 * 9]] = 1.5
    found = large_share(held, everything(held), magnitude, history([]))
    assert found == pytest.approx((9 + 2) / (36 + 4))


def test_levels_rise_with_severity_and_a_shorter_history_raises_them_all():
    learned = history(exponential(40, 0.45))
    rate = incident_rate(learned.scores, everything(learned.scores), learned)
    month, days = calibrated(learned, rate, 1.0, 30.0), calibrated(learned, rate, 1.0, 3.5)
    assert LOWEST < month.levels.alert == month.levels.medium
    assert month.levels.medium < month.levels.high < month.levels.critical
    assert days.levels.alert == pytest.approx(month.levels.alert + 0.5 * np.log10(4))
    assert month.rates == pytest.approx((1.0, 1 / 9, 1 / 52))
    assert month.table[len(month.table) // 2].tolist() == [month.levels.alert, 1.0]
    assert month.by_severity(0.5).tolist() == pytest.approx([1.0, 0.5, 0.5 / 9, 0.5 / 52])


def test_where_the_level_may_fall_no_further_less_is_expected_than_asked_for():
    learned = history(exponential(8, 0.3))
    rate = incident_rate(learned.scores, everything(learned.scores), learned)
    found = calibrated(learned, rate, 50.0, 30.0)
    assert found.levels.alert == pytest.approx(LOWEST, abs=0.02)
    assert found.rates[0] == pytest.approx(rate.at_lowest)


def with_real(peaks, real: int, by_chance: float) -> History:
    """As many more incidents, far out and trimmed, spread over the same four weeks."""
    scores, trimmed = course(peaks), np.zeros(ROWS, dtype=bool)
    for at in np.linspace(300, ROWS - 300, real).astype(int):
        scores[at : at + 3] = 8.0
        trimmed[at : at + 3] = True
    return History(scores, trimmed, by_chance, STEP, RULES)


def test_a_history_with_real_incidents_leaves_room_for_those_that_nobody_recognised():
    plain = history(exponential(40, 0.45))
    mixed = with_real(exponential(40, 0.45), 6, by_chance=0.0)
    rate = incident_rate(plain.scores, everything(plain.scores), plain)
    assert unrecognised(mixed) == pytest.approx(6 / WEEKS)
    clean, lenient = (calibrated(one, rate, 1.0, 30.0) for one in (plain, mixed))
    assert lenient.levels.alert == pytest.approx(
        calibrated(plain, rate, 1.0 + 6 / WEEKS, 30.0).levels.alert
    )
    assert lenient.levels.alert < clean.levels.alert
    # what was asked for is still what is expected to be false
    assert lenient.rates == clean.rates


def test_what_chance_explains_is_no_real_incident():
    assert unrecognised(with_real(exponential(40, 0.45), 6, by_chance=1.0)) == 0.0


def test_a_history_full_of_incidents_opens_no_flood_of_them():
    plain = history(exponential(40, 0.45))
    rate = incident_rate(plain.scores, everything(plain.scores), plain)
    full = with_real(exponential(40, 0.45), 60, by_chance=0.0)
    assert unrecognised(full) > MOST_FROM_REAL
    most = calibrated(plain, rate, 1.0 + MOST_FROM_REAL, 30.0).levels.alert
    assert calibrated(full, rate, 1.0, 30.0).levels.alert == pytest.approx(most)


def test_levels_above_the_alert_do_not_fall_for_incidents_that_nobody_recognised():
    plain = history(exponential(40, 0.45))
    mixed = with_real(exponential(40, 0.45), 6, by_chance=0.0)
    rate = incident_rate(plain.scores, everything(plain.scores), plain)
    clean, lenient = (calibrated(one, rate, 1.0, 30.0).levels for one in (plain, mixed))
    assert lenient.alert < clean.alert == lenient.medium
    assert (lenient.high, lenient.critical) == (clean.high, clean.critical)
