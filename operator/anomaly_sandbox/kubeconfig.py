"""Writes kubeconfig files: always of our own, never ~/.kube/config."""

from __future__ import annotations

import json
from pathlib import Path

from anomaly_sandbox.control import write_file


def write(
    path: Path, *, server: str, ca_file: Path, token: str, namespace: str = "default"
) -> Path:
    """A kubeconfig with one user who logs in with `token` (JSON is YAML)."""
    name = "anomaly-sandbox"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": server, "certificate-authority": str(ca_file)}}
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
        ],
        "current-context": name,
    }
    write_file(path, json.dumps(content, indent=1))
    return path
