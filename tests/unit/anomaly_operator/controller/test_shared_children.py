"""What a namespace shares costs the same with one service and with thousands, and goes with the
last of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.reasons import Reason
from anomaly_operator.reconcile.namespace import GRACE_SECONDS, RECHECK_SECONDS
from anomaly_operator.settings.values import StorageSettings
from tests.pretend.cluster import SETTINGS, Cluster
from tests.pretend.loop import Loop

CLAIM = ("PersistentVolumeClaim", names.MODELS_CLAIM)
RUNNER = [
    ("RoleBinding", names.RUNNER),
    ("Role", names.RUNNER),
    ("ServiceAccount", names.RUNNER),
]
SHARED = [*RUNNER, CLAIM]


def left(cluster: Cluster, namespace: str = "shop") -> list[tuple[str, str]]:
    return [one for one in SHARED if (one[0], namespace, one[1]) in cluster.objects]


async def later(cluster: Cluster, loop: Loop, seconds: float = GRACE_SECONDS + 1) -> None:
    """`seconds` have passed, and the namespace is looked at again."""
    cluster.now += int(seconds)
    loop.queue.add(("Namespace", "shop", ""))
    await loop.calm()


async def without_services() -> tuple[Cluster, Loop]:
    cluster = Cluster()
    cluster.service("checkout")
    cluster.service("payments")
    loop = Loop(cluster)
    await loop.calm()
    assert left(cluster) == SHARED
    cluster.remove("AnomalyService", "checkout")
    cluster.remove("AnomalyService", "payments")
    await loop.calm()
    return cluster, loop


async def test_one_more_service_writes_nothing_that_is_shared_and_wakes_nobody() -> None:
    cluster = Cluster()
    for number in range(100):
        cluster.service(f"service-{number:03d}")
    loop = Loop(cluster)
    await loop.calm()
    loop.kube.written.clear()
    cluster.service("newcomer")
    await loop.calm()
    assert {name for kind, name in loop.kube.counts if kind == "AnomalyService"} == {"newcomer"}
    assert all("newcomer" in name for _, name in loop.kube.counts)


def test_the_size_of_what_is_shared_does_not_depend_on_the_number_of_services() -> None:
    sizes = []
    for count in (1, 10_000):
        cluster = Cluster()
        for number in range(count):
            cluster.service(f"service-{number:05d}")
        cluster.settle("service-00000")
        texts = (json.dumps(cluster.get(*one)["metadata"]) for one in SHARED)
        sizes.append(max(len(text) for text in texts))
    assert max(sizes) < 500
    assert abs(sizes[1] - sizes[0]) < 10, "the digits of a version"


async def test_it_goes_with_the_last_service_and_the_claim_goes_last() -> None:
    cluster, loop = await without_services()
    assert left(cluster) == SHARED, "not at once: the services may be replaced"
    loop.kube.written.clear()
    await later(cluster, loop)
    assert loop.kube.written == SHARED
    assert cluster.objects.keys() == set()


async def test_many_services_at_once_make_what_they_share_once() -> None:
    cluster = Cluster()
    for number in range(20):
        cluster.service(f"service-{number:02d}")
    loop = Loop(cluster, workers=16)
    await loop.calm()
    assert {one: loop.kube.counts[one] for one in SHARED} == dict.fromkeys(SHARED, 1)


async def test_a_service_that_is_made_again_within_the_grace_keeps_its_models() -> None:
    cluster, loop = await without_services()
    uid = cluster.get(*CLAIM)["metadata"]["uid"]
    cluster.now += int(GRACE_SECONDS) - 1
    cluster.service("checkout")
    await later(cluster, loop)
    assert cluster.get(*CLAIM)["metadata"]["uid"] == uid
    cluster.remove("AnomalyService", "checkout")
    await later(cluster, loop, 0)
    assert left(cluster) == SHARED, "the grace begins anew"


async def test_what_was_left_while_the_operator_was_down_goes_after_its_start() -> None:
    cluster = Cluster()
    cluster.service("checkout")
    await Loop(cluster).calm()
    cluster.remove("AnomalyService", "checkout")
    cluster.restart()
    loop = Loop(cluster)
    await loop.calm()
    assert left(cluster) == SHARED
    await later(cluster, loop)
    assert left(cluster) == []


async def test_what_comes_back_into_a_namespace_without_services_goes_too() -> None:
    cluster, loop = await without_services()
    account = cluster.get("ServiceAccount", names.RUNNER)
    await later(cluster, loop)
    assert left(cluster) == []
    cluster._store(account)
    await loop.calm()
    await later(cluster, loop)
    assert left(cluster) == []


@pytest.mark.parametrize("reason", [Reason.KIND_NOT_SERVED, Reason.FORBIDDEN])
async def test_an_answer_that_is_none_removes_nothing(reason: Reason) -> None:
    cluster, loop = await without_services()
    cluster.unlisted = reason
    await later(cluster, loop, 1000)
    assert left(cluster) == SHARED
    cluster.unlisted = None
    await later(cluster, loop, 1)
    assert left(cluster) == SHARED, "the services may come back with their kind"
    await later(cluster, loop)
    assert left(cluster) == []


async def test_the_grace_begins_when_the_kind_is_served_again() -> None:
    """Not at the last answer that was none: that may be a minute old."""
    cluster, loop = await without_services()
    cluster.unlisted = Reason.KIND_NOT_SERVED
    await later(cluster, loop)
    cluster.unlisted = None
    await later(cluster, loop, RECHECK_SECONDS)
    assert left(cluster) == SHARED, "a restore may follow its CRD within seconds"
    await later(cluster, loop, GRACE_SECONDS - 1)
    assert left(cluster) == SHARED
    await later(cluster, loop, 2)
    assert left(cluster) == []


async def test_a_service_that_the_cache_missed_keeps_everything() -> None:
    cluster, loop = await without_services()
    cluster.objects["AnomalyService", "shop", "unseen"] = {
        "kind": "AnomalyService",
        "metadata": {"name": "unseen", "namespace": "shop", "uid": "u"},
    }
    await later(cluster, loop)
    assert left(cluster) == SHARED
    assert loop.kube.listed["AnomalyService"] == 1


async def test_the_claim_stays_where_the_administrator_retains_it() -> None:
    cluster = Cluster(settings=SETTINGS)
    cluster.service("checkout")
    cluster.settings = type(SETTINGS)(
        sources=SETTINGS.sources, storage=StorageSettings(retain=True)
    )
    loop = Loop(cluster)
    await loop.calm()
    cluster.remove("AnomalyService", "checkout")
    await loop.calm()
    await later(cluster, loop)
    assert left(cluster) == [CLAIM]


async def test_a_foreign_object_of_that_name_stays() -> None:
    cluster, loop = await without_services()
    account: dict[str, Any] = cluster.get("ServiceAccount", names.RUNNER)
    marked = {key: value for key, value in account["metadata"].items() if key != "labels"}
    cluster._store({**account, "metadata": {**marked, "labels": {"mine": "true"}}})
    await later(cluster, loop)
    assert left(cluster) == [("ServiceAccount", names.RUNNER)]


async def test_owners_that_an_older_version_has_set_go_once() -> None:
    cluster = Cluster()
    made = cluster.service("checkout")
    loop = Loop(cluster)
    await loop.calm()
    mine = {"apiVersion": "v1", "kind": "ConfigMap", "name": "mine", "uid": "mine"}
    for kind, name in SHARED:
        raw = cluster.get(kind, name)
        owners = [
            {"apiVersion": names.API_VERSION, "kind": "AnomalyService", "name": name, "uid": uid}
            for name, uid in (("checkout", made["metadata"]["uid"]), ("gone", "gone"))
        ]
        owners += [mine] if kind == "Role" else []
        cluster._store({**raw, "metadata": {**raw["metadata"], "ownerReferences": owners}})
    cluster.restart()
    loop = Loop(cluster, workers=1)
    await loop.calm()
    assert {one: loop.kube.counts[one] for one in SHARED} == dict.fromkeys(SHARED, 1)
    for kind, name in RUNNER:
        owners = cluster.get(kind, name)["metadata"].get("ownerReferences")
        assert owners == ([mine] if kind == "Role" else None)
    loop.kube.written.clear()
    loop.queue.add(("AnomalyService", "shop", "checkout"))
    await loop.calm()
    assert loop.kube.written == []


@pytest.mark.parametrize("workers", [1, 16])
@pytest.mark.parametrize("label", [names.LABEL_MANAGED_BY, names.LABEL_WATCHED])
async def test_a_label_that_was_taken_off_is_put_back_by_one_service(
    label: str, workers: int
) -> None:
    cluster = Cluster()
    for number in range(5):
        cluster.service(f"service-{number}")
    loop = Loop(cluster, workers=workers)
    await loop.calm()
    account = cluster.get("ServiceAccount", names.RUNNER)
    labels = {key: value for key, value in account["metadata"]["labels"].items() if key != label}
    loop.kube.written.clear()
    cluster._store({**account, "metadata": {**account["metadata"], "labels": labels}})
    await loop.calm()
    assert cluster.get("ServiceAccount", names.RUNNER)["metadata"]["labels"][label]
    assert loop.kube.written == [("ServiceAccount", names.RUNNER)]
