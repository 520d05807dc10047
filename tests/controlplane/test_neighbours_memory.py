"""An editor of one namespace fills it with large objects; the operator stays under its limit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator

pytestmark = pytest.mark.controlplane

EDITOR = "editor"
MIB = 2**20
LIMIT = 512 * MIB
"""The chart's `resources.limits.memory`."""
SETTINGS = """
sources:
  default: {{type: Prometheus, url: "http://127.0.0.1:9"}}
watchNamespaces: [{namespace}]
watch: {{inactivity: 5s, serverTimeout: 10s, relist: 20s}}
"""


def config_map(number: int) -> dict[str, Any]:
    labels = {names.LABEL_WATCHED: names.WATCHED}
    metadata = {"name": f"large-{number}", "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"a": "x" * 1_000_000},
    }


def service(number: int) -> dict[str, Any]:
    metadata = {"name": f"loaded-{number}", "annotations": {"note": "x" * 250_000}}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": metadata,
        "spec": {"preset": "OpenTelemetrySpanMetrics", "suspend": True},
    }


def make(cluster: Sandbox, namespace: str, folder: Path, made: list[dict[str, Any]]) -> None:
    """As the editor, some tens of megabytes a time."""
    for start in range(0, len(made), 50):
        path = folder / "objects.json"
        items = {"apiVersion": "v1", "kind": "List", "items": made[start : start + 50]}
        path.write_text(json.dumps(items))
        cluster.kubectl("create", "-f", str(path), "-n", namespace, f"--as={EDITOR}", check=True)


def peak(operator: LocalOperator) -> int:
    """Bytes that the process had resident at most so far."""
    text = Path(f"/proc/{operator.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) * 1024


def test_large_objects_of_an_editor_do_not_fill_the_operator(
    crds: Sandbox, namespace: str, tmp_path: Path
) -> None:
    crds.kubectl(
        *("create", "role", EDITOR, "-n", namespace, "--verb=create,get"),
        "--resource=configmaps,anomalyservices.anomaly-operator.dev",
        check=True,
    )
    crds.kubectl(
        *("create", "rolebinding", EDITOR, "-n", namespace),
        *(f"--role={EDITOR}", f"--user={EDITOR}"),
        check=True,
    )
    make(crds, namespace, tmp_path, [config_map(number) for number in range(200)])
    make(crds, namespace, tmp_path, [service(number) for number in range(500)])
    settings = SETTINGS.format(namespace=namespace)
    where = ("--namespace", namespace)
    with LocalOperator(tmp_path / "operator", crds.kubeconfig, settings, *where) as operator:
        operator.wait_until_leading(300)
        at_start = peak(operator)
        crds.kubectl("delete", "configmap", "large-0", "-n", namespace, check=True)
        crds.wait_for(lambda: _listed(operator, namespace) >= 3, 300, "lists of the operator")
        at_relist = peak(operator)
    print(f"peak RSS: start {at_start // MIB} MiB, relist {at_relist // MIB} MiB")
    assert at_start < LIMIT
    assert at_relist < LIMIT


def _listed(operator: LocalOperator, namespace: str) -> float:
    """Pages of Anomaly objects, of which each full list takes one: the start's and the relists'."""
    return sum(
        value
        for series, value in operator.metrics().items()
        if "requests_total" in series and 'verb="list"' in series and '"anomalies"' in series
    )
