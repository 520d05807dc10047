"""Points of an incident: bounded, adding up, and never lower for something worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.incidents.playbook import DEFAULT_TIERS, Entry, Playbook, Tier
from anomaly_operator.incidents.priority import (
    DEFAULT_WEIGHTS,
    FULL,
    BudgetFact,
    Facts,
    Part,
    levels,
    priority,
    scaled,
)
from detector_runtime.contract.objectives import ObjectiveState, TierName
from detector_runtime.contract.vocabulary import Category, Severity, SLOStatus

QUIET = Facts(Severity.INFORMATIONAL, Category.BACKGROUND, duration=120)
WORST = Facts(
    Severity.CRITICAL,
    Category.BUSINESS_CRITICAL,
    duration=86_400,
    slo=SLOStatus.BREACHED,
    budget=BudgetFact(ObjectiveState.BURNING, TierName.PAGE_FAST),
    symptoms=20,
    confidence=100.0,
    busy=True,
    model_age=3_600,
)
budgets = st.none() | st.builds(
    BudgetFact, st.sampled_from(ObjectiveState), st.none() | st.sampled_from(TierName)
)
facts = st.builds(
    Facts,
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    duration=st.integers(0, 10**7),
    slo=st.sampled_from(SLOStatus),
    budget=budgets,
    symptoms=st.integers(0, 10_000),
    confidence=st.none() | st.floats(-10, 110),
    busy=st.booleans(),
    model_age=st.none() | st.integers(-100, 10**8),
)
weights = st.dictionaries(st.sampled_from(Part), st.integers(0, 100), min_size=1).filter(
    lambda found: sum(found.values()) > 0
)


def value(found: Facts, given_weights: Any = DEFAULT_WEIGHTS) -> int:
    return sum(one.points for one in priority(found, given_weights))


def test_the_default_weights_are_points() -> None:
    assert scaled(DEFAULT_WEIGHTS) == dict(DEFAULT_WEIGHTS)


def test_the_worst_incident_has_all_points_and_a_quiet_one_has_few() -> None:
    assert value(WORST) == FULL
    # A tenth of the severity and half of the context.
    assert value(QUIET) == 4 + 3


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Facts(Severity.HIGH, Category.STANDARD, 600), 28 + 5 + 3),
        (Facts(Severity.HIGH, Category.STANDARD, 600, slo=SLOStatus.BREACHED), 28 + 15 + 5 + 3),
        (
            Facts(Severity.HIGH, Category.CORE, 3_600, symptoms=3, confidence=87.5),
            28 + 4 + 3 + 8 + 8 + 3,
        ),
        (Facts(Severity.MEDIUM, Category.STANDARD, 600, model_age=15 * 86_400), 19 + 5 + 1),
        (Facts(Severity.MEDIUM, Category.STANDARD, 600, busy=True), 19 + 5 + 5),
        (
            Facts(
                Severity.MEDIUM,
                Category.STANDARD,
                600,
                budget=BudgetFact(ObjectiveState.EXHAUSTED),
            ),
            19 + 6 + 5 + 3,
        ),
    ],
)
def test_a_table_of_incidents(found: Facts, expected: int) -> None:
    assert value(found) == expected


@given(facts, weights)
def test_it_is_bounded_and_no_part_exceeds_its_weight(
    found: Facts, given_weights: dict[Part, int]
) -> None:
    most = scaled(given_weights)
    assert sum(most.values()) == FULL
    parts = priority(found, given_weights)
    assert all(0 <= one.points <= most[one.name] for one in parts)
    assert 0 <= sum(one.points for one in parts) <= FULL
    assert len({one.name for one in parts}) == len(parts)


@given(facts, weights)
def test_a_higher_severity_is_never_less_urgent(
    found: Facts, given_weights: dict[Part, int]
) -> None:
    ranked = sorted(Severity, key=lambda one: one.rank)
    values = [value(replace(found, severity=one), given_weights) for one in ranked]
    assert values == sorted(values)


@given(facts, weights)
def test_a_worse_slo_is_never_less_urgent(found: Facts, given_weights: dict[Part, int]) -> None:
    ranked = (SLOStatus.OK, SLOStatus.ELEVATED, SLOStatus.WARNING, SLOStatus.BREACHED)
    values = [value(replace(found, slo=one), given_weights) for one in ranked]
    assert values == sorted(values)


@given(facts, st.integers(0, 10**7), st.integers(0, 10_000))
def test_more_symptoms_and_a_longer_duration_are_never_less_urgent(
    found: Facts, longer: int, more: int
) -> None:
    worse = replace(found, duration=found.duration + longer, symptoms=found.symptoms + more)
    assert value(worse) >= value(found)


@given(facts)
def test_what_is_not_known_has_no_part(found: Facts) -> None:
    known = levels(found)
    assert (Part.SLO in known) == (found.slo is not SLOStatus.UNKNOWN)
    assert (Part.CONFIDENCE in known) == (found.confidence is not None)
    told = found.budget is not None and found.budget.state is not ObjectiveState.INCONCLUSIVE
    assert (Part.BUDGET in known) == told


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one weight"):
        scaled(dict.fromkeys(Part, 0))


TIERS = Playbook(tiers=(Tier("A", 60, Entry.CONTAIN), Tier("B", 20), Tier("C", 0)), stated=True)


@pytest.mark.parametrize(
    ("reached", "before", "expected"),
    [
        (60, "", "A"),
        (59, "", "B"),
        (60, "B", "A"),
        (56, "A", "A"),
        (55, "A", "B"),
        (10, "A", "C"),
        (16, "B", "B"),
        (15, "B", "C"),
        (40, "of an older playbook", "B"),
    ],
)
def test_a_tier_rises_at_once_and_falls_with_a_margin(
    reached: int, before: str, expected: str
) -> None:
    assert TIERS.tier(reached, before).name == expected


@given(st.integers(0, 100), st.integers(-2, 2))
def test_a_value_that_trembles_does_not_flip_the_tier(start: int, tremble: int) -> None:
    playbook = Playbook()
    first = playbook.tier(start)
    wobbled = playbook.tier(min(max(start + tremble, 0), 100), first.name)
    again = playbook.tier(start, wobbled.name)
    assert playbook.tier(min(max(start + tremble, 0), 100), again.name) == again


def test_the_default_tiers_cover_every_value() -> None:
    assert DEFAULT_TIERS[-1].begins == 0
    assert [one.begins for one in DEFAULT_TIERS] == sorted(
        (one.begins for one in DEFAULT_TIERS), reverse=True
    )
