"""Watches and full lists against a real API server: in the end the cache is true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from anomaly_operator.api import names, resources
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Transport
from anomaly_operator.observe.cache import Cache, Change
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.relist import Relister
from anomaly_operator.observe.watch import Watch
from anomaly_operator.settings.values import WatchSettings
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

QUICK = WatchSettings(inactivity_seconds=5, server_timeout_seconds=10)


@dataclass
class Plumbing:
    """The parts from the API server to the cache, and what the cache told."""

    sandbox: Sandbox
    namespace: str
    kube: Kube
    cache: Cache
    intake: Intake
    metrics: Metrics
    relister: Relister
    uid: str = ""
    changes: list[Change] = field(default_factory=list)

    async def owner(self, namespace: str) -> str:
        """The uid of a service there, which is known: of nobody's children nothing is kept."""
        made = await self.kube.create(service(namespace, "owner"))
        self.intake.take(made)
        self.changes.clear()
        return str(made["metadata"]["uid"])

    async def child(self, name: str, namespace: str = "", uid: str = "") -> dict[str, Any]:
        """Make a child of that service."""
        labels = {names.LABEL_WATCHED: names.WATCHED, names.LABEL_SERVICE_UID: uid or self.uid}
        return await self.kube.create(config_map(namespace or self.namespace, name, **labels))

    def watch(self) -> Watch:
        login = KubeconfigLogin(self.sandbox.kubeconfig)
        return Watch(login, self.intake, self.metrics, QUICK, [self.namespace])

    def names(self, kind: str = "ConfigMap") -> set[str]:
        return {name for known, _, name in self.cache._objects if known == kind}


@pytest.fixture
async def plumbing(crds: Sandbox, namespace: str) -> AsyncIterator[Plumbing]:
    kube = Kube(Transport(KubeconfigLogin(crds.kubeconfig), TokenBucket(100, 200)))
    cache, metrics, changes = Cache(), Metrics("test"), []
    intake = Intake(cache, changes.append)
    relister = Relister(kube, cache, intake, metrics, [namespace])
    made = Plumbing(crds, namespace, kube, cache, intake, metrics, relister, changes=changes)
    made.uid = await made.owner(namespace)
    yield made
    await kube.close()


@pytest.fixture
async def watching(plumbing: Plumbing) -> AsyncIterator[Watch]:
    watch = plumbing.watch()
    watch.start()
    # What was there before, it does not tell.
    await until(lambda: watch.complete)
    yield watch
    await watch.join(30)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def config_map(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def service(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"preset": "OpenTelemetrySpanMetrics"},
    }


async def test_what_is_made_changed_and_deleted_arrives(
    plumbing: Plumbing, watching: Watch
) -> None:
    plumbing.sandbox.apply(service(plumbing.namespace, "shop"))
    await until(lambda: plumbing.cache.service(plumbing.namespace, "shop") is not None)
    changed = service(plumbing.namespace, "shop")
    changed["spec"]["step"] = "5m"
    plumbing.sandbox.apply(changed)

    def generation() -> int:
        found = plumbing.cache.service(plumbing.namespace, "shop")
        return found.meta.generation if found else 0

    await until(lambda: generation() == 2)
    plumbing.sandbox.kubectl("delete", "asvc", "shop", "-n", plumbing.namespace, check=True)
    await until(lambda: plumbing.cache.service(plumbing.namespace, "shop") is None)


async def test_the_watch_leaves_no_mark_on_any_object(plumbing: Plumbing, watching: Watch) -> None:
    plumbing.sandbox.apply(service(plumbing.namespace, "shop"))
    await plumbing.child("child")
    await until(lambda: "child" in plumbing.names() and "shop" in plumbing.names("AnomalyService"))
    for resource, name in ((resources.SERVICE, "shop"), (resources.CONFIG_MAP, "child")):
        live = await plumbing.kube.get(resource, plumbing.namespace, name)
        assert live is not None
        assert "finalizers" not in live["metadata"]
        annotations = live["metadata"].get("annotations", {})
        assert not [key for key in annotations if "kopf" in key]
    log = plumbing.sandbox.audit().requests(namespace=plumbing.namespace, writes=True)
    assert "anomaly-operator" in {item.user_agent for item in log}
    assert not [item for item in log if "kopf" in item.user_agent]


async def test_every_kind_is_watched(plumbing: Plumbing, watching: Watch) -> None:
    """The names of kopf's tasks are as we know them; kopf does not promise them."""
    await until(lambda: watching.complete)


async def test_children_without_the_label_stay_unseen(plumbing: Plumbing, watching: Watch) -> None:
    await plumbing.kube.create(config_map(plumbing.namespace, "foreign"))
    await plumbing.child("ours")
    await until(lambda: "ours" in plumbing.names())
    assert plumbing.names() == {"ours"}


async def test_a_child_that_loses_the_label_leaves_the_cache(
    plumbing: Plumbing, watching: Watch
) -> None:
    await plumbing.child("ours")
    await until(lambda: "ours" in plumbing.names())
    plumbing.sandbox.kubectl(
        "label", "configmap", "ours", "-n", plumbing.namespace, f"{names.LABEL_WATCHED}-"
    )
    await until(lambda: plumbing.names() == set())


async def test_an_event_arrives_within_a_second(plumbing: Plumbing, watching: Watch) -> None:
    await plumbing.child("first")
    await until(lambda: "first" in plumbing.names())
    delays = []
    for number in range(10):
        started = time.monotonic()
        await plumbing.child(f"n{number}")
        await until(lambda number=number: f"n{number}" in plumbing.names())  # type: ignore[misc]
        delays.append(time.monotonic() - started)
    assert sorted(delays)[5] < 1.0


async def test_a_full_list_fills_the_cache_once(plumbing: Plumbing) -> None:
    plumbing.sandbox.apply(service(plumbing.namespace, "shop"))
    await plumbing.child("child")
    await plumbing.relister.first()
    assert plumbing.names("AnomalyService") == {"owner", "shop"}
    assert "child" in plumbing.names()
    before = len(plumbing.changes)
    await plumbing.relister.first()
    assert len(plumbing.changes) == before


async def test_a_full_list_finds_ghosts_and_what_was_missed(plumbing: Plumbing) -> None:
    made = await plumbing.child("gone")
    await plumbing.relister.first()
    uid = made["metadata"]["uid"]
    await plumbing.kube.delete(resources.CONFIG_MAP, plumbing.namespace, "gone", uid=uid)
    await plumbing.child("missed")
    plumbing.changes.clear()
    await plumbing.relister.sweep(resources.CONFIG_MAP, check=True)
    assert [(c.old and c.old.meta.name, c.new and c.new.meta.name) for c in plumbing.changes] == [
        (None, "missed"),
        ("gone", None),
    ]
    exposition = plumbing.metrics.exposition().decode()
    assert 'anomaly_operator_cache_ghosts_total{kind="ConfigMap"} 1.0' in exposition
    assert 'anomaly_operator_cache_missed_total{kind="ConfigMap"} 1.0' in exposition


async def test_a_namespace_that_is_not_watched_is_not_swept(
    plumbing: Plumbing, make_namespace: Callable[[], str]
) -> None:
    other = make_namespace()
    uid = await plumbing.owner(other)
    plumbing.intake.take(await plumbing.child("elsewhere", other, uid))
    await plumbing.relister.first()
    assert "elsewhere" in plumbing.names()
