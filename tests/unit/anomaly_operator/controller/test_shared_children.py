"""What a namespace shares is written for a service that comes by that service alone."""

from __future__ import annotations

from anomaly_operator.api import names
from tests.pretend.cluster import Cluster
from tests.pretend.loop import Loop

SHARED = [
    ("ServiceAccount", names.RUNNER),
    ("Role", names.RUNNER),
    ("RoleBinding", names.RUNNER),
    ("PersistentVolumeClaim", names.MODELS_CLAIM),
]


async def test_one_more_service_writes_each_shared_child_once_and_wakes_nobody() -> None:
    cluster = Cluster()
    for number in range(100):
        cluster.service(f"service-{number:03d}")
    loop = Loop(cluster)
    await loop.calm()
    loop.kube.written.clear()
    made = cluster.service("newcomer")
    await loop.calm()
    counts = loop.kube.counts
    assert {one: counts.pop(one) for one in SHARED} == dict.fromkeys(SHARED, 1)
    assert {name for kind, name in counts if kind == "AnomalyService"} == {"newcomer"}
    assert all("newcomer" in name for _, name in counts)
    for kind, name in SHARED:
        owners = cluster.get(kind, name)["metadata"]["ownerReferences"]
        assert made["metadata"]["uid"] in {owner["uid"] for owner in owners}
        assert len(owners) == 101


async def test_an_owner_that_was_taken_out_of_a_shared_child_is_put_back() -> None:
    cluster = Cluster()
    for number in range(5):
        cluster.service(f"service-{number}")
    loop = Loop(cluster)
    await loop.calm()
    account = cluster.get("ServiceAccount", names.RUNNER)
    owners = account["metadata"]["ownerReferences"]
    fewer = {**account, "metadata": {**account["metadata"], "ownerReferences": owners[1:]}}
    cluster._store(fewer)
    await loop.calm()
    assert cluster.get("ServiceAccount", names.RUNNER)["metadata"]["ownerReferences"] == owners
