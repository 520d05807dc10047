"""What is asked of the source when, and what becomes of its answers and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.objectives import (
    ObjectiveReport,
    ObjectiveSpec,
    ObjectiveState,
    ObjectiveType,
    TierName,
)
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.errors import QueryInvalidError, SourceUnavailableError
from detector_runtime.objectives.evaluate import Evaluated, Windows, evaluate
from loopback.events import Counted, objective

NOW = 1_780_000_020 // 60 * 60
THREE = (
    objective(),
    objective("fast", type=ObjectiveType.LATENCY, target=0.99),
    objective("checkout", window=7 * 86_400),
)


def quiet(name: str, side: str, window: str, at: int) -> float | None:
    return 1e6 if side == "total" else 100.0


def burning(name: str, side: str, window: str, at: int) -> float | None:
    """2 % of all events fail in every window but the budget's."""
    if side == "total":
        return 1e6
    return 400.0 if window in {"30d", "7d"} else 20_000.0


def once(
    source: Counted,
    objectives: tuple[ObjectiveSpec, ...] = THREE,
    before: tuple[ObjectiveReport, ...] = (),
    now: int = NOW,
    windows: int = 1,
) -> Evaluated:
    return evaluate(objectives, before, Windows(now - windows * 60, now, 60), lambda: source)


def states(found: Evaluated) -> list[str]:
    return [one.state.value for one in found.reports]


def test_a_quiet_run_is_one_request_for_all_objectives_and_short_windows():
    source = Counted(quiet)
    first = once(source)
    assert source.windows == [{"5m", "30m", "2h", "6h", "30d", "7m", "28m", "84m", "7d"}]
    assert states(first) == ["Ok"] * 3
    assert [one.budget_left for one in first.reports] == ["90%", "99%", "90%"]
    assert first.burns == {}
    second = once(source, before=first.reports, now=NOW + 60)
    assert source.windows[1:] == [{"5m", "30m", "2h", "6h", "7m", "28m", "84m"}]
    assert [one.budget_left for one in second.reports] == ["90%", "99%", "90%"], "carried"
    assert second.reports[0].since == iso(NOW)


def test_each_query_stands_in_the_request_with_its_window_and_on_lines_of_its_own():
    source = Counted(quiet)
    once(source, (objective(errors="sum(a[$(window)]) # all"),))
    assert "\nsum(a[5m]) # all\n, " in source.asked[0]
    assert source.asked[0].count("label_replace(") == 10


def test_a_long_window_is_asked_for_while_its_short_one_burns():
    source = Counted(burning)
    found = once(source, THREE[:1])
    assert source.windows[1] == {"1h", "1d", "3d"}, "6h is a short window too"
    report = found.reports[0]
    assert (report.state, report.tier, report.severity) == (
        ObjectiveState.BURNING,
        TierName.PAGE_FAST,
        Severity.CRITICAL,
    )
    assert report.explanation == (
        "availability: 20000 events (2%) failed in the last 1h, 20x what the target of 99.9% "
        "allows; PageFast burns from 14.4x over 1h and 5m; 60% of the error budget for 30d is left"
    )
    burn = found.burns[NOW][0]
    assert (burn.tier.name, burn.budget_left) == (TierName.PAGE_FAST, pytest.approx(0.6))
    source.asked.clear()
    again = once(source, THREE[:1], found.reports, NOW + 60)
    assert len(source.asked) == 1, "it is known before that the long windows are wanted"
    assert again.reports[0].since == iso(NOW)
    source.count = quiet
    over = once(source, THREE[:1], again.reports, NOW + 120)
    assert (states(over), over.reports[0].tier) == (["Ok"], None)
    assert over.reports[0].since == iso(NOW + 120)


