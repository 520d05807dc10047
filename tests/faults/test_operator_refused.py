"""What the API server refuses for good: a full quota, and an admission policy that says no."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import NEVER
from watched.quota import full_quota
from watched.stored import whole_status

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

Json = dict[str, Any]
SPEC = {
    "step": "1m",
    "rateInterval": "1m",
    "metrics": [
        {"name": "rate", "role": "Traffic", "query": "rate", "unit": "RequestsPerSecond"},
        {"name": "latency", "role": "Latency", "query": "latency", "unit": "Seconds"},
    ],
    "training": {"schedule": NEVER},
    # No scoring pod comes between: the test says what was detected.
    "inference": {"interval": "1h"},
    "incidents": {"separation": "5h"},
}


class Shop:
    """The service `checkout` in a namespace of its own."""

    def __init__(self, cluster: Sandbox, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def install(self) -> None:
        metadata = {"name": "checkout", "namespace": self.namespace}
        kind = {"apiVersion": names.API_VERSION, "kind": SERVICE.kind}
        self.cluster.apply({**kind, "metadata": metadata, "spec": SPEC})

    def status(self) -> Json:
        return whole_status(self.cluster.get("asvc", "checkout", self.namespace) or {})

    def says(self, kind: str, reason: str) -> Json | None:
        """The condition once it has that reason."""
        for one in self.status().get("conditions", ()):
            if (one["type"], one["reason"]) == (kind, reason):
                return dict(one)
        return None

    def serves(self) -> bool:
        return bool(self.status().get("references", {}).get("inferenceCronJob"))

    def until(self, done: Callable[[], Any], seconds: float = 180) -> Any:
        return self.cluster.wait_for(done, seconds)

    def request_training(self) -> None:
        note = f"anomaly-operator.dev/train-requested-at={secrets.token_hex(4)}"
        where = ("asvc", "checkout", "-n", self.namespace)
        self.cluster.kubectl("annotate", "--overwrite", *where, note, check=True)

    def detect(self, anomalous: int) -> None:
        """A scoring pod found the newest windows anomalous."""
        end = int(time.time()) // 60 * 60
        windows = [
            {"end": text(end - 60 * back), "verdict": "Anomalous", "severity": "High", "score": "6"}
            for back in reversed(range(anomalous))
        ]
        document = {
            "formatVersion": 1,
            "modelRevision": self.status()["model"]["revision"],
            "run": {"outcome": "Succeeded"},
            "scoredFrom": text(end - 60 * anomalous),
            "scoredThrough": text(end),
            "windows": windows,
        }
        path = self.cluster.api.resource("asvc").path(self.namespace, "checkout", "status")
        self.cluster.api.request(
            "PATCH",
            path,
            {
                "apiVersion": names.API_VERSION,
                "kind": SERVICE.kind,
                "metadata": {"name": "checkout", "namespace": self.namespace},
                "status": {"detection": document},
            },
            query={"fieldManager": "anomaly-runtime", "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    def told(self) -> list[Json]:
        """The Events of refusals."""
        events = self.cluster.list("events", self.namespace)
        return [one for one in events if one["reason"] == "ReconcileFailed"]

    def quiet_while_refused(self, tries: int) -> None:
        """Until as many tries were refused: nothing was written, neither status nor Event."""
        # The Event of the first refusal follows its status.
        self.until(self.told)
        log = self.cluster.audit().since_now()

        def written() -> list[Any]:
            found = log.requests(namespace=self.namespace, writes=True)
            return [one for one in found if one.user_agent == names.MANAGED_BY]

        self.until(lambda: sum(one.code >= 400 for one in written()) >= tries)
        assert [one for one in written() if one.code < 400] == []


def text(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@pytest.fixture
def shop(crds: Sandbox, namespace: str) -> Shop:
    return Shop(crds, namespace)


@pytest.fixture
def begin(
    make_operator: Callable[..., LocalOperator], shop: Shop, trainer: str
) -> Callable[[], None]:
    def start() -> None:
        make_operator(shop.namespace, "--no-leader-elect", runtime=trainer)

    return start


@pytest.fixture
def deny(crds: Sandbox, namespace: str) -> Iterator[Callable[[str, str], Callable[[], None]]]:
    """Makes a policy that refuses a resource in the test's namespace; returns what lifts it."""
    made: list[str] = []

    def begin(group: str, resource: str) -> Callable[[], None]:
        name = f"no-{resource}-{namespace}"
        kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
        rule = {
            "apiGroups": [group],
            "apiVersions": ["*"],
            "operations": ["CREATE"],
            "resources": [resource],
        }
        label = {"kubernetes.io/metadata.name": namespace}
        said = f"no {resource} on Sundays"
        crds.apply(
            [
                {
                    **kind,
                    "kind": "ValidatingAdmissionPolicy",
                    "metadata": {"name": name},
                    "spec": {
                        "matchConstraints": {"resourceRules": [rule]},
                        "validations": [{"expression": "false", "message": said}],
                    },
                },
                {
                    **kind,
                    "kind": "ValidatingAdmissionPolicyBinding",
                    "metadata": {"name": name},
                    "spec": {
                        "policyName": name,
                        "validationActions": ["Deny"],
                        "matchResources": {"namespaceSelector": {"matchLabels": label}},
                    },
                },
            ]
        )
        made.append(name)
        return lambda: lift(name)

    def lift(name: str) -> None:
        made.remove(name)
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            crds.kubectl("delete", kind, name, check=True)

    yield begin
    for name in made:
        lift(name)


