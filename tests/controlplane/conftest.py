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
        sandbox.wait_for(lambda name=name: _served(sandbox, name), 30, f"{name} is served")
    # Unlike `explain` this reads discovery anew, and with it the short names.
    sandbox.kubectl("api-resources", check=True)
    return sandbox


def _served(sandbox: Sandbox, name: str) -> bool:
    """Established, answered for, and in the discovery that kubectl reads short names from."""
    found = sandbox.get("customresourcedefinitions", name)
    conditions = (found or {}).get("status", {}).get("conditions", [])
    if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
        return False
    plural = name.partition(".")[0]
    return "items" in sandbox.api.request("GET", sandbox.api.resource(plural).path(None))
