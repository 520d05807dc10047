"""A namespace that holds too much keeps its services running, and costs no writes in quiet."""

from __future__ import annotations

from anomaly_operator.api import names
from anomaly_operator.observe.bare import LEAN
from anomaly_operator.observe.room import EACH, FIRST
from tests.pretend.cluster import Cluster
from tests.pretend.loop import Loop

CHECKOUT = ("AnomalyService", "shop", "checkout")


async def woken(loop: Loop) -> list[tuple[str, str]]:
    """What a pass over the service writes."""
    loop.kube.written.clear()
    loop.queue.add(CHECKOUT)
    await loop.calm()
    return list(loop.kube.written)


def fill(cluster: Cluster) -> None:
    """Others set the labels of the service on ConfigMaps until its namespace has no room."""
    uid = cluster.get("AnomalyService", "checkout")["metadata"]["uid"]
    labels = {names.LABEL_WATCHED: names.WATCHED, names.LABEL_SERVICE_UID: uid}
    for number in range(200):
        data = {"run.json": str(number), "served.json": "x" * 4000}
        labels |= {f"{'p' * 200}{other}": "v" * 63 for other in range(50)}
        cluster.put("ConfigMap", f"filler-{number}", labels=labels, data=data)
    held = cluster.cache.room.held("shop")
    assert FIRST + EACH < held < FIRST + 5 * EACH


async def test_a_service_of_a_crowded_namespace_is_set_up_and_trained() -> None:
    cluster = Cluster()
    cluster.service("checkout")
    fill(cluster)
    loop = Loop(cluster)
    await loop.calm()
    kinds = {raw["kind"] for raw in cluster.objects.values()}
    assert {"ServiceAccount", "Role", "RoleBinding", "PersistentVolumeClaim", "Job"} <= kinds
    assert len(cluster.jobs()) == 1
    assert await woken(loop) == []
    assert await woken(loop) == []


async def test_children_that_are_filled_in_a_crowded_namespace_cost_a_write_each() -> None:
    cluster = Cluster()
    cluster.service("checkout")
    loop = Loop(cluster)
    await loop.calm()
    fill(cluster)
    await loop.calm()
    loop.kube.written.clear()
    account = ("ServiceAccount", names.RUNNER)
    cluster.put(*account, secrets=[{"name": "x" * 20_000}])
    kept = cluster.cache.get((account[0], "shop", account[1]))
    assert kept is not None
    assert kept.body == LEAN  # type: ignore[union-attr]
    await loop.calm()
    assert loop.kube.written == [account]
    assert await woken(loop) == []