def test_a_new_service_in_a_full_namespace_says_so_and_goes_on_when_there_is_room(
    shop: Shop, begin: Callable[[], None]
) -> None:
    full_quota(shop.cluster, shop.namespace, "no-jobs", "count/jobs.batch")
    shop.install()
    begin()
    ready = shop.until(lambda: shop.says("Ready", "QuotaExceeded"))
    assert ready["status"] == "False"
    for words in ("refuses Job checkout-", "exceeded quota: no-jobs", "Raise the quota"):
        assert words in ready["message"]
    conditions = {one["type"]: one["status"] for one in shop.status()["conditions"]}
    assert (conditions["Stalled"], conditions["Reconciling"]) == ("True", "False")
    assert not shop.status().get("training", {}).get("job")
    shop.quiet_while_refused(2)
    assert len(shop.told()) == 1
    shop.cluster.kubectl("delete", "quota", "no-jobs", "-n", shop.namespace, check=True)
    shop.until(shop.serves)
    assert shop.until(lambda: shop.says("Stalled", "Steady"))["status"] == "False"
    labels = f"{names.LABEL_COMPONENT}=training"
    assert len(shop.cluster.list("jobs", shop.namespace, labels=labels)) == 1


def test_a_refused_retraining_leaves_model_and_incidents_as_they_are(
    shop: Shop,
    begin: Callable[[], None],
    deny: Callable[[str, str], Callable[[], None]],
) -> None:
    shop.install()
    begin()
    shop.until(shop.serves)
    model = shop.status()["model"]
    lift = deny("batch", "jobs")

    def refused() -> Json | None:
        # The API server takes a moment to know its new policy.
        found = shop.says("Ready", "Rejected")
        if found is None:
            shop.request_training()
        return found

    shop.until(refused)
    assert "no jobs on Sundays" in shop.says("Ready", "Rejected")["message"]  # type: ignore[index]
    assert shop.says("ModelReady", "Rejected")["status"] == "True"  # type: ignore[index]
    assert shop.status()["model"] == model
    before = len(shop.cluster.list("jobs", shop.namespace))
    shop.detect(3)
    shop.until(lambda: shop.status().get("incidents", {}).get("open") == 1)
    shop.until(lambda: len(shop.cluster.list("anomalies", shop.namespace)) == 1)
    assert shop.status()["model"] == model
    lift()
    shop.request_training()
    # Should the API server still know the policy, the next try comes after a back-off of minutes.
    shop.until(lambda: len(shop.cluster.list("jobs", shop.namespace)) > before, 400)
    shop.until(lambda: shop.says("Ready", "Ready") or shop.says("Stalled", "Steady"))


def test_an_incident_whose_object_is_refused_stands_in_the_status_until_it_can_be_made(
    shop: Shop,
    begin: Callable[[], None],
    deny: Callable[[str, str], Callable[[], None]],
) -> None:
    lift = deny(names.GROUP, "anomalies")
    shop.install()
    begin()
    shop.until(shop.serves)
    shop.detect(3)
    stalled = shop.until(lambda: shop.says("Stalled", "Rejected"))
    assert "refuses Anomaly checkout-" in stalled["message"]
    assert shop.status()["incidents"]["open"] == 1
    assert shop.cluster.list("anomalies", shop.namespace) == []
    shop.quiet_while_refused(1)
    lift()
    (anomaly,) = shop.until(lambda: shop.cluster.list("anomalies", shop.namespace), 400)
    assert anomaly["metadata"]["name"] == shop.status()["incidents"]["tracked"][0]["anomaly"]
    shop.until(lambda: shop.says("Stalled", "Steady"))
