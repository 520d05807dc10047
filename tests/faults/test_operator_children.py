"""What people do to a service and its children while the operator runs, or while it does not."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import NEVER
from watched.stored import whole_status

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

KINDS = {
    "configmaps": "scoring-config",
    "cronjobs": "inference",
    "serviceaccounts": "runner",
    "roles": "runner",
    "rolebindings": "runner",
}
SENSITIVE = {"falseIncidentsPerWeek": "20"}
"""So short a history is no base for the usual threshold; what is detected is not the point here."""
SPEC: dict[str, Any] = {
    "source": {"name": "files"},
    "step": "1m",
    "rateInterval": "1m",
    "metrics": [
        {"name": "rate", "role": "Traffic", "query": "rate", "unit": "RequestsPerSecond"},
        {"name": "latency", "role": "Latency", "query": "latency", "unit": "Seconds"},
    ],
    "training": {
        "schedule": NEVER,
        "lookback": "1d",
        "minSamples": {"univariate": 100, "multivariate": 200},
    },
    "inference": {"interval": "1h"},
    "incidents": {"separation": "5h"},
    "detector": SENSITIVE,
}


def history(minutes: int = 800) -> str:
    end = int(time.time()) // 60 * 60
    noise = random.Random(2)
    rows = ["timestamp,rate,latency"]
    for minute in range(minutes):
        moment = end - 60 * (minutes - 1 - minute)
        rows.append(f"{moment},{50 + noise.gauss(0, 1):.3f},{0.1 + noise.random() / 100:.5f}")
    return "\n".join(rows) + "\n"


def service(namespace: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": SERVICE.kind,
        "metadata": {"name": "checkout", "namespace": namespace},
        "spec": {**SPEC, **spec},
    }


def files(namespace: str, content: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "metrics-files", "namespace": namespace},
        "data": {"checkout.csv": content},
    }


class Shop:
    """One service in one namespace, watched by an operator."""

    def __init__(self, cluster: Sandbox, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def apply(self, **spec: Any) -> None:
        self.cluster.apply(service(self.namespace, **spec))

    def get(self) -> dict[str, Any]:
        return self.cluster.get("asvc", "checkout", self.namespace) or {}

    def status(self) -> dict[str, Any]:
        return whole_status(self.get())

    def condition(self, kind: str) -> dict[str, Any]:
        for entry in self.status().get("conditions", []):
            if entry["type"] == kind:
                return dict(entry)
        return {}

    def until(self, done: Callable[[], Any], seconds: float = 180) -> Any:
        return self.cluster.wait_for(done, seconds)

    def serves(self) -> Any:
        return self.status().get("references", {}).get("inferenceCronJob")

    def child(self, kind: str) -> dict[str, Any] | None:
        """The newest of our objects of a kind that is there for good."""
        found = [
            item
            for item in self.cluster.list(
                kind, self.namespace, labels="anomaly-operator.dev/watched=true"
            )
            if item["metadata"]["labels"].get(names.LABEL_COMPONENT) == KINDS.get(kind)
            and not item["metadata"].get("deletionTimestamp")
        ]
        return max(found, key=lambda item: str(item["metadata"]["creationTimestamp"]), default=None)

    def kubectl(self, *arguments: str) -> None:
        self.cluster.kubectl(*arguments, "-n", self.namespace, check=True)


@pytest.fixture
def shop(crds: Sandbox, namespace: str, make_operator: Callable[..., LocalOperator]) -> Shop:
    """A service that has its first model."""
    crds.apply(files(namespace, history()))
    found = Shop(crds, namespace)
    found.apply()
    make_operator(namespace, "--no-leader-elect")
    found.until(found.serves)
    return found


def test_children_come_back_as_they_were(shop: Shop) -> None:
    """Deleted, edited by a person with kubectl, stripped of our label."""
    for kind in KINDS:
        before = shop.child(kind)
        assert before is not None, kind
        name, uid = before["metadata"]["name"], before["metadata"]["uid"]
        shop.kubectl("delete", kind, name)
        shop.until(lambda kind=kind, uid=uid: _other(shop.child(kind), uid))
        after = shop.child(kind)
        assert after is not None
        assert after["metadata"]["name"] == name
        for part in ("data", "rules", "roleRef"):
            assert after.get(part) == before.get(part), kind
    cron_job = shop.child("cronjobs")
    assert cron_job is not None
    name, wanted = cron_job["metadata"]["name"], cron_job["spec"]
    edit = {"spec": {"schedule": "0 0 1 1 *", "concurrencyPolicy": "Allow"}}
    shop.kubectl("patch", "cronjob", name, "--type=merge", "-p", json.dumps(edit))
    shop.until(lambda: (shop.child("cronjobs") or {}).get("spec") == wanted)
    shop.kubectl("label", "cronjob", name, f"{names.LABEL_WATCHED}-")
    shop.until(lambda: shop.child("cronjobs"))


def _other(found: dict[str, Any] | None, uid: str) -> bool:
    return found is not None and found["metadata"]["uid"] != uid


def test_a_spec_changed_while_it_trains_ends_with_a_model_for_the_new_spec(shop: Shop) -> None:
    first = shop.status()["model"]["revision"]
    shop.apply(detector={**SENSITIVE, "seed": 1})
    shop.until(lambda: len(shop.cluster.list("jobs", shop.namespace, labels=_TRAINING)) == 2)
    shop.apply(detector={**SENSITIVE, "seed": 2})
    shop.until(lambda: len(shop.cluster.list("jobs", shop.namespace, labels=_TRAINING)) == 3)
    shop.until(lambda: not shop.status()["training"].get("running"))
    status = shop.status()
    assert status["model"]["revision"] != first
    assert status["model"]["inputs"] == status["training"]["inputs"]
    assert shop.condition("ModelReady")["status"] == "True"


_TRAINING = f"{names.LABEL_COMPONENT}=training"


def test_suspended_resumed_deleted_and_made_anew(shop: Shop) -> None:
    shop.apply(suspend=True)
    shop.until(lambda: shop.status().get("state") == "Suspended")
    cron_job = shop.child("cronjobs")
    assert cron_job is not None
    assert cron_job["spec"]["suspend"] is True
    shop.apply(suspend=False)
    shop.until(lambda: (shop.child("cronjobs") or {}).get("spec", {}).get("suspend") is False)
    model = shop.status()["model"]["revision"]
    shop.kubectl("delete", "asvc", "checkout", "--wait=true")
    shop.until(lambda: shop.child("cronjobs") is None)
    shop.until(lambda: shop.cluster.get("pvc", names.MODELS_CLAIM, shop.namespace) is None)
    shop.apply()
    shop.until(shop.serves)
    assert shop.status()["model"]["revision"] != model


def test_a_foreign_claim_is_left_alone_until_it_is_gone(
    crds: Sandbox, namespace: str, make_operator: Callable[..., LocalOperator]
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": names.MODELS_CLAIM, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    crds.apply([claim, files(namespace, history())])
    before = crds.get("pvc", names.MODELS_CLAIM, namespace)
    assert before is not None
    found = Shop(crds, namespace)
    found.apply()
    make_operator(namespace, "--no-leader-elect")
    found.until(lambda: found.condition("Ready").get("reason") == "NameConflict")
    assert found.condition("Stalled")["status"] == "True"
    after = crds.get("pvc", names.MODELS_CLAIM, namespace)
    assert after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert crds.list("jobs", namespace) == []
    found.kubectl("delete", "pvc", names.MODELS_CLAIM)
    found.kubectl("annotate", "asvc", "checkout", "look=again")
    found.until(found.serves)


def test_a_status_of_a_newer_format_is_left_alone(
    crds: Sandbox, namespace: str, make_operator: Callable[..., LocalOperator]
) -> None:
    found = Shop(crds, namespace)
    found.apply()
    patch = json.dumps({"status": {"formatVersion": 3, "state": "Healthy"}})
    found.kubectl("patch", "asvc", "checkout", "--subresource=status", "--type=merge", "-p", patch)
    version = found.get()["metadata"]["resourceVersion"]
    operator = make_operator(namespace, "--no-leader-elect")
    other = {**service(namespace), "metadata": {"name": "witness", "namespace": namespace}}
    crds.apply(other)
    found.until(lambda: (crds.get("asvc", "witness", namespace) or {}).get("status"))
    assert operator.alive()
    assert found.get()["metadata"]["resourceVersion"] == version
    assert crds.list("jobs", namespace, labels=f"{names.LABEL_SERVICE}=checkout") == []

    def told() -> str:
        events = [one for one in crds.list("events", namespace) if one["type"] == "Warning"]
        return "".join(one.get("note") or one["message"] for one in events)

    found.until(lambda: "status.formatVersion is 3, but this operator writes 2" in told())
    refused = 'anomaly_operator_reconciles_total{kind="AnomalyService",result="NewerStatus"}'
    assert operator.metrics()[refused] >= 1
    # As the page on rollbacks says.
    patch = json.dumps({"status": None})
    found.kubectl("patch", "asvc", "checkout", "--subresource=status", "--type=merge", "-p", patch)
    found.until(lambda: bool(found.condition("Ready")))


def test_a_namespace_deleted_while_the_operator_is_down_leaves_nothing(
    crds: Sandbox, make_namespace: Callable[[], str], make_operator: Callable[..., LocalOperator]
) -> None:
    namespace = make_namespace()
    crds.apply(files(namespace, history()))
    found = Shop(crds, namespace)
    found.apply()
    operator = make_operator(namespace, "--no-leader-elect")
    found.until(found.serves)
    operator.stop()
    crds.kubectl("delete", "namespace", namespace, "--wait=false", check=True)
    found.until(lambda: crds.get("namespaces", namespace) is None)
    operator.start()
    assert operator.alive()
    assert crds.list("asvc", namespace) == []
