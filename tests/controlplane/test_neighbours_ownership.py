"""What the services of a namespace share, on a real API server with its garbage collector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

SHARED = {
    "serviceaccounts": names.RUNNER,
    "roles": names.RUNNER,
    "rolebindings": names.RUNNER,
    "persistentvolumeclaims": names.MODELS_CLAIM,
}
SETTINGS = """
watchNamespaces: ["{namespace}"]
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
"""


@pytest.fixture
def operator(
    crds: Sandbox, namespace: str, tmp_path: Path
) -> Iterator[Callable[[], LocalOperator]]:
    made: list[LocalOperator] = []

    def start() -> LocalOperator:
        folder = tmp_path / f"operator-{len(made)}"
        text = SETTINGS.format(namespace=namespace)
        made.append(LocalOperator(folder, crds.kubeconfig, text, "--namespace", namespace).start())
        return made[-1].wait_until_leading()

    yield start
    for one in made:
        if one.alive():
            one.stop()


def service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {"preset": "OpenTelemetrySpanMetrics"},
    }


def shared(crds: Sandbox, namespace: str) -> dict[str, dict[str, Any]]:
    found = {kind: crds.get(kind, name, namespace) for kind, name in SHARED.items()}
    return {
        kind: raw
        for kind, raw in found.items()
        if raw and not raw["metadata"].get("deletionTimestamp")
    }


def test_owners_of_an_older_version_go_and_the_last_service_takes_all_with_it(
    crds: Sandbox, namespace: str, operator: Callable[[], LocalOperator]
) -> None:
    made = crds.api.create("asvc", service("checkout"), namespace)
    first = operator()
    crds.wait_for(lambda: len(shared(crds, namespace)) == len(SHARED), 60, "all is made")
    assert first.stop() == 0
    reference = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "name": "checkout",
        "uid": made["metadata"]["uid"],
    }
    owned = {"metadata": {"ownerReferences": [reference]}}
    for kind, name in SHARED.items():
        crds.api.patch(kind, name, namespace, owned)
    second = operator()

    def disowned() -> bool:
        found = shared(crds, namespace).values()
        return not any("ownerReferences" in raw["metadata"] for raw in found)

    crds.wait_for(disowned, 60, "no service owns what is shared")
    uids = {kind: raw["metadata"]["uid"] for kind, raw in shared(crds, namespace).items()}
    crds.api.create("asvc", service("payments"), namespace)
    crds.api.delete("asvc", "checkout", namespace)
    payments = crds.wait_for(
        lambda: (crds.get("asvc", "payments", namespace) or {}).get("status"), 60, "a status"
    )
    assert payments
    found = shared(crds, namespace)
    assert {kind: raw["metadata"]["uid"] for kind, raw in found.items()} == uids
    assert second.stop() == 0
    # While no operator runs: the next one finds it.
    crds.api.delete("asvc", "payments", namespace)
    operator()
    crds.wait_for(lambda: not shared(crds, namespace), 120, "all is removed")
