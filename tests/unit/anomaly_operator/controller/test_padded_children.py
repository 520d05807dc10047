"""What others add to a child of ours costs one apply, and none while nothing changes."""

from __future__ import annotations

from typing import Any

from anomaly_operator.api import names
from anomaly_operator.controller.padded import Padded
from anomaly_operator.observe.read import MAX_BODY
from anomaly_operator.world.plan import Apply
from tests.pretend.cluster import Cluster
from tests.pretend.loop import Loop

ACCOUNT = ("ServiceAccount", names.RUNNER)
CHECKOUT = ("AnomalyService", "shop", "checkout")
LONG = "x" * 200


def secrets(size: int) -> list[dict[str, str]]:
    return [{"name": f"{LONG}{number}"} for number in range(size // len(LONG) + 1)]


async def woken(loop: Loop) -> list[tuple[str, str]]:
    """What a pass over the service writes."""
    loop.kube.written.clear()
    loop.queue.add(CHECKOUT)
    await loop.calm()
    return list(loop.kube.written)


async def padded() -> tuple[Cluster, Loop]:
    cluster = Cluster()
    cluster.service("checkout")
    loop = Loop(cluster)
    await loop.calm()
    cluster.put(*ACCOUNT, secrets=secrets(MAX_BODY))
    await loop.calm()
    return cluster, loop


async def test_a_child_too_large_to_compare_is_not_applied_at_each_pass() -> None:
    cluster, loop = await padded()
    assert await woken(loop) == []
    assert await woken(loop) == []
    assert cluster.get(*ACCOUNT)["secrets"], "what others own stays"


async def test_an_edit_of_our_fields_in_it_is_repaired_by_one_write() -> None:
    cluster, loop = await padded()
    account = cluster.get(*ACCOUNT)
    rendered = account["automountServiceAccountToken"]
    loop.kube.written.clear()
    cluster.put(*ACCOUNT, automountServiceAccountToken=not rendered)
    await loop.calm()
    assert cluster.get(*ACCOUNT)["automountServiceAccountToken"] == rendered
    assert loop.kube.written == [ACCOUNT]
    assert await woken(loop) == []


async def test_padding_in_a_loop_costs_one_write_an_edit() -> None:
    cluster, loop = await padded()
    loop.kube.written.clear()
    for more in range(1, 4):
        cluster.put(*ACCOUNT, secrets=secrets(MAX_BODY + more * 1000))
        await loop.calm()
    assert loop.kube.written == [ACCOUNT] * 3


def manifest(name: str = "a", **data: str) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": name}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": data}


def answer(name: str = "a", version: str = "7", **data: str) -> dict[str, Any]:
    raw = manifest(name, **data)
    raw["metadata"] |= {"uid": "u", "resourceVersion": version}
    return raw


def test_only_the_same_apply_to_the_same_version_of_the_same_object_is_spared() -> None:
    padded = Padded()
    padded.note(Apply(manifest(image="x"), "u", "6"), answer(image="y"))
    found = padded.unchanged(Apply(manifest(image="x"), "u", "7"))
    assert found is not None
    assert found.resource_version == "7"
    for other in (
        Apply(manifest(image="x"), "u", "8"),
        Apply(manifest(image="x"), "v", "7"),
        Apply(manifest(image="z"), "u", "7"),
        Apply(manifest("b", image="x"), "u", "7"),
        Apply(manifest(image="x"), "u"),
    ):
        assert padded.unchanged(other) is None


def test_what_is_as_rendered_is_not_remembered() -> None:
    padded = Padded()
    action = Apply(manifest(image="x"), "u", "6")
    padded.note(action, answer(image="y"))
    padded.note(action, answer(image="x"))
    assert len(padded) == 0


def test_what_is_remembered_is_bounded() -> None:
    padded = Padded(most=2)
    for number in range(5):
        padded.note(Apply(manifest(f"n{number}", image="x"), "u", "6"), answer(f"n{number}"))
    assert len(padded) == 2
    assert padded.unchanged(Apply(manifest("n4", image="x"), "u", "7")) is not None
    assert padded.unchanged(Apply(manifest("n0", image="x"), "u", "7")) is None
