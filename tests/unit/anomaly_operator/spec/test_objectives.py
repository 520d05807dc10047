"""`spec.objectives` of an SLOPolicy as values, and what is refused with which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.spec.policy_parse import parse_policy
from detector_runtime.contract.objectives import (
    TIERS,
    ObjectiveSpec,
    ObjectiveType,
    TierName,
    scaled,
)
from detector_runtime.contract.vocabulary import Severity

ERRORS, TOTAL = "sum(errors[$(window)])", "sum(total[$(window)])"
RATIO = {"ratio": {"errors": ERRORS, "total": TOTAL}}


def objective(**fields: Any) -> dict[str, Any]:
    return {"name": "availability", "target": "99.9%", "indicator": RATIO, **fields}


def parsed(*objectives: dict[str, Any]) -> tuple[ObjectiveSpec, ...]:
    spec, problems = parse_policy({"objectives": list(objectives)})
    assert problems == ()
    assert spec is not None
    return spec.objectives


def test_what_is_left_out_has_its_default() -> None:
    assert parsed(objective()) == (
        ObjectiveSpec(
            name="availability",
            type=ObjectiveType.AVAILABILITY,
            target=0.999,
            window_seconds=30 * 86_400,
            tiers=TIERS,
            min_bad_events=10.0,
            errors=ERRORS,
            total=TOTAL,
        ),
    )


def test_good_events_and_a_ratio_are_taken_as_they_are() -> None:
    good, ratio = parsed(
        objective(name="good", indicator={"ratio": {"good": ERRORS, "total": TOTAL}}),
        objective(name="ratio", type="Latency", indicator={"errorRatio": ERRORS}),
    )
    assert (good.good, good.errors, good.total) == (ERRORS, "", TOTAL)
    assert (ratio.error_ratio, ratio.total, ratio.type) == (ERRORS, "", ObjectiveType.LATENCY)


def test_tiers_are_scaled_switched_off_and_given_another_severity() -> None:
    (found,) = parsed(
        objective(
            window="7d",
            minBadEvents="3",
            tiers={"pageSlow": {"enabled": False}, "ticketSlow": {"severity": "Medium"}},
        )
    )
    week = {tier.name: scaled(tier, 7 * 86_400) for tier in TIERS}
    assert found.tiers == (
        week[TierName.PAGE_FAST],
        week[TierName.TICKET_FAST],
        replace(week[TierName.TICKET_SLOW], severity=Severity.MEDIUM),
    )
    assert found.min_bad_events == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": "0.999%"}, "target: is 0.999%; write a percentage from 50%"),
        ({"target": "100%"}, "target: is 100%; write a percentage from 50%"),
        ({"target": None}, "target: is missing; write a percentage"),
        ({"window": "6d"}, "window: is 6d; write whole days, 7d to 90d"),
        ({"window": "91d"}, "window: is 91d; write whole days"),
        ({"window": "10d1h"}, "window: is 10d1h; write whole days"),
        ({"name": ""}, "name: required"),
        ({"minBadEvents": "-1"}, "minBadEvents: is -1, at least 0 is allowed"),
        ({"indicator": {}}, "indicator: needs one of ratio and errorRatio"),
        ({"indicator": {**RATIO, "errorRatio": ERRORS}}, "indicator: needs one of"),
        ({"indicator": {"ratio": {"total": TOTAL}}}, "ratio: needs one of errors and good"),
        (
            {"indicator": {"ratio": {"errors": ERRORS, "good": ERRORS, "total": TOTAL}}},
            "ratio: needs one of errors and good",
        ),
        ({"indicator": {"ratio": {"errors": ERRORS}}}, "ratio.total: required"),
        (
            {"indicator": {"ratio": {"errors": "sum(e[5m])", "total": TOTAL}}},
            "ratio.errors: does not use $(window); write [$(window)] for its range",
        ),
        (
            {"indicator": {"errorRatio": "x" * 2048 + ERRORS}},
            "indicator.errorRatio: has 2070 characters, at most 2048 fit",
        ),
        ({"tiers": {"pageFast": {"severity": "Page"}}}, "'Page' is none of"),
    ],
)
def test_what_cannot_be_used_is_refused_with_field_and_value(changed, said) -> None:
    spec, problems = parse_policy({"objectives": [objective(**changed)]})
    assert spec is None
    assert said in str(problems[0])
    assert str(problems[0]).startswith("spec.objectives[0]")


def test_too_many_and_two_of_a_name_are_refused() -> None:
    many = [objective(name=f"o{number}") for number in range(9)]
    _, problems = parse_policy({"objectives": many})
    assert str(problems[0]) == "spec.objectives: has 9, at most 8 fit"
    assert problems[0].reason is Reason.INVALID_OBJECTIVES
    _, problems = parse_policy({"objectives": [objective(), objective()]})
    assert str(problems[0]) == "spec.objectives: availability stands there twice; rename one"
