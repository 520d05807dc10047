"""What runs in the demo's namespace: a claim, and the Job that trains on it.

The service that watches the run is in operator/examples/training, as a user would write it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anomaly_sandbox.client import ClusterClient
from anomaly_sandbox.node.images import HOST_IMAGE
from anomaly_sandbox.waiting import SandboxError

Json = dict[str, Any]

_MOUNT = "/run-data"


def claim(name: str) -> Json:
    """Room for the log, checkpoints and snapshots of one run."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def training_job(name: str, on_claim: str, *flags: str) -> Json:
    """The trainer as a Job that starts again when it breaks off; `flags` are the trainer's."""
    module = "anomaly_sandbox.demo_training.trainer"
    container: Json = {
        "name": "trainer",
        "image": HOST_IMAGE,
        "command": ["python", "-m", module, "--folder", _MOUNT, *flags],
        # More threads than one only wait for one another at this size.
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
        "volumeMounts": [{"name": "run", "mountPath": _MOUNT}],
    }
    pod: Json = {
        "restartPolicy": "OnFailure",
        "containers": [container],
        "volumes": [{"name": "run", "persistentVolumeClaim": {"claimName": on_claim}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 3, "template": {"spec": pod}},
    }


def folder_of(cluster: ClusterClient, on_claim: str, namespace: str) -> Path:
    """Where the claim lies on this machine. Raises SandboxError while it is not bound."""
    found = cluster.get("persistentvolumeclaims", on_claim, namespace) or {}
    volume = cluster.get("persistentvolumes", found.get("spec", {}).get("volumeName", "-"))
    if volume is None:
        raise SandboxError(f"PersistentVolumeClaim {on_claim} in {namespace} is not bound")
    return Path(volume["spec"]["hostPath"]["path"])
