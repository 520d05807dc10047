"""Registers the node and keeps its Lease."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import time
from datetime import UTC, datetime
from typing import Any

from anomaly_sandbox.node.api import STRATEGIC, ApiError, NodeApi
from anomaly_sandbox.node.names import NODE_NAME
from anomaly_sandbox.node.status import timestamp
from anomaly_sandbox.node.storage import CLASS_MANIFEST
from anomaly_sandbox.versions import KUBERNETES, architecture

Json = dict[str, Any]
LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0
_MAX_PODS = 1000

LABELS = {
    "kubernetes.io/hostname": NODE_NAME,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": architecture(),
}


async def register(api: NodeApi, host_ip: str, kubelet_port: int, now: float) -> None:
    """Makes the node and the storage class, and says that the node is ready."""
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME, "labels": LABELS}}
    await api.create("/api/v1/nodes", node)
    # Admission taints a new node until it is ready; nobody else takes that away here.
    await api.patch(f"/api/v1/nodes/{NODE_NAME}", {"spec": {"taints": None}})
    body = {"status": node_status(host_ip, kubelet_port, now)}
    await api.patch(f"/api/v1/nodes/{NODE_NAME}/status", body, STRATEGIC)
    await api.create("/apis/storage.k8s.io/v1/storageclasses", CLASS_MANIFEST)


def node_status(host_ip: str, kubelet_port: int, now: float) -> Json:
    """The status of a ready node with the size of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    size = {"cpu": str(os.cpu_count() or 1), "memory": str(memory), "pods": str(_MAX_PODS)}
    when = timestamp(now)
    healthy = [("MemoryPressure", "False"), ("DiskPressure", "False"), ("PIDPressure", "False")]
    return {
        "capacity": size,
        "allocatable": size,
        "addresses": [
            {"type": "InternalIP", "address": host_ip},
            {"type": "Hostname", "address": NODE_NAME},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
        "conditions": [
            {
                "type": kind,
                "status": value,
                "reason": "SandboxNode",
                "message": "pods run as local processes",
                "lastHeartbeatTime": when,
                "lastTransitionTime": when,
            }
            for kind, value in [*healthy, ("Ready", "True")]
        ],
        "nodeInfo": {
            "architecture": architecture(),
            "bootID": "",
            "containerRuntimeVersion": "sandbox://local-processes",
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": KUBERNETES,
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "anomaly-sandbox",
            "systemUUID": "",
        },
    }


async def keep_lease(api: NodeApi) -> None:
    """Renews the node's Lease for ever."""
    folder = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    while True:
        now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": NODE_NAME,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now,
        }
        with contextlib.suppress(ApiError):
            if await api.patch(f"{folder}/{NODE_NAME}", {"spec": spec}) is None:
                lease = {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": NODE_NAME},
                    "spec": spec,
                }
                await api.create(folder, lease)
        await asyncio.sleep(_RENEW_SECONDS)
