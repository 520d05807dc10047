"""Makes and removes the volumes of claims: a folder each, on this machine.

The class binds on first use, like the usual classes of clouds, so that an operator that waits
for a bound claim before it makes the pod is found out here.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from anomaly_sandbox.node.api import NodeApi
from anomaly_sandbox.node.names import NODE_NAME, STORAGE_CLASS

Json = dict[str, Any]
PROVISIONER = "anomaly-operator.dev/sandbox"
SELECTED_NODE = "volume.kubernetes.io/selected-node"

CLASS_MANIFEST: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": STORAGE_CLASS,
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def wants_volume(claim: Json) -> bool:
    """Whether the claim waits for us: ours, unbound, and a pod was placed that uses it."""
    spec, meta = claim["spec"], claim["metadata"]
    return (
        spec.get("storageClassName") == STORAGE_CLASS
        and not spec.get("volumeName")
        and spec.get("volumeMode", "Filesystem") == "Filesystem"
        and not spec.get("selector")
        and SELECTED_NODE in (meta.get("annotations") or {})
        and "deletionTimestamp" not in meta
    )


def volume_for(claim: Json, folder: Path) -> Json:
    """The PersistentVolume of a claim, bound to it by uid."""
    meta, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{meta['uid']}",
            # Says to the volume controller that deleting it is our business.
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "hostPath": {"path": str(folder), "type": "Directory"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
            },
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {
                                    "key": "kubernetes.io/hostname",
                                    "operator": "In",
                                    "values": [NODE_NAME],
                                }
                            ]
                        }
                    ]
                }
            },
        },
    }


async def provision(api: NodeApi, claim: Json, root: Path) -> None:
    """Makes the folder and the volume of a claim; doing it twice is harmless."""
    folder = root / f"pvc-{claim['metadata']['uid']}"
    folder.mkdir(parents=True, exist_ok=True)
    await api.create("/api/v1/persistentvolumes", volume_for(claim, folder))


def is_released(volume: Json) -> bool:
    """Whether the volume is ours and its claim has gone."""
    annotations = volume["metadata"].get("annotations") or {}
    return (
        annotations.get("pv.kubernetes.io/provisioned-by") == PROVISIONER
        and volume.get("status", {}).get("phase") == "Released"
        and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    )


async def reclaim(api: NodeApi, volume: Json, root: Path) -> None:
    """Removes the folder and the volume of a claim that has gone."""
    name = volume["metadata"]["name"]
    path = Path(volume["spec"]["hostPath"]["path"])
    if path.parent == root:
        shutil.rmtree(path, ignore_errors=True)
    body = {"preconditions": {"uid": volume["metadata"]["uid"]}}
    await api.delete(f"/api/v1/persistentvolumes/{name}", body)
