"""The custom resource definitions, as files and as served by the control plane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def crd_files() -> dict[str, dict[str, Any]]:
    """Every CRD of the project by kind."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    return {document["spec"]["names"]["kind"]: document for document in documents}


@pytest.fixture(scope="session")
def crds(sandbox: Sandbox, crd_files: dict[str, dict[str, Any]]) -> Sandbox:
    """A control plane that serves the custom resources."""
    files = [argument for path in sorted(CRDS.glob("*.yaml")) for argument in ("-f", str(path))]
    sandbox.kubectl("apply", "--server-side", "--force-conflicts", *files, check=True)
    for document in crd_files.values():
        name = document["metadata"]["name"]
        sandbox.wait_for(lambda name=name: _served(sandbox, name), 90, f"{name} is served")
    sandbox.wait_for(lambda: _published(sandbox, set(crd_files)), 90, "the kinds are published")
    # Unlike `explain` this reads discovery anew, and with it the short names.
    sandbox.kubectl("api-resources", check=True)
    return sandbox


def _published(sandbox: Sandbox, kinds: set[str]) -> bool:
    """In the index and the document that `kubectl explain` reads; both follow a CRD later."""
    path = "apis/anomaly-operator.dev/v1alpha1"
    if path not in str(sandbox.api.request("GET", "/openapi/v3")):
        return False
    schemas = sandbox.api.request("GET", f"/openapi/v3/{path}")["components"]["schemas"]
    return kinds <= {name.rpartition(".")[2] for name in schemas}


def _served(sandbox: Sandbox, name: str) -> bool:
    """Established, answered for, and in the discovery that kubectl reads short names from."""
    found = sandbox.get("customresourcedefinitions", name)
    conditions = (found or {}).get("status", {}).get("conditions", [])
    if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        return False
    plural = name.partition(".")[0]
    return "items" in sandbox.api.request("GET", sandbox.api.resource(plural).path(None))
