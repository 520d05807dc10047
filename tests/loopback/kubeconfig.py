"""A kubeconfig for a stand-in of the API server on loopback."""

from __future__ import annotations

import json
from pathlib import Path


def kubeconfig(path: Path, port: int) -> Path:
    """Written to `path`: plain HTTP, a token, and the namespace `shop`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "opaque"}}],
    }
    path.write_text(json.dumps(document))
    return path
