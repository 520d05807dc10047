"""Cascades on a real API server: a table of faults with known roots, and an operator that is killed
at its writes.

The services are suspended: no pod comes between, and the tests apply what scoring pods would.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from pretend.graph import STEP, STORE, detection
from watched.killed import Reaper, settled
from watched.namespace import NEVER

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SPEC = {
    "suspend": True,
    "step": "2m",
    "training": {"schedule": NEVER},
    "inference": {"interval": "1h"},
    "incidents": {"separation": "5h"},
}
CALLS: Mapping[str, Sequence[str]] = {
    "chain-web": ["chain-gateway"],
    "chain-gateway": ["chain-checkout"],
    "chain-checkout": ["chain-payments"],
    "chain-payments": [],
    "calm-checkout": ["calm-payments"],
    "calm-payments": [],
    "two-orders": ["two-db"],
    "two-stock": ["two-db"],
    "two-db": [],
    "apart-checkout": ["apart-payments"],
    "apart-payments": [],
    "blind-gateway": ["blind-checkout"],
    "blind-checkout": ["blind-payments"],
    "blind-payments": [],
}
FAULT = {
    "chain-web": "waits",
    "chain-gateway": "waits",
    "chain-checkout": "waits",
    "chain-payments": "slow",
    "calm-payments": "slow",
    "two-orders": "database",
    "two-stock": "database",
    "two-db": "store",
    "apart-checkout": "database",
    "apart-payments": "slow",
    "blind-gateway": "waits",
    "blind-checkout": "waits",
}
"""A chain of four, a cushioned dependency, a shared database, two independent faults, and a service
without data at the end of a chain."""
ROOTS = {
    "chain-web": "chain-payments",
    "chain-gateway": "chain-payments",
    "chain-checkout": "chain-payments",
    "chain-payments": "",
    "calm-payments": "",
    "two-orders": "two-db",
    "two-stock": "two-db",
    "two-db": "",
    "apart-checkout": "",
    "apart-payments": "",
    "blind-gateway": "blind-checkout",
    "blind-checkout": "",
}


class Shop:
    """The services of one namespace, and their windows."""

    def __init__(
        self, cluster: Sandbox, namespace: str, calls: Mapping[str, Sequence[str]]
    ) -> None:
        self.cluster, self.namespace, self.calls = cluster, namespace, calls
        self.end = int(time.time()) // STEP * STEP - 10 * STEP
        self.shown: dict[str, list[str]] = {name: [] for name in calls}
        for name, callees in calls.items():
            own: dict[str, Any] = {"preset": "OpenTelemetrySpanMetrics"}
            if name.endswith("-db"):
                own = {"metrics": STORE}
            depends_on = [{"name": one} for one in callees]
            cluster.apply(
                {
                    "apiVersion": names.API_VERSION,
                    "kind": "AnomalyService",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {**SPEC, **own, "dependsOn": depends_on},
                }
            )

    def window(self, fault: Mapping[str, str]) -> None:
        """One more window of every service, with all before it, applied as the runtime does."""
        self.end += STEP
        for name in self.calls:
            self.shown[name].append(fault.get(name, ""))
            document = {
                "formatVersion": 1,
                "modelRevision": "",
                "run": {"outcome": "Succeeded"},
                **detection(self.end, self.shown[name]),
            }
            body = {
                "apiVersion": names.API_VERSION,
                "kind": "AnomalyService",
                "metadata": {"name": name, "namespace": self.namespace},
                "status": {"detection": document},
            }
            self.cluster.api.request(
                "PATCH",
                self.cluster.api.resource("asvc").path(self.namespace, name, "status"),
                body,
                query={"fieldManager": "anomaly-runtime", "force": "true"},
                content_type="application/apply-patch+yaml",
            )

    def folded(self, fault: Mapping[str, str]) -> bool:
        """Whether each incident has an object that knows the newest window."""
        newest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.end))
        said = self.incidents()
        return all(said.get(name, {}).get("lastSeen") == newest for name in fault)

    def incidents(self) -> dict[str, Any]:
        found = self.cluster.list("anomalies", self.namespace)
        return {one["spec"]["serviceRef"]["name"]: one.get("status", {}) for one in found}

    def roots(self) -> dict[str, str]:
        return {
            name: said.get("rootCause", {}).get("service", "")
            for name, said in self.incidents().items()
        }

    def symptoms(self, name: str) -> list[str]:
        return sorted(one["service"] for one in self.incidents()[name].get("symptoms", []))


def test_each_cascade_names_its_root_and_lists_its_symptoms(
    crds: Sandbox, namespace: str, make_operator: Callable[..., LocalOperator]
) -> None:
    shop = Shop(crds, namespace, CALLS)
    make_operator(namespace, "--no-leader-elect").wait_until_leading()
    for number in range(4):
        shop.window(FAULT)
        if number:  # the second window confirms an incident
            crds.wait_for(lambda: shop.folded(FAULT), 120)
    assert shop.roots() == ROOTS
    for root in ROOTS:
        assert shop.symptoms(root) == sorted(one for one, of in ROOTS.items() if of == root)
    table = crds.kubectl("get", "anomalies", "-n", namespace, check=True).stdout.splitlines()
    column = table[0].index("ROOT")
    (row,) = (line for line in table if line.startswith("chain-web-"))
    assert row[column:].split()[0] == "chain-payments"
    cause = shop.incidents()["chain-web"]["rootCause"]
    assert cause["path"] == ["chain-web", "chain-gateway", "chain-checkout", "chain-payments"]
    assert cause["verdict"] == "ChainDegraded"
    assert shop.incidents()["two-db"]["symptomCount"] == 2
    for _ in range(3):
        shop.window({})
    crds.wait_for(
        lambda: all(one.get("state") == "Closed" for one in shop.incidents().values()), 120
    )
    crds.wait_for(lambda: settled(crds, namespace), 90)
    assert shop.roots() == ROOTS


THREE: Mapping[str, Sequence[str]] = {
    "gateway": ["checkout"],
    "checkout": ["payments"],
    "payments": [],
}
ONE_FAULT = {"gateway": "waits", "checkout": "waits", "payments": "slow"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_its_writes_it_names_the_same_root(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    proxy: Any,
    tmp_path: Path,
    moment: str,
) -> None:
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    shop = Shop(crds, namespace, THREE)
    operator = make_operator(namespace, "--no-leader-elect", config=config)
    operator.wait_until_leading()
    crds.wait_for(lambda: settled(crds, namespace), 90)
    shop.window(ONE_FAULT)
    crds.wait_for(lambda: settled(crds, namespace), 90)
    reaper = Reaper(operator, proxy, 2, moment)
    for _ in range(3):
        shop.window(ONE_FAULT)
        reaper.until(lambda: shop.folded(ONE_FAULT), 300)
    reaper.rest()
    crds.wait_for(lambda: settled(crds, namespace), 90)
    assert len(reaper.deaths) >= 3
    assert shop.roots() == {"gateway": "payments", "checkout": "payments", "payments": ""}
    shop.window(ONE_FAULT)
    crds.wait_for(lambda: shop.symptoms("payments") == ["checkout", "gateway"], 90)
