"""Places pods on the only node, when their claims allow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_sandbox.node.api import STRATEGIC, NodeApi
from anomaly_sandbox.node.names import NODE_NAME, STORAGE_CLASS
from anomaly_sandbox.node.registration import LABELS
from anomaly_sandbox.node.status import differs, timestamp
from anomaly_sandbox.node.storage import SELECTED_NODE

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`place`: bind it now. Else why not; `select` names claims that wait for a first use."""

    place: bool
    reason: str = ""
    select: tuple[str, ...] = ()


def is_ours(pod: Json) -> bool:
    """Whether the pod waits for the default scheduler, which is us."""
    spec = pod["spec"]
    return (
        not spec.get("nodeName")
        and not spec.get("schedulingGates")
        and spec.get("schedulerName", "default-scheduler") == "default-scheduler"
        and "deletionTimestamp" not in pod["metadata"]
    )


def judge(pod: Json, claims: Mapping[tuple[str, str], Json]) -> Verdict:
    """Whether the pod can be placed. `claims` by namespace and name."""
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    for key, value in (spec.get("nodeSelector") or {}).items():
        if LABELS.get(key) != value:
            return Verdict(False, f"0/1 nodes are available: none has label {key}={value}")
    select = []
    for volume in spec.get("volumes", ()):
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if name is None:
            continue
        claim = claims.get((namespace, name))
        if claim is None:
            return Verdict(False, f'persistentvolumeclaim "{name}" not found')
        if "deletionTimestamp" in claim["metadata"]:
            return Verdict(False, f'persistentvolumeclaim "{name}" is being deleted')
        if claim.get("status", {}).get("phase") == "Bound":
            continue
        if claim["spec"].get("storageClassName") != STORAGE_CLASS:
            return Verdict(False, f'persistentvolumeclaim "{name}" is not bound')
        select.append(name)
    if select:
        return Verdict(False, f"waits for claims: {', '.join(select)}", tuple(select))
    return Verdict(True)


async def place(api: NodeApi, pod: Json) -> None:
    meta = pod["metadata"]
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": meta["name"], "uid": meta["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME},
    }
    # A conflict means that it is placed already, or is another pod by now.
    await api.create(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding", body)


async def select_node(api: NodeApi, namespace: str, claim: Json) -> None:
    """Tells the provisioner that the claim's first pod will run here."""
    if SELECTED_NODE in (claim["metadata"].get("annotations") or {}):
        return
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim['metadata']['name']}"
    await api.patch(path, {"metadata": {"annotations": {SELECTED_NODE: NODE_NAME}}})


async def explain(api: NodeApi, pod: Json, reason: str, now: float) -> None:
    """Writes into the pod why it is not placed."""
    meta = pod["metadata"]
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": reason,
    }
    status = {"conditions": [condition]}
    live = {item["type"]: item for item in pod.get("status", {}).get("conditions") or []}
    if not differs(condition, live.get("PodScheduled", {})):
        return
    condition["lastTransitionTime"] = timestamp(now)
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
    await api.patch(path, {"metadata": {"uid": meta["uid"]}, "status": status}, STRATEGIC)
