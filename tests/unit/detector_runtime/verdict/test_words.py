"""What a person reads: explanations, actions, figures, and a last word that always fits."""

from __future__ import annotations

import json
import math

import pytest

from detector_runtime.commands.report import bounded
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.text import decimal, iso, percent, unix
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import TERMINATION_MESSAGE_BYTES, Role, RunOutcome, Unit
from detector_runtime.verdict import explain
from detector_runtime.verdict.actions import recommended
from detector_runtime.verdict.units import readable
from loopback.settings import ERRORS, LATENCY, RATE


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (812.0, 120.0, 198.0, "4.1x the upper end of its usual range"),
        (200.0, 120.0, 198.0, "just above its usual range"),
        (9e9, 1.0, 2.0, "over 1000x the upper end of its usual range"),
        (5.0, -3.0, 0.0, "above its usual range"),
        (-1.0, -9.0, -5.0, "above its usual range"),
        (38.0, 100.0, 200.0, "38% of the lower end of its usual range"),
        (0.0, 100.0, 200.0, "0% of the lower end of its usual range"),
        (-3.0, 0.0, 200.0, "below its usual range"),
        (150.0, 100.0, 200.0, "within its usual range, but in an unusual pattern"),
        (math.nan, 100.0, 200.0, "missing"),
    ],
)
def test_distance_is_said_in_words(value, low, high, said):
    assert explain.deviation(explain.Observation(LATENCY, value, low, high, 1.0)) == said


@pytest.mark.parametrize(
    ("value", "said", "summary"),
    [
        (0.3, "activated (usually zero)", "30% (usually zero)"),
        (0.01, "activated (usually zero)", "1% (usually zero)"),
        (
            0.0,
            "within its usual range, but in an unusual pattern",
            "0% (usually 0%), within its usual range, but in an unusual pattern",
        ),
        (math.nan, "missing", "missing (usually 0%)"),
    ],
)
def test_a_metric_that_is_usually_zero_is_activated_and_its_range_is_zero(value, said, summary):
    seen = explain.Observation(ERRORS, value, 0.0, 0.02, 1.0, zero_normal=True)
    assert explain.deviation(seen) == said
    assert explain.summary((seen,), "day") == f"error_rate is {summary} during day"
    shown = explain.contributions((seen,))[0]
    assert (shown.usual_low, shown.usual_high, shown.deviation) == ("0", "0", said)


def test_the_summary_names_the_leading_metric_and_a_strong_second():
    latency = explain.Observation(LATENCY, 812.0, 120.0, 198.0, 0.6)
    rate = explain.Observation(RATE, 20.0, 40.0, 60.0, 0.4)
    assert explain.summary((latency, rate), "business_hours") == (
        "application_latency is 812 ms (usually 120 ms to 198 ms), 4.1x the upper end of its usual "
        "range; request_rate is 20 requests/s (usually 40 requests/s to 60 requests/s), 50% of the "
        "lower end of its usual range during business_hours"
    )
    weak = explain.Observation(RATE, 20.0, 40.0, 60.0, 0.1)
    assert "request_rate" not in explain.summary((latency, weak), "night_hours")


def test_contributions_come_by_share_at_most_five_with_unit_and_range():
    seen = tuple(
        explain.Observation(LATENCY, 10.0 + k, 1.0, 2.0, k / 10, "seasonal") for k in range(8)
    )
    found = explain.contributions(explain.by_share(seen))
    assert [one.share for one in found] == ["70%", "60%", "50%", "40%", "30%"]
    first = found[0]
    assert (first.value, first.unit, first.usual_low, first.usual_high, first.detector) == (
        "17", "Milliseconds", "1", "2", "seasonal",
    )  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("downwards", [True, False])
@pytest.mark.parametrize("breached", [True, False])
def test_every_finding_has_one_to_five_short_actions(role, downwards, breached):
    actions = recommended(role, downwards, breached)
    assert 1 <= len(actions) <= 5
    assert len(set(actions)) == len(actions)
    assert all(len(text) <= 80 and text[0].isupper() for text in actions)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1"), (12345.0, "12345"), (12345.678, "12346"),
        (0.123456, "0.1235"), (1e-7, "0.0000001"), (1e-15, "0"), (-2.5, "-2.5"),
        (1e12, "1000000000000"), (math.nan, ""), (math.inf, ""),
    ],
)  # fmt: skip
def test_figures_are_short_and_without_exponent(value, text):
    assert decimal(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.032, Unit.RATIO, "3.2%"),
        (3.2, Unit.PERCENT, "3.2%"),
        (812.4, Unit.MILLISECONDS, "812 ms"),
        (45.0, Unit.REQUESTS_PER_SECOND, "45 requests/s"),
        (7.0, Unit.NONE, "7"),
        (math.nan, Unit.SECONDS, "missing"),
    ],
)
def test_values_are_shown_with_their_unit(value, unit, text):
    assert readable(value, unit) == text


def test_times_go_there_and_back_and_need_an_offset():
    assert iso(unix("2026-11-22T11:40:00Z")) == "2026-11-22T11:40:00Z"
    assert unix("2026-11-22T12:40:00+01:00") == unix("2026-11-22T11:40:00Z")
    with pytest.raises(ValueError, match="names no offset from UTC"):
        unix("2026-11-22T11:40:00")
    assert percent(0.873) == "87%"
    assert percent(math.nan) == ""


@pytest.mark.parametrize("unit", ["x", "é", "\u2028", '"', "\\", "\n", "漢"])
def test_the_last_word_always_fits_into_a_termination_message(unit):
    report = TrainReport(
        outcome=RunOutcome.REJECTED,
        message=unit * 9000,
        revision="20261122-021500-3f2a9c",
        digest="sha256:" + "0" * 64,
        arrays_digest="sha256:" + "0" * 64,
        detectors=(unit * 500,) * 40,
        warnings=(unit * 500,) * 40,
        level_shift=unit * 500,
    )
    text = dumps(bounded(report))
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    assert json.loads(text)["digest"] == report.digest


def test_a_short_report_is_left_as_it_is():
    report = TrainReport(RunOutcome.SUCCEEDED, "fine", warnings=("one",), detectors=("two",))
    assert bounded(report) == report
