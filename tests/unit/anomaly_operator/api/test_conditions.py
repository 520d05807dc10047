"""Conditions of all kinds: how a new set follows from the old, and when a status is the same."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.conditions import Condition, Truth, dated, same_status, updated
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import sentence, to_text

THEN, NOW = 1_795_000_000, 1_795_000_600
READY = Condition(ConditionType.READY, Truth.TRUE, Reason.READY, "Fine.")


def stored(kind: str, status: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "lastTransitionTime": to_text(THEN)}


@pytest.mark.parametrize(("before", "since"), [("True", THEN), ("False", NOW)])
def test_the_time_moves_only_with_the_status(before: str, since: int) -> None:
    (one,) = dated([READY], [stored("Ready", before)], 3, NOW)
    assert one["lastTransitionTime"] == to_text(since)
    assert one["observedGeneration"] == 3


def test_conditions_of_other_types_stay_only_where_some_are_updated() -> None:
    before = [stored("Ready", "True"), stored("Valid", "True")]
    assert [one["type"] for one in dated([READY], before, 1, NOW)] == ["Ready"]
    assert updated([READY], before, 1, NOW)[1:] == [before[1]]


def test_a_condition_of_an_unknown_type_is_not_kept() -> None:
    assert len(updated([READY], [stored("Old", "True")], 1, NOW)) == 1


def test_the_order_of_lists_that_the_crds_declare_as_maps_does_not_count() -> None:
    one, other = stored("Ready", "True"), stored("Valid", "True")
    revisions = [{"revision": "b"}, {"revision": "a"}]
    patterns = [{"name": "y"}, {"name": "x"}]
    status = {
        "conditions": [one, other],
        "patterns": patterns,
        "training": {"revisions": revisions, "attempts": 1},
    }
    turned = {
        "conditions": [other, one],
        "patterns": patterns[::-1],
        "training": {"revisions": revisions[::-1], "attempts": 1},
    }
    assert same_status(status, turned)
    assert not same_status(status, {**turned, "conditions": [one]})


def test_the_order_of_other_lists_counts() -> None:
    tracked = [{"patterns": [{"name": "a"}, {"name": "b"}]}]
    turned = [{"patterns": [{"name": "b"}, {"name": "a"}]}]
    assert not same_status({"incidents": {"tracked": tracked}}, {"incidents": {"tracked": turned}})


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("no data", "No data."),
        ("Done.", "Done."),
        ("spec.metrics: is empty", "spec.metrics: is empty."),
        ("`spec.metrics` is empty", "`spec.metrics` is empty."),
        ("request_rate: no data", "request_rate: no data."),
        ("", ""),
    ],
)
def test_a_sentence_keeps_names_as_they_are(text: str, written: str) -> None:
    assert sentence(text) == written