def test_a_day_with_an_hour_of_fire_takes_at_most_one_request_a_minute():
    """Three objectives, all tiers, an hourly budget, a run a minute."""
    source = Counted(
        lambda *asked: (burning if 600 <= asked[3] // 60 % 1440 < 660 else quiet)(*asked)
    )
    reports: tuple[ObjectiveReport, ...] = ()
    burnt = 0
    for minute in range(1440):
        found = once(source, before=reports, now=NOW + 60 * minute)
        reports, burnt = found.reports, burnt + bool(found.burns)
    assert burnt == 60
    assert len(source.asked) <= 1440 + 4, "one more when the short windows begin to burn"
    budgets = [asked for asked in source.windows if "30d" in asked]
    assert len(budgets) == 24


def test_a_run_that_catches_up_finds_the_burn_in_each_of_its_windows():
    source = Counted(lambda *asked: (burning if asked[3] <= NOW - 120 else quiet)(*asked))
    found = once(source, windows=5)
    assert sorted(found.burns) == [NOW - 240, NOW - 180, NOW - 120]
    assert states(found) == ["Ok"] * 3
    assert len(source.asked) == 3, "the budget is for the newest window alone"


def test_missing_events_are_inconclusive_and_leave_the_budget_alone():
    source = Counted(quiet)
    first = once(source, THREE[:1])
    source.count = lambda name, side, window, at: None if side == "errors" else 1e6
    second = once(source, THREE[:1], first.reports, NOW + 3600)
    report = second.reports[0]
    assert (report.state, report.budget_left) == (ObjectiveState.INCONCLUSIVE, "90%")
    assert report.explanation == (
        "availability: no value for errors over 5m; the budget is left as it was. If no event has "
        "failed yet, append `or vector(0)` to the query"
    )
    assert report.budget_due == iso(NOW + 7200), "the next try is in an hour"


def test_a_used_up_budget_is_said_once_nothing_burns():
    source = Counted(
        lambda n, side, window, at: 1e6 if side == "total" else 1200.0 if window == "30d" else 0.0
    )
    report = once(source, THREE[:1]).reports[0]
    assert (report.state, report.budget_left) == (ObjectiveState.EXHAUSTED, "-20%")
    assert report.explanation == (
        "availability: the error budget for 30d is used up (120% of it), target 99.9%; nothing "
        "burns now"
    )


def refuse_fast(query: str) -> QueryInvalidError | None:
    return QueryInvalidError("objectives: parse error") if "fast" in query else None


def test_a_query_that_is_refused_takes_no_other_objective_with_it():
    source = Counted(quiet, refuse_fast)
    first = once(source)
    assert states(first) == ["Ok", "Inconclusive", "Ok"]
    assert first.reports[1].explanation == "fast: objectives: parse error"
    assert [one.budget_left for one in first.reports] == ["90%", "", "90%"]
    asked = len(source.asked)
    second = once(source, before=first.reports, now=NOW + 60)
    assert (states(second), len(source.asked)) == (["Ok", "Inconclusive", "Ok"], asked + 1)
    mended = replace(THREE[1], errors="sum(increase(slow[$(window)]))", total="sum(x[$(window)])")
    source.refuse = lambda query: None
    third = once(source, (THREE[0], mended, THREE[2]), second.reports, NOW + 120)
    assert states(third) == ["Ok"] * 3, "an edited query is asked at once"


def test_a_budget_that_the_source_cannot_count_keeps_no_tier_from_burning():
    def too_long(query: str) -> QueryInvalidError | None:
        return QueryInvalidError("too many samples") if "[30d]" in query else None

    source = Counted(burning, too_long)
    found = once(source, THREE[:1])
    assert states(found) == ["Burning"]
    source.count = quiet
    report = once(source, THREE[:1], found.reports, NOW + 3600).reports[0]
    assert (report.state, report.budget_left) == (ObjectiveState.OK, "")
    assert report.explanation == "availability: the budget is not known: too many samples"
    source.asked.clear()
    carried = once(source, THREE[:1], (report,), NOW + 3660).reports[0]
    assert (carried.explanation, len(source.asked)) == (report.explanation, 1)


def test_a_budget_that_takes_too_long_spoils_one_run_and_no_more() -> None:
    """The request that holds it uses up the time of the run."""
    late = False

    def slow(query: str) -> SourceUnavailableError | None:
        nonlocal late
        late = late or "[30d]" in query
        return SourceUnavailableError("timed out") if late else None

    source = Counted(quiet, slow)
    found = once(source, THREE[:1])
    assert states(found) == ["Inconclusive"]
    asked = 0
    for minute in range(1, 61):
        late = False
        source.asked.clear()
        found = once(source, THREE[:1], found.reports, NOW + 60 * minute)
        assert states(found) == ["Ok"]
        asked += len(source.asked)
    assert asked == 61, "it is asked for once more, after the others"


def test_an_outage_of_the_source_is_said_and_the_next_run_asks_again():
    source = Counted(quiet, lambda query: SourceUnavailableError("source 'default': refused"))
    first = once(source)
    assert states(first) == ["Inconclusive"] * 3
    assert first.reports[0].explanation == "availability: source 'default': refused"
    source.refuse = lambda query: None
    second = once(source, before=first.reports, now=NOW + 60)
    assert states(second) == ["Ok"] * 3
    assert second.reports[0].budget_left == ""
    third = once(source, before=second.reports, now=NOW + 600)
    assert third.reports[0].budget_left == "90%"


def test_another_target_or_query_starts_from_nothing():
    source = Counted(quiet)
    first = once(source, THREE[:1])
    changed = replace(THREE[0], target=0.9995)
    second = once(source, (changed,), first.reports, NOW + 60)
    assert "30d" in source.windows[1]
    assert second.reports[0].budget_left == "80%"


def test_tiers_that_are_off_are_not_asked_for():
    source = Counted(burning)
    spec = objective(tiers=())
    report = once(source, (spec,)).reports[0]
    assert source.windows == [{"30d"}]
    assert (report.state, report.budget_left) == (ObjectiveState.OK, "60%")


def test_a_report_comes_back_from_json_as_it_was():
    report = once(Counted(burning), THREE[:1]).reports[0]
    assert decode(ObjectiveReport, encode(report)) == report
