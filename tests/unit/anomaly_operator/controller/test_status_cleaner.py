"""What another manager left in a status goes once an hour, people hear of it, and nobody fights."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.errors import ConflictError
from anomaly_operator.controller.status_cleaner import PAUSE_SECONDS
from anomaly_operator.world.plan import EventType
from pretend.cluster import Cluster, serving
from pretend.contested import Contested, contest

KIND = "AnomalyService"
OLD = {"training": {"nextAttempt": "2020-01-01T00:00:00Z"}}
ONCE = [("apply", KIND), ("remove", KIND)]


@pytest.fixture(scope="module")
def calm() -> Cluster:
    return serving(Cluster())


@pytest.fixture
def cluster(calm: Cluster) -> Contested:
    return contest(calm)


def restored(cluster: Contested, **fields: Any) -> list[tuple[str, str]]:
    """The other manager writes `fields`; what the operator then sends."""
    cluster.write_status(KIND, "checkout", fields or OLD)
    return reconciled(cluster)


def reconciled(cluster: Contested) -> list[tuple[str, str]]:
    cluster.sent.clear()
    cluster.reconcile()
    return list(cluster.sent)


@pytest.mark.parametrize(
    "fields",
    [
        {"model": {"digest": "sha256:old"}},
        {"model": {"earlier": "20200101-000000-aaaaaa"}},
        {"training": {"request": "old"}},
        {"incidents": {"tracked": []}},
        {"slo": {"status": "Breached"}},
        {"conditions": [{"type": "Stalled", "status": "True", "reason": "OutOfMemory"}]},
        {"expected": []},
    ],
    ids="-".join,
)
def test_fields_that_reading_a_status_hides_are_found(
    cluster: Contested, fields: dict[str, Any]
) -> None:
    assert reconciled(cluster) == []
    before = cluster.status()
    assert restored(cluster, **fields) == ONCE
    assert cluster.status() == before
    assert reconciled(cluster) == []


def test_a_person_hears_of_it_once_a_cleaning(cluster: Contested) -> None:
    restored(cluster)
    (told,) = cluster.told
    assert (told.type, told.reason) == (EventType.WARNING, "StatusFieldsRemoved")
    assert told.regarding.name == "checkout"
    assert told.message == (
        "Removed fields that field manager velero wrote: status.training. "
        "Only the operator writes them; exclude the status from restores."
    )
    reconciled(cluster)
    assert len(cluster.told) == 1


def test_while_it_is_contested_nothing_is_sent_and_it_is_said_once(cluster: Contested) -> None:
    restored(cluster)
    for _ in range(3):
        assert restored(cluster) == []
        cluster.now += 60
    assert [one.reason for one in cluster.told] == ["StatusFieldsRemoved", "StatusContested"]
    assert cluster.told[-1].message.startswith("Field manager velero wrote fields again")
    plan = cluster.plan()
    assert cluster.executor.put_off(plan.actions) == pytest.approx(PAUSE_SECONDS - 180)
    cluster.now += int(PAUSE_SECONDS) - 180
    cluster.sent.clear()
    cluster.carry_out(plan)
    assert cluster.sent == ONCE
    assert cluster.executor.put_off(cluster.plan().actions) is None


def test_what_is_ours_is_written_all_the_same_while_it_is_contested(cluster: Contested) -> None:
    restored(cluster)
    assert restored(cluster, state="Learning", **OLD) == [("apply", KIND)]
    assert cluster.status()["state"] == "Healthy"
    assert reconciled(cluster) == []


def test_a_removal_that_comes_too_late_is_done_again(cluster: Contested) -> None:
    def moves_on(verb: str) -> None:
        if verb == "remove":
            cluster.before = lambda _verb: None
            cluster.detect(scoredThrough="2026-11-18T11:09:00Z")

    cluster.before = moves_on
    with pytest.raises(ConflictError):
        restored(cluster)
    assert cluster.told == []
    assert reconciled(cluster) == ONCE


def test_the_part_of_the_runtime_stays(cluster: Contested) -> None:
    detection = cluster.status()["detection"]
    restored(cluster, trainingRun={"formatVersion": 1, "state": "Running"})
    assert cluster.status()["detection"] == detection
    assert cluster.status()["trainingRun"]["state"] == "Running"
