"""A ResourceQuota without room. No quota controller runs in the sandbox, and a quota is in force
only once somebody has counted for it, so its status is written here.
"""

from __future__ import annotations

from anomaly_sandbox.cluster import Sandbox


def full_quota(cluster: Sandbox, namespace: str, name: str, counted: str) -> None:
    """The namespace may have none of what is `counted`, such as `pods`."""
    hard = {counted: "0"}
    metadata = {"name": name, "namespace": namespace}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata}
    cluster.apply({**quota, "spec": {"hard": hard}})
    status = {"status": {"hard": hard, "used": hard}}
    cluster.api.patch("resourcequotas", name, namespace, status, sub="status")
