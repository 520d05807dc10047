"""A level that moved for good is offered as a condition and taken only by an edit of the spec."""

from __future__ import annotations

import pytest

from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import MAX_LEVEL_SHIFT, RunOutcome
from pretend.cluster import Cluster, serving, trained

SHIFT = (
    "rate has stood at 200 since 2026-11-08T00:00:00Z, before at 100; to take that as its new "
    "normal, set spec.training.lookback to 10d"
)

PAUSE = 600
"""The least time between two trainings that people ask for."""


def retrained(cluster: Cluster, number: int, level_shift: str) -> None:
    """A training that a person asked for ends with what it saw."""
    name = f"request-{number}"
    cluster.now += PAUSE
    cluster.put("AnomalyService", "checkout", annotations=asked(name))
    cluster.settle()
    cluster.now += 60
    cluster.end_training(trained(cluster, number, level_shift=level_shift))
    cluster.settle()


def asked(value: str) -> dict[str, str]:
    return {"anomaly-operator.dev/train-requested-at": value}


def told(cluster: Cluster) -> tuple[str, str]:
    condition = cluster.condition("BaselineShifted")
    return condition["status"], condition["reason"]


def test_before_a_model_nothing_is_known_of_the_level() -> None:
    cluster = Cluster()
    cluster.service()
    cluster.settle()
    assert told(cluster) == ("Unknown", "NotEvaluated")


def test_a_training_without_a_shift_says_so() -> None:
    cluster = serving(Cluster())
    assert told(cluster) == ("False", "NoLevelShift")
    assert "levelShift" not in cluster.status()["model"]


def test_a_shift_is_told_with_what_to_write_and_changes_neither_readiness_nor_the_spec() -> None:
    cluster = serving(Cluster())
    spec = cluster.get("AnomalyService", "checkout")["spec"]
    retrained(cluster, 2, SHIFT)
    assert told(cluster) == ("True", "LevelShift")
    assert cluster.condition("BaselineShifted")["message"] == f"{SHIFT}."
    assert cluster.status()["model"]["levelShift"] == SHIFT
    assert cluster.condition("Ready")["status"] == "True"
    assert cluster.get("AnomalyService", "checkout")["spec"] == spec


def test_the_next_training_that_sees_no_shift_ends_the_condition() -> None:
    cluster = serving(Cluster())
    retrained(cluster, 2, SHIFT)
    retrained(cluster, 3, "")
    assert told(cluster) == ("False", "NoLevelShift")


def test_the_offer_is_taken_by_the_lookback_that_it_names() -> None:
    cluster = serving(Cluster())
    retrained(cluster, 2, SHIFT)
    jobs = len(cluster.jobs())
    cluster.now += PAUSE
    cluster.service(training={"lookback": "10d"})
    cluster.settle()
    assert len(cluster.jobs()) == jobs + 1
    assert cluster.status()["training"]["trigger"] == "SpecChange"


def test_a_rejected_candidate_leaves_what_is_known_of_the_level_alone() -> None:
    cluster = serving(Cluster())
    retrained(cluster, 2, SHIFT)
    cluster.put("AnomalyService", "checkout", annotations=asked("again"))
    cluster.settle()
    cluster.now += 60
    cluster.end_training(TrainReport(RunOutcome.REJECTED, "failed its checks"))
    cluster.settle()
    assert told(cluster) == ("True", "LevelShift")


@pytest.mark.parametrize("restarts", [0, 1])
def test_the_longest_line_is_kept_over_a_restart_and_costs_no_further_write(restarts: int) -> None:
    cluster = serving(Cluster())
    retrained(cluster, 2, "x" * MAX_LEVEL_SHIFT)
    for _ in range(restarts):
        cluster.restart()
    assert cluster.settle() == 0
    assert len(cluster.status()["model"]["levelShift"]) == MAX_LEVEL_SHIFT
