"""The playbook of a policy: what is read, and what an object from before the schema is told."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.incidents.playbook import DEFAULT_TIERS, Entry, Playbook, Tier
from anomaly_operator.incidents.priority import DEFAULT_WEIGHTS, Part
from anomaly_operator.spec.policy_parse import parse_policy


def parsed(playbook: Any) -> Playbook:
    spec, problems = parse_policy({"playbook": playbook})
    assert problems == ()
    assert spec is not None
    return spec.playbook


def test_without_a_playbook_the_defaults_hold_and_start_nothing() -> None:
    spec, _ = parse_policy({})
    assert spec is not None
    assert spec.playbook == Playbook()
    assert (spec.playbook.tiers, spec.playbook.stated) == (DEFAULT_TIERS, False)


def test_weights_alone_leave_the_default_tiers() -> None:
    found = parsed({"weights": {"slo": 40}})
    assert found.weights == {**DEFAULT_WEIGHTS, Part.SLO: 40}
    assert (found.tiers, found.stated) == (DEFAULT_TIERS, False)


def test_tiers_are_ordered_from_the_highest() -> None:
    found = parsed(
        {
            "tiers": [
                {"name": "rest", "from": 0},
                {"name": "page", "from": 60, "entry": "Contain", "deadline": "15m", "owner": "sre"},
            ]
        }
    )
    assert found.stated
    assert found.tiers == (Tier("page", 60, Entry.CONTAIN, "sre", 900), Tier("rest", 0))


@pytest.mark.parametrize(
    ("playbook", "reason", "words"),
    [
        ({"weights": dict.fromkeys(("severity", "slo", "budget"), -1)}, "InvalidSpec", "-1 is not"),
        (
            {
                "weights": dict.fromkeys(
                    (
                        *("severity", "slo", "budget", "spread"),
                        *("duration", "confidence", "category", "context"),
                    ),
                    0,
                )
            },
            "InvalidPlaybook",
            "spec.playbook.weights: all weights are 0",
        ),
        ({"tiers": [{"from": 0}]}, "InvalidSpec", "spec.playbook.tiers[0].name: required"),
        ({"tiers": [{"name": "a", "from": 101}]}, "InvalidSpec", "101 is not between 0 and 100"),
        ({"tiers": [{"name": "a", "entry": "Stop"}]}, "InvalidSpec", "'Stop' is none of Contain"),
        ({"tiers": [{"name": "a", "deadline": "5s"}]}, "InvalidSpec", "5s is not between 60s"),
        ({"tiers": [{"name": "a", "from": 1}]}, "InvalidPlaybook", "let it begin at 0"),
        (
            {"tiers": [{"name": "a", "from": 1}, {"name": "a", "from": 0}]},
            "InvalidPlaybook",
            "a from 1, a from 0: two tiers have the same name",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(
    playbook: Any, reason: str, words: str
) -> None:
    spec, problems = parse_policy({"playbook": playbook})
    assert spec is None
    assert problems[0].reason == Reason(reason)
    assert words in str(problems[0])
