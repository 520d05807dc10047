"""Which pattern a situation has: each of the catalogue is reached, and nothing unknown fits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.detection import WindowVerdict
from detector_runtime.contract.patterns import (
    Circumstance,
    Level,
    LevelCondition,
    PatternSpec,
)
from detector_runtime.contract.placeholders import unknown_placeholders
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Category, Role, Severity, Verdict
from detector_runtime.patterns.assemble import assembled, believed
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.patterns.course import flapping, recovering, rising
from detector_runtime.patterns.match import Match, Situation, Unmet, chosen, match
from detector_runtime.patterns.wording import Words, text
from tests.unit.detector_runtime.patterns.standing_of import METRICS, standing

BY_NAME = {spec.name: spec for spec in CATALOGUE}
SCENARIOS: tuple[tuple[str, dict[str, float], set[Circumstance]], ...] = (
    ("request_rate_surge_healthy", {"rate": 300.0}, set()),
    ("request_rate_surge_degrading", {"rate": 300.0, "latency": 600.0}, set()),
    ("request_rate_surge_failing", {"rate": 300.0, "latency": 600.0, "errors": 0.2}, set()),
    ("request_rate_cliff", {"rate": 5.0}, set()),
    ("reduced_traffic_with_errors", {"rate": 75.0, "latency": 20.0, "errors": 0.03}, set()),
    ("latency_spike_recent", {"latency": 600.0, "database": float("nan")}, set()),
    ("application_latency_bottleneck", {"latency": 600.0}, set()),
    ("error_rate_elevated", {"errors": 0.03}, set()),
    ("error_rate_critical", {"errors": 0.3}, set()),
    ("error_rate_fast_rejection", {"latency": 20.0, "errors": 0.5}, set()),
    ("error_rate_fast_failure", {"latency": 175.0, "errors": 0.03}, set()),
    ("database_latency_degraded", {"database": 0.2}, set()),
    ("database_latency_bottleneck", {"database": 0.5, "latency": 600.0}, set()),
    ("dependency_latency_cascade", {"dependency": 450.0, "latency": 600.0}, set()),
    (
        "upstream_cascade",
        {"dependency": 300.0, "latency": 600.0},
        {Circumstance.DEPENDENCY_ANOMALOUS},
    ),
    (
        "dependency_chain_degradation",
        {"latency": 600.0, "database": float("nan")},
        {Circumstance.CHAIN_DEGRADED},
    ),
    (
        "internal_latency_issue",
        {"latency": 600.0, "database": float("nan")},
        {Circumstance.DEPENDENCIES_HEALTHY},
    ),
    ("gradual_degradation", {"latency": 225.0, "errors": 0.03}, {Circumstance.RISING}),
    ("recovery_in_progress", {"errors": 0.0023}, {Circumstance.RECOVERING}),
)


def first(values: dict[str, float], circumstances: set[Circumstance]) -> str:
    situation = Situation(standing(**values), frozenset(circumstances))
    subject = frozenset(one.metric.name for one in situation.metrics if one.unusual)
    found = chosen(CATALOGUE, situation, subject, 4)
    return found[0].spec.name if found else ""


@pytest.mark.parametrize(("name", "values", "circumstances"), SCENARIOS)
def test_each_fault_has_its_name(
    name: str, values: dict[str, float], circumstances: set[Circumstance]
) -> None:
    assert first(values, circumstances) == name


def test_the_scenarios_reach_the_catalogue_but_for_those_with_tests_of_their_own() -> None:
    reached = {name for name, _, _ in SCENARIOS}
    assert set(BY_NAME) - reached == {
        "flapping_service",
        "error_rate_partial_rejection",
        "suspicious_fast_responses",
    }
    assert not [name for name, count in Counter(one.name for one in CATALOGUE).items() if count > 1]


@pytest.mark.parametrize(
    ("latency", "errors", "name"),
    [
        (Level.LOW, Level.MODERATE, "error_rate_partial_rejection"),
        (Level.VERY_LOW, Level.ELEVATED, "suspicious_fast_responses"),
    ],
)
def test_a_service_on_which_some_errors_are_usual_has_the_names_for_a_few_more(
    latency: Level, errors: Level, name: str
) -> None:
    at = {"latency": latency, "errors": errors}
    metrics = tuple(
        replace(one, level=at.get(one.metric.name, one.level)) for one in standing(errors=0.02)
    )
    found = chosen(CATALOGUE, Situation(metrics), frozenset({"latency"}), 4)
    assert found[0].spec.name == name


def test_dependencies_are_not_healthy_while_calls_to_them_are_slow() -> None:
    graph = frozenset({Circumstance.DEPENDENCIES_HEALTHY})
    assert believed(graph, standing(latency=600.0)) == graph
    assert believed(graph, standing(latency=600.0, dependency=300.0)) == frozenset()


def test_nothing_usual_and_nothing_unknown_has_a_name() -> None:
    assert first({}, set()) == ""
    unknown = {spec.name: float("nan") for spec in METRICS}
    assert first(unknown, set(Circumstance)) == ""


def test_a_pattern_says_which_condition_failed_and_by_how_much() -> None:
    found = match(BY_NAME["database_latency_bottleneck"], Situation(standing(latency=215.0)))
    assert isinstance(found, Unmet)
    assert found.reasons == (
        "database is Normal (50 ms), wanted High or VeryHigh: above 58 ms",
        "latency is Elevated (215 ms), wanted High or VeryHigh: above 220 ms",
        "DatabaseLatency / Latency is 23%, wanted more than 70%",
    )


def test_the_name_with_the_most_conditions_comes_first() -> None:
    """Requests that are rejected at once while others no longer come are more than a rejection."""
    values = {"rate": 75.0, "latency": 20.0, "errors": 0.4}
    assert first(values, set()) == "reduced_traffic_with_errors"


def test_a_pattern_that_explains_nothing_new_is_left_out() -> None:
    situation = Situation(standing(database=0.5, latency=600.0))
    found = chosen(CATALOGUE, situation, frozenset({"latency"}), 4)
    assert [one.spec.name for one in found] == ["database_latency_bottleneck"]
    assert set(found[0].explains) == {"database", "latency"}
    assert found[0].ratio == pytest.approx(0.5 / 0.6)


def test_what_the_deviation_is_about_comes_first() -> None:
    situation = Situation(standing(rate=5.0, database=0.2))
    found = chosen(CATALOGUE, situation, frozenset({"database"}), 4)
    assert [one.spec.name for one in found] == ["database_latency_degraded", "request_rate_cliff"]


OWN = PatternSpec(
    "queue_backlog",
    Severity.HIGH,
    (LevelCondition((Level.VERY_HIGH,), metric="rate"),),
    message="{rate} are waiting",
)


def test_a_users_pattern_is_added_before_the_catalogue_and_replaces_in_place() -> None:
    other = PatternSpec("request_rate_cliff", Severity.LOW)
    found = assembled((OWN, other), ("error_rate_critical",))
    names = [one.name for one in found]
    assert names[0] == "queue_backlog"
    assert names[1:] == [one.name for one in CATALOGUE]
    by_name = {one.name: one for one in found}
    assert by_name["request_rate_cliff"] == other
    assert not by_name["error_rate_critical"].alerting
    assert by_name["error_rate_elevated"].alerting


def lacks(spec: str, **values: float) -> tuple[str, ...]:
    found = match(BY_NAME[spec], Situation(standing(**values), frozenset()))
    assert isinstance(found, Unmet)
    return found.reasons


def test_what_is_lacking_is_a_border_that_the_value_does_not_pass() -> None:
    """Errors have a share below which they are never very high, whatever is usual."""
    (reason,) = (one for one in lacks("error_rate_critical", errors=0.03) if "VeryHigh" in one)
    assert reason == "errors is High (3%), wanted VeryHigh: above 5%"


def test_a_value_beyond_the_border_that_is_not_the_level_yet_says_why() -> None:
    once = tuple(
        replace(one, level=Level.NORMAL) if one.metric.name == "latency" else one
        for one in standing(latency=900.0)
    )
    slow = LevelCondition((Level.VERY_HIGH,), metric="latency")
    found = match(PatternSpec("x", Severity.LOW, (slow,)), Situation(once, frozenset()))
    assert isinstance(found, Unmet)
    (reason,) = found.reasons
    assert reason.endswith(" in more windows than this one")


WORDS = Words(standing(latency=636.0, database=0.5), Category.BUSINESS_CRITICAL, "weekday evenings")


def test_a_text_has_the_figures_in_the_units_of_people() -> None:
    spec = BY_NAME["database_latency_bottleneck"]
    said = text(Match(spec, ("database", "latency"), 0.71), WORDS)
    assert said.summary == (
        "The database makes requests slow: they take 636 ms, usually 170 to 230 ms during weekday "
        "evenings; 71% of it is database time"
    )
    assert said.impact == "Customers wait 3.2x as long"
    assert said.actions[0] == "Check the database for slow queries and lock waits"


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda one: one.name)
def test_a_text_without_a_period_is_the_same_without_its_word(spec: PatternSpec) -> None:
    found = Match(spec, ("database", "latency"), 0.71)
    with_period, without = text(found, WORDS), text(found, replace(WORDS, period=""))
    assert without.summary == with_period.summary.replace(" during weekday evenings", "")
    assert (without.impact, without.actions) == (with_period.impact, with_period.actions)


def test_a_word_that_is_empty_leaves_no_blank() -> None:
    spec = PatternSpec("x", Severity.LOW, message="{when} it takes {latency} {when}, {when} long")
    said = text(Match(spec, ("latency",)), replace(WORDS, period="")).summary
    assert said == "It takes 636 ms, long"


def test_a_clause_or_an_action_without_its_figure_is_left_out() -> None:
    found = text(Match(BY_NAME["upstream_cascade"], ("latency",)), WORDS)
    assert "{" not in found.summary + found.impact + "".join(found.actions)
    assert found.actions == ("Check timeouts, retries and connection pools for calls to it",)


def test_a_placeholder_that_names_nothing_is_told() -> None:
    spec = PatternSpec("x", Severity.LOW, message="{latency} {queue.usual} {nonsense}")
    assert unknown_placeholders(spec, frozenset({"queue"})) == ("nonsense",)
    assert not [one.name for one in CATALOGUE if unknown_placeholders(one, frozenset())]


def rows(count: int) -> np.ndarray:
    return np.tile(np.array([100.0, 200.0, 0.002, 60.0, 0.05]), (count, 1))


def test_a_slow_rise_of_latency_and_errors_is_rising_and_a_jump_is_not() -> None:
    slow = rows(60)
    slow[:, 1] += np.linspace(0, 200, 60)
    assert not rising(METRICS, slow, 120)
    slow[:, 2] += np.linspace(0, 0.02, 60)
    assert rising(METRICS, slow, 120)
    jump = rows(60)
    jump[40:, 1], jump[40:, 2] = 500.0, 0.05
    assert not rising(METRICS, jump, 120)


def test_errors_that_were_high_and_fall_are_a_recovery() -> None:
    falling = rows(10)
    falling[:, 2] = [0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.2, 0.1, 0.05, 0.02]
    assert recovering(standing(errors=0.02), falling)
    never_high = rows(10)
    never_high[:, 2] = np.linspace(0.002, 0.0005, 10)
    assert not recovering(standing(), never_high)
    falling[-1, 2] = 0.2
    assert not recovering(standing(errors=0.2), falling)


@pytest.mark.parametrize(("every", "expected"), [(10, True), (40, False)])
def test_a_service_that_keeps_changing_flaps(every: int, expected: bool) -> None:
    step, end = 120, 1_700_000_040
    bad = [end - step * n for n in range(60) if n % every < 3]
    windows = [WindowVerdict(iso(at), Verdict.ANOMALOUS) for at in bad]
    assert flapping(windows, end, step) is expected


def test_flapping_names_a_deviation_that_nothing_else_explains() -> None:
    spec = BY_NAME["flapping_service"]
    situation = Situation(standing(database=0.2), frozenset({Circumstance.FLAPPING}))
    found = match(spec, situation)
    assert isinstance(found, Match)
    assert found.explains == ("database",)
    assert Role.TRAFFIC in {one.role for one in BY_NAME["request_rate_cliff"].when}
