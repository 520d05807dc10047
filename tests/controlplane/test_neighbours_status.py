"""What a backup tool or an edit of managedFields leaves in a status goes, and stays away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from anomaly_operator.api import resources
from anomaly_operator.client.kube import Kube
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_operator.client.throttle import TokenBucket
from anomaly_operator.client.transport import Request, Transport
from anomaly_operator.controller.execute import Executor
from anomaly_operator.observe import read
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.world.plan import ApplyStatus
from anomaly_sandbox.cluster import Sandbox

pytestmark = pytest.mark.controlplane

SERVICE = resources.SERVICE
OLD = {
    "state": "Healthy",
    "summary": "old",
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "reason": "Ready",
            "message": "old",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in ("Old", "Ready")
    ],
}
NEW = {"state": "Healthy", "conditions": [OLD["conditions"][1]]}  # type: ignore[index]


class Wire(Transport):
    """Counts what is written."""

    writes = 0

    async def send(self, request: Request) -> dict[str, Any]:
        self.writes += request.verb not in ("get", "list")
        return await super().send(request)


@pytest.fixture
async def wire(crds: Sandbox) -> AsyncIterator[Wire]:
    made = Wire(KubeconfigLogin(crds.kubeconfig), TokenBucket(100, 200))
    yield made
    await made.close()


async def written(executor: Executor, kube: Kube, namespace: str) -> dict[str, Any]:
    live = await kube.get(SERVICE, namespace, "checkout")
    assert live is not None
    meta = read.metadata(live)
    await executor.run((ApplyStatus(meta.ref, meta.resource_version, NEW),))
    after = await kube.get(SERVICE, namespace, "checkout")
    assert after is not None
    return after


@pytest.mark.parametrize("stripped", [False, True])
async def test_what_others_left_in_a_status_is_removed_once_in_an_hour(
    wire: Wire, namespace: str, stripped: bool
) -> None:
    kube = Kube(wire)
    executor = Executor(kube, Intake(Cache(), lambda _: None))
    made = await kube.create(
        {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.kind,
            "metadata": {"name": "checkout", "namespace": namespace},
            "spec": {"preset": "OpenTelemetrySpanMetrics"},
        }
    )
    restored = {**OLD, "detection": {"formatVersion": 1}}
    manager = "anomaly-operator-status" if stripped else "velero"

    async def leave() -> None:
        await kube.apply_status(
            SERVICE,
            namespace,
            "checkout",
            uid=made["metadata"]["uid"],
            resource_version="",
            status=restored,
            manager=manager,
        )

    await leave()
    if stripped:
        await kube.merge(SERVICE, namespace, "checkout", {"metadata": {"managedFields": [{}]}})
    wire.writes = 0
    after = await written(executor, kube, namespace)
    assert wire.writes == 2
    assert after["status"] == {**NEW, "detection": restored["detection"]}
    version = after["metadata"]["resourceVersion"]
    again = await written(executor, kube, namespace)
    assert wire.writes == 3
    assert again["metadata"]["resourceVersion"] == version
    if not stripped:
        await leave()
        wire.writes = 0
        contested = await written(executor, kube, namespace)
        assert (wire.writes, contested["status"]["summary"]) == (1, "old")
