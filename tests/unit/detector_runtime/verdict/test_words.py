"""What a person reads: explanations, actions, figures, and a last word that always fits."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from detector_runtime.commands.report import bounded
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.run_config import PeriodSpec
from detector_runtime.contract.text import decimal, iso, percent, unix
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import TERMINATION_MESSAGE_BYTES, Role, RunOutcome, Unit
from detector_runtime.detectors.registry import DETECTORS
from detector_runtime.series.units import readable
from detector_runtime.verdict import explain
from detector_runtime.verdict.actions import recommended
from detector_runtime.verdict.explain import Side
from loopback.settings import ERRORS, LATENCY, RATE

ROLES = [role for role in Role if not role.of_a_run]


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
        (150.0, 100.0, 200.0, "an unusual pattern"),
        (190.0, 100.0, 200.0, "high for this time of the week"),
        (110.0, 100.0, 200.0, "low for this time of the week"),
        (math.inf, 100.0, 200.0, "infinite"),
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
            "low for this time of the week",
            "0% (usually 0%), low for this time of the week",
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


def observed(metric, value, low, high, share=1.0, detector="seasonal", undefined=False):
    return explain.Observation(metric, value, low, high, share, detector, undefined=undefined)


SLOW = observed(LATENCY, 812.0, 120.0, 198.0, 0.6)
FEW = observed(RATE, 20.0, 40.0, 60.0, 0.4)
GONE = observed(RATE, 0.0, 60.0, 160.0, 0.4)
NOTHING = observed(LATENCY, math.nan, 120.0, 198.0, 0.0, undefined=True)


SLOW_SAID = (
    "application_latency is 812 ms (usually 120 to 198 ms), 4.1x the upper end of its usual range"
)
FEW_SAID = (
    "request_rate is 20 requests/s (usually 40 to 60), 50% of the lower end of its usual range"
)
GONE_SAID = "request_rate fell to 0 requests/s (usually 60 to 160)"
DRIFTED_SAID = "request_rate is 18 requests/s (usually 5 to 90), a change from its last hours"
FAILING = observed(ERRORS, 0.42, 0.001, 0.005)
FAILING_SAID = "error_rate is 42% (usually 0.1 to 0.5%), 84x the upper end of its usual range"
LONGER = observed(LATENCY, 1812.0, 120.0, 1198.0)
LONGER_SAID = (
    "application_latency is 1.81 s (usually 0.12 to 1.2 s), 1.5x the upper end of its usual range"
)
ENDLESS_SAID = "application_latency is infinite (usually 120 to 198 ms)"
UNNAMED = "SLOPolicy web has no threshold for error_rate"
RATE_GONE = ("request_rate",)


@pytest.mark.parametrize(
    ("seen", "outage", "slo", "said"),
    [
        ((SLOW,), (), "", f"{SLOW_SAID} during day"),
        ((SLOW, FEW), (), "", f"{SLOW_SAID}; {FEW_SAID} during day"),
        ((SLOW,), (), "the SLO is met", f"{SLOW_SAID} during day; the SLO is met"),
        ((SLOW, replace(FEW, share=0.1)), (), "", f"{SLOW_SAID} during day"),
        ((SLOW, GONE, NOTHING), RATE_GONE, "", f"{GONE_SAID}; {SLOW_SAID} during day"),
        ((GONE, NOTHING), RATE_GONE, "", f"{GONE_SAID} during day"),
        ((observed(RATE, 18.0, 5.0, 90.0, 1.0, "moving-average"),), (), "",
         f"{DRIFTED_SAID} during day"),
        ((FAILING,), (), UNNAMED, f"{FAILING_SAID} during day; {UNNAMED}"),
        ((observed(LATENCY, math.inf, 120.0, 198.0),), (), "", f"{ENDLESS_SAID} during day"),
        ((LONGER,), (), "", f"{LONGER_SAID} during day"),
    ],
)  # fmt: skip
def test_a_finding_in_one_sentence(seen, outage, slo, said):
    gone = frozenset(outage)
    ordered = explain.by_share(seen, gone)
    assert explain.summary(ordered, "day", gone, slo) == said


def test_a_period_that_is_the_whole_week_is_worth_no_word():
    assert explain.summary((SLOW,), "") == explain.summary((SLOW,), "day").removesuffix(
        " during day"
    )
    week = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
    assert week.spoken == ""
    assert replace(week, end_minute=1320).spoken == "always"
    assert replace(week, days=(0, 1, 2, 3, 4), name="work_days").spoken == "work days"


@pytest.mark.parametrize("detector", sorted(DETECTORS))
@pytest.mark.parametrize("place", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_what_leads_a_finding_is_never_called_usual(detector, place):
    said = explain.deviation(observed(RATE, 100.0 * place, 0.0, 100.0, 1.0, detector))
    assert "inside" not in said
    assert "within" not in said


def test_every_detector_but_those_of_the_level_says_what_it_compared_with():
    silent = {"seasonal", "level"}
    known = {
        name for name in DETECTORS
        if explain.deviation(observed(RATE, 50.0, 0.0, 100.0, 1.0, name)) != "an unusual pattern"
    }  # fmt: skip
    assert known == set(DETECTORS) - silent


def test_a_long_sentence_keeps_what_the_slo_says():
    long = replace(LATENCY, name="m" * 128)
    said = explain.summary(
        (observed(long, 9.0, 1.0, 2.0, 0.5), observed(replace(long, name="n" * 128), 9, 1, 2, 0.5)),
        "day", slo="the SLO is met",
    )  # fmt: skip
    assert len(said) <= explain.MAX_SUMMARY
    assert said.endswith("; the SLO is met")


def test_a_finding_is_about_the_leading_metric_and_what_else_has_left_its_range():
    weak = observed(RATE, 20.0, 40.0, 60.0, 0.1)
    inside = observed(ERRORS, 0.01, 0.0, 0.02, 0.3)
    assert explain.subject((SLOW, FEW)) == (SLOW, FEW)
    assert explain.subject((SLOW, inside, weak)) == (SLOW,)


def test_where_many_metrics_have_moved_none_is_overlooked():
    many = tuple(replace(FEW, metric=replace(RATE, name=str(k)), share=0.18) for k in range(5))
    assert explain.subject(many) == many
    assert explain.subject(()) == ()


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


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("breached", [True, False])
@pytest.mark.parametrize("outage", [True, False])
def test_every_finding_has_one_to_five_short_actions(role, side, breached, outage):
    actions = recommended(role, side, breached, outage)
    assert any("SLO is breached" in text for text in actions) is breached
    assert 1 <= len(actions) <= 5
    assert len(set(actions)) == len(actions)
    assert all(len(text) <= 80 and text[0].isupper() for text in actions)


RISES = ("more requests", "scale out", "keeps up", "became slow", "slow quer", "more than usual",
         "raised the metric", "roll back", "for errors", "latest errors")  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_a_fall_never_gets_the_advice_for_a_rise(role):
    down = recommended(role, Side.DOWN, breached=False)
    up = set(recommended(role, Side.UP, breached=False))
    assert down[0] not in up
    assert not [text for text in down if any(word in text.lower() for word in RISES)]
    shared = up & set(down)
    assert all(text.startswith("Compare the start time") for text in shared)


def test_when_requests_stop_the_first_question_is_whether_they_arrive():
    actions = recommended(Role.TRAFFIC, Side.DOWN, breached=True, outage=True)
    assert "requests reach the service" in actions[0]
    assert len(actions) == 5


def test_what_is_unusual_inside_its_range_gets_advice_for_neither_side():
    for role in ROLES:
        inside = set(recommended(role, Side.INSIDE, breached=False))
        assert not inside & set(recommended(role, Side.DOWN, breached=False))


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
        (0.24, Unit.SECONDS, "240 ms"),
        (1812.4, Unit.MILLISECONDS, "1.81 s"),
        (0.00003, Unit.SECONDS, "30 µs"),
        (6e7, Unit.BYTES, "60 MB"),
        (12.0, Unit.BYTES, "12 bytes"),
        (0.0, Unit.SECONDS, "0 s"),
        (7.0, Unit.NONE, "7"),
        (math.inf, Unit.SECONDS, "infinite"),
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
