"""Whatever stands in a status: after one apply and one removal it says what it should, and from
then on nothing is written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api.conditions import MAP_LISTS
from anomaly_operator.api.names import ConditionType
from anomaly_operator.status.packing import whole_form
from pretend.api_server import Json
from pretend.cluster import Cluster
from pretend.contested import Contested, contest, merged, statuses
from pretend.described import busy_service

THEIRS = {
    "AnomalyService": ("detection", "trainingRun"),
    "SLOPolicy": (),
    "Anomaly": ("notifications",),
}


@pytest.fixture(scope="module")
def busy() -> Cluster:
    return busy_service()


def lives(kind: str) -> st.SearchStrategy[tuple[str, Json]]:
    """What a status is before another manager writes its fields into it, and these fields."""
    before = st.sampled_from(["stored", "fields", "nothing"])
    # A status of a newer format is left alone as a whole.
    return st.tuples(before, statuses(kind, "formatVersion", *THEIRS[kind]))


def mixed(kind: str, live: Json, what: str, more: Json) -> Json:
    theirs = {key: live[key] for key in THEIRS[kind] if key in live}
    before = {"stored": live, "fields": whole_form(live), "nothing": theirs}[what]
    status: Json = merged(before, more, MAP_LISTS[kind])
    return status


def written(cluster: Contested, kind: str) -> list[tuple[str, str]]:
    cluster.sent.clear()
    if kind == "SLOPolicy":
        cluster.reconcile_policy("web")
    else:
        cluster.reconcile()
    return [one for one in cluster.sent if one[1] == kind]


@pytest.mark.parametrize("kind", list(THEIRS))
def test_any_status_is_as_it_should_be_after_two_writes(kind: str, busy: Cluster) -> None:
    names = {"AnomalyService": "checkout", "SLOPolicy": "web"}

    @settings(max_examples=60)
    @given(found=lives(kind))
    def check(found: tuple[str, Json]) -> None:
        cluster = contest(busy)
        name = names.get(kind) or cluster.of_kind(kind)[-1]["metadata"]["name"]
        live = cluster.get(kind, name).get("status", {})
        cluster.put(kind, name, status=mixed(kind, live, *found))
        theirs = {key: live[key] for key in THEIRS[kind] if key in live}
        first = written(cluster, kind)
        assert len(first) <= 2
        status = cluster.get(kind, name)["status"]
        assert {key: status[key] for key in THEIRS[kind] if key in status} == theirs
        types = {one["type"] for one in status.get("conditions", ())}
        assert types <= {one.value for one in ConditionType}
        assert written(cluster, kind) == []

    check()
