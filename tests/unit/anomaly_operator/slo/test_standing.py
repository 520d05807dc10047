"""What `.status.slo` says keeps its figures until what it says changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.slo.standing import (
    SLOStanding,
    next_standing,
    read_standing,
    write_standing,
)
from detector_runtime.contract.detection import MetricEvaluation, SLOEvaluation
from detector_runtime.contract.vocabulary import SLOStatus

FIRST, LATER = "2026-11-25T10:00:00Z", "2026-11-25T10:01:00Z"
BREACHED, WARNING, OK, UNKNOWN = (
    SLOStatus.BREACHED,
    SLOStatus.WARNING,
    SLOStatus.OK,
    SLOStatus.UNKNOWN,
)


def evaluation(
    metric: str, status: SLOStatus, value: str, bound: str = "", **rows: SLOStatus
) -> SLOEvaluation:
    rows = rows or {metric: status}
    return SLOEvaluation(
        status,
        policy="web",
        explanation=f"{metric} {value}",
        metric=metric,
        value=value,
        bound=bound,
        metrics=tuple(MetricEvaluation(name, "1", "", "", "", one) for name, one in rows.items()),
    )


def after(*found: SLOEvaluation, policy: str = "web") -> list[SLOStanding]:
    standing, seen = SLOStanding(), []
    for number, one in enumerate(found):
        standing = next_standing(standing, one, policy, (FIRST, LATER)[min(number, 1)])
        seen.append(standing)
    return seen


def test_a_window_that_says_the_same_changes_no_figure():
    first, second = after(
        evaluation("latency", BREACHED, "1.2 s"), evaluation("latency", BREACHED, "1.4 s")
    )
    assert first == second
    assert (second.explanation, second.at) == ("latency 1.2 s", FIRST)


def test_two_metrics_in_turn_change_nothing_while_both_have_the_status():
    both = {"latency": BREACHED, "error_rate": BREACHED}
    first, second = after(
        evaluation("latency", BREACHED, "1.2 s", **both),
        evaluation("error_rate", BREACHED, "3%", **both),
    )
    assert first == second


@pytest.mark.parametrize(
    "changed",
    [
        evaluation("latency", WARNING, "0.9 s"),
        evaluation("latency", BREACHED, "1.2 s", bound="critical threshold of 2 s"),
        evaluation("error_rate", BREACHED, "3%", latency=WARNING, error_rate=BREACHED),
        evaluation("error_rate", BREACHED, "3%", error_rate=BREACHED),
    ],
)
def test_another_status_metric_or_bound_is_said_with_its_own_figures(changed):
    _, second = after(evaluation("latency", BREACHED, "1.2 s"), changed)
    assert (second.status, second.metric, second.bound) == (
        changed.status, changed.metric, changed.bound,
    )  # fmt: skip
    assert (second.explanation, second.at) == (changed.explanation, LATER)


def test_another_policy_is_said_anew():
    before = after(evaluation("latency", OK, "0.2 s"))[0]
    found = next_standing(before, evaluation("latency", OK, "0.3 s"), "gold", LATER)
    assert (found.policy, found.explanation) == ("gold", "latency 0.3 s")


def test_nothing_evaluated_says_why_and_forgets_the_figures():
    nothing = SLOEvaluation(UNKNOWN, policy="web", explanation="not evaluated: PartialData")
    _, second = after(evaluation("latency", OK, "0.2 s"), nothing)
    assert second == SLOStanding(UNKNOWN, "web", explanation="not evaluated: PartialData")


def test_the_document_goes_there_and_back_and_an_unreadable_one_counts_as_none():
    standing = after(evaluation("latency", BREACHED, "1.2 s", "critical threshold of 1 s"))[0]
    assert read_standing(write_standing(standing)) == standing
    assert write_standing(SLOStanding(policy="web")) == {"status": "Unknown", "policy": "web"}
    assert read_standing({"status": "Unknown", "proximity": "1.2"}) == SLOStanding()
    for damaged in (None, "Ok", {"status": "Fine"}, {"status": "Ok", "metric": 3}):
        assert read_standing(damaged) == SLOStanding()
    assert replace(standing, at="") != standing
