"""Burn rates and tiers: each figure of the table decides something."""

from __future__ import annotations

import math

import pytest

from detector_runtime.contract.objectives import TIERS, TierName, over, scaled, window_text
from detector_runtime.objectives.burn import (
    Events,
    budget_left,
    burning,
    events_of,
    smoulders,
    undecided,
)
from loopback.events import objective

HOUR, DAY = 3600, 86_400


def events(rate: float, total: float = 1e6) -> Events:
    """Of a window that burns at `rate` for a target of 99.9 %."""
    return Events(rate * 0.001 * total, total, rate * 0.001)


TABLE = {
    TierName.PAGE_FAST: (14.4, HOUR, 300),
    TierName.PAGE_SLOW: (6.0, 6 * HOUR, 1800),
    TierName.TICKET_FAST: (3.0, DAY, 2 * HOUR),
    TierName.TICKET_SLOW: (1.0, 3 * DAY, 6 * HOUR),
}
"""As the SRE workbook has it, written down apart from the code."""


@pytest.mark.parametrize("name", TABLE)
def test_a_tier_burns_from_its_factor_on_over_both_of_its_windows(name):
    factor, long, short = TABLE[name]
    spec = objective(tiers=tuple(tier for tier in TIERS if tier.name is name))
    above, below = events(factor * 1.001), events(factor * 0.999)
    burn = burning(spec, {long: above, short: above})
    assert burn is not None
    assert (burn.tier.name, burn.long) == (name, pytest.approx(factor * 1.001))
    assert burning(spec, {long: below, short: above}) is None
    assert burning(spec, {long: above, short: below}) is None


def test_the_most_urgent_tier_that_burns_is_the_one_that_is_told():
    windows = {
        seconds: events(20) for tier in TIERS for seconds in (tier.long_seconds, tier.short_seconds)
    }
    burn = burning(objective(), windows)
    assert burn is not None
    assert burn.tier.name is TierName.PAGE_FAST
    windows[HOUR] = events(7)
    slower = burning(objective(), windows)
    assert slower is not None
    assert slower.tier.name is TierName.PAGE_SLOW


def test_few_bad_events_burn_nothing_however_high_their_rate():
    windows = {HOUR: Events(9, 20, 0.45), 300: Events(2, 4, 0.5)}
    assert burning(objective(), windows) is None
    windows[HOUR] = Events(10, 20, 0.5)
    assert burning(objective(), windows) is not None
    assert burning(objective(min_bad_events=11.0), windows) is None


def test_what_is_not_known_burns_nothing_and_is_undecided():
    spec = objective(tiers=TIERS[:1])
    assert burning(spec, {300: events(20), HOUR: None}) is None
    assert undecided(spec, {300: events(20), HOUR: None})
    assert undecided(spec, {300: events(20)}), "the long window has not been asked for"
    assert undecided(spec, {300: None})
    assert not undecided(spec, {300: events(1)})
    assert not undecided(spec, {300: events(20), HOUR: events(20)})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"errors": 2.0, "total": 1000.0}, Events(2, 1000, 0.002)),
        ({"errors": 0.0, "total": 0.0}, Events(0, 0, 0)),
        ({"errors": math.nan, "total": 10.0}, Events(0, 10, 0)),
        ({"errors": 12.0, "total": 10.0}, Events(10, 10, 1)),
        ({"errors": None, "total": 10.0}, None),
        ({"errors": 1.0, "total": None}, None),
        ({"errors": math.inf, "total": 10.0}, None),
    ],
)
def test_missing_is_not_zero_and_nothing_of_nothing_is_not_missing(values, expected):
    assert events_of(objective(), values) == expected


def test_good_events_count_the_other_way_round():
    spec = objective(errors="", good="g[$(window)]")
    assert events_of(spec, {"good": 990.0, "total": 1000.0}) == Events(10, 1000, 0.01)
    assert events_of(spec, {"good": 1001.0, "total": 1000.0}) == Events(0, 1000, 0)


def test_a_ratio_has_no_number_of_events_to_be_too_few():
    spec = objective(errors="", total="", error_ratio="r[$(window)]")
    found = events_of(spec, {"errorRatio": 0.02})
    assert found is not None
    assert (found.ratio, math.isnan(found.bad)) == (0.02, True)
    assert burning(spec, {300: found, HOUR: found}) is not None
    nothing = events_of(spec, {"errorRatio": math.nan})
    assert nothing is not None
    assert nothing.ratio == 0


def test_the_budget_is_what_the_target_allows():
    assert budget_left(objective(), events(0.25)) == pytest.approx(0.75)
    assert budget_left(objective(), events(1.5)) == pytest.approx(-0.5)
    assert budget_left(objective(), Events(0, 0, 0)) == 1


@pytest.mark.parametrize(
    ("days", "windows"),
    [
        (30, [(3600, 300), (21600, 1800), (86400, 7200), (259200, 21600)]),
        (7, [(840, 300), (5040, 420), (20160, 1680), (60480, 5040)]),
        (90, [(10800, 900), (64800, 5400), (259200, 21600), (777600, 64800)]),
    ],
)
def test_windows_are_scaled_and_stay_long_enough_for_a_rate(days, windows):
    found = [scaled(tier, days * DAY) for tier in TIERS]
    assert [(one.long_seconds, one.short_seconds) for one in found] == windows
    assert [one.factor for one in found] == [14.4, 6.0, 3.0, 1.0]


def test_a_window_is_written_in_one_unit():
    assert [window_text(s) for s in (300, 5040, 7200, 3 * DAY, 61)] == [
        "5m",
        "84m",
        "2h",
        "3d",
        "61s",
    ]
    assert over("x[$(window)] * $(windowSeconds)", 300) == "x[5m] * 300"


def test_only_a_short_window_at_the_factor_is_worth_a_long_query():
    tier = TIERS[0]
    assert smoulders(objective(), tier, {300: events(14.4001)})
    assert not smoulders(objective(), tier, {300: events(14.39)})
    assert not smoulders(objective(), tier, {300: None})
