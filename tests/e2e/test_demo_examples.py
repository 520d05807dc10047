"""Every manifest that users copy is taken by a real API server as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.demo.shop import SHOP

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "operator" / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def with_crds(sandbox: Sandbox) -> Sandbox:
    sandbox.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"), check=True)
    for plural in ("anomalyservices", "slopolicies", "anomalies"):
        name = f"crd/{plural}.anomaly-operator.dev"
        sandbox.kubectl("wait", name, "--for=condition=Established", "--timeout=90s", check=True)
    for namespace in EXAMPLES.rglob("namespace.yaml"):
        sandbox.kubectl("apply", "-f", str(namespace), check=True)
    return sandbox


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_an_example_is_accepted_without_a_warning(with_crds: Sandbox, file: Path) -> None:
    done = with_crds.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-f", str(file), check=True
    )
    assert "Warning" not in done.stderr


def test_the_examples_watch_exactly_the_services_of_the_simulated_shop() -> None:
    text = (EXAMPLES / "shop" / "services.yaml").read_text()
    services = {item["metadata"]["name"]: item["spec"] for item in yaml.safe_load_all(text)}
    assert set(services) == set(SHOP.names)
    for service in SHOP.services:
        named = {item["name"] for item in services[service.name].get("dependsOn", [])}
        assert named == {call.service for call in service.calls}, service.name
