"""`spec.detector.members` and `vote` as values, and what admission cannot see."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.members import (
    MAJORITY,
    MemberName,
    MemberSpec,
    MemberWeight,
    VoteRule,
    VoteSpec,
)
from detector_runtime.contract.run_config import DetectorSpec

PRESET = {"preset": "OpenTelemetrySpanMetrics"}
ONE = {"metrics": [{"name": "lag", "query": "max(lag)"}]}


def detector(**fields: Any) -> DetectorSpec:
    found, problems = parse_service({**PRESET, "detector": fields})
    assert found is not None, problems
    return found.detector


def complaint(base: dict[str, Any] | None = None, **fields: Any) -> str:
    found, problems = parse_service({**(base or PRESET), "detector": fields})
    assert found is None
    return "; ".join(f"{one.field} {one.message}" for one in problems)


@pytest.mark.parametrize("members", [{}, {"members": [{"name": "Auto"}]}], ids=["absent", "Auto"])
def test_auto_is_no_list(members: dict[str, Any]) -> None:
    assert detector(**members).members == ()
    assert detector(**members).vote == MAJORITY


def test_members_get_the_textbook_parameters() -> None:
    found = detector(
        members=[{"name": "IsolationForest"}, {"name": "LocalOutlierFactor"}, {"name": "ZScore"}]
    )
    assert [one.name.value for one in found.members] == [
        "IsolationForest",
        "LocalOutlierFactor",
        "ZScore",
    ]
    forest, factor, score = found.members
    assert (forest.trees, forest.contamination) == (200, 0.05)
    assert (factor.neighbours, factor.contamination, factor.references) == (20, 0.05, 2000)
    assert score.threshold == 3.0
    assert found.vote.rule is VoteRule.MAJORITY


def test_parameters_and_weights_are_read() -> None:
    found = detector(
        members=[{"name": "ZScore", "threshold": "2.5"}, {"name": "Seasonal"}],
        vote={"rule": "Weighted", "weights": {"ZScore": "2"}, "threshold": "60%"},
    )
    assert found.members == (
        MemberSpec(MemberName.Z_SCORE, threshold=2.5),
        MemberSpec(MemberName.SEASONAL),
    )
    weights = (MemberWeight(MemberName.Z_SCORE, 2.0),)
    assert found.vote == VoteSpec(VoteRule.WEIGHTED, weights, 0.6)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"members": [{"name": "Auto"}, {"name": "ZScore"}]}, "write it alone"),
        ({"members": [{"name": "Nobody"}]}, "spec.detector.members[0].name"),
        ({"members": [{"name": "ZScore"}, {"name": "ZScore"}]}, "ZScore is listed twice"),
        ({"members": [{"name": "ZScore", "trees": 9}]}, "trees is no parameter of ZScore"),
        ({"members": [{"name": "ZScore", "threshold": "0"}]}, "0 is not above 0"),
        (
            {"members": [{"name": "LocalOutlierFactor", "neighbours": 50, "references": 200}]},
            "200 is too few for 50 neighbours",
        ),
        ({"vote": {"rule": "Any"}}, "members is Auto; name the members"),
        (
            {"members": [{"name": "ZScore"}], "vote": {"weights": {"ZScore": "2"}}},
            "counts only with rule Weighted, and rule is Majority",
        ),
        (
            {
                "members": [{"name": "ZScore"}],
                "vote": {"rule": "Weighted", "weights": {"Level": "2"}},
            },
            "is no member; the members are ZScore",
        ),
        (
            {
                "members": [{"name": "ZScore"}],
                "vote": {"rule": "Weighted", "weights": {"ZScore": "0"}},
            },
            "is not a weight above 0 and at most 100",
        ),
        (
            {"members": [{"name": "ZScore"}], "vote": {"rule": "Weighted", "threshold": "0%"}},
            "0% is not above 0% and at most 100%",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused(fields: dict[str, Any], words: str) -> None:
    assert words in complaint(**fields)


def test_members_that_compare_metrics_need_more_than_one() -> None:
    said = complaint(ONE, members=[{"name": "JointForest"}, {"name": "Mahalanobis"}])
    assert "spec.detector.members JointForest, Mahalanobis compare several metrics" in said
    found, _ = parse_service(
        {**ONE, "detector": {"members": [{"name": "JointForest"}, {"name": "ZScore"}]}}
    )
    assert found is not None
