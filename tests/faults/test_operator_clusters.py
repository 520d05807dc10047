"""Clusters as they are: an injector of sidecars, and a platform that assigns the user IDs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE as SERVICE_RESOURCE
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import NEVER
from watched.stored import whole_status

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

Json = dict[str, Any]
POLICIES = "admissionregistration.k8s.io/v1"
SERVICE: Json = {
    "apiVersion": names.API_VERSION,
    "kind": SERVICE_RESOURCE.kind,
    "metadata": {"name": "checkout"},
    "spec": {"preset": "OpenTelemetrySpanMetrics", "training": {"schedule": NEVER}},
}
INJECT = """
!has(object.metadata.annotations) || !("sidecar.istio.io/inject" in object.metadata.annotations)
|| object.metadata.annotations["sidecar.istio.io/inject"] != "false"
"""
SIDECAR = """
[JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{
name: "istio-proxy", image: "anomaly-sandbox/host:1", command: ["sleep", "100000"]}}]
"""
FIRST, LAST = 1000700000, 1000709999
IN_RANGE = f"""
!has(object.spec.securityContext.runAsUser) ||
(object.spec.securityContext.runAsUser >= {FIRST} &&
object.spec.securityContext.runAsUser <= {LAST})
"""


@pytest.fixture
def policy(crds: Sandbox, namespace: str) -> Iterator[Callable[[str, Json], None]]:
    """Puts an admission policy on the pods of the test's namespace."""
    made: list[tuple[str, str]] = []

    def put(kind: str, spec: Json) -> None:
        name = f"{kind.lower()}-{namespace}"
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
        matched = {"resourceRules": [{**rule, "resources": ["pods"]}]}
        place = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
        binding: Json = {"policyName": name, "matchResources": place}
        if kind.startswith("Validating"):
            binding["validationActions"] = ["Deny"]
        for suffix, body in (("", {"matchConstraints": matched, **spec}), ("Binding", binding)):
            item = {"apiVersion": POLICIES, "kind": f"{kind}{suffix}", "metadata": {"name": name}}
            crds.apply({**item, "spec": body})
            made.append((f"{kind}{suffix}", name))

    yield put
    for kind, name in reversed(made):
        crds.kubectl("delete", kind, name, check=True)


@pytest.fixture
def run(
    crds: Sandbox, namespace: str, trainer: str, make_operator: Callable[..., LocalOperator]
) -> Callable[[str], Json]:
    """Runs the service with these settings of pods until its model serves; its status."""

    def begin(pods: str) -> Json:
        crds.apply({**SERVICE, "metadata": {"name": "checkout", "namespace": namespace}})
        make_operator(namespace, "--no-leader-elect", runtime=trainer, pods=pods)
        found: Json = crds.wait_for(lambda: _serving(crds, namespace), 300, "a model serves")
        return found

    return begin


def _serving(cluster: Sandbox, namespace: str) -> Json | None:
    status: Json = whole_status(cluster.get("asvc", "checkout", namespace) or {})
    return status if status.get("references", {}).get("inferenceCronJob") else None


def _injected(cluster: Sandbox, namespace: str) -> bool:
    """Whether the injector is in force: the API server takes a moment to know a policy."""
    probe = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    path = cluster.api.resource("pods").path(namespace)
    made = cluster.api.request("POST", path, probe, query={"dryRun": "All"})
    return len(made["spec"]["containers"]) == 2


@pytest.fixture
def injector(crds: Sandbox, namespace: str, policy: Callable[[str, Json], None]) -> None:
    """Adds an ordinary container that never ends, unless a pod opts out."""
    crds.wait_for(lambda: crds.get("serviceaccounts", "default", namespace), 60)
    condition = {"name": "not-opted-out", "expression": " ".join(INJECT.split())}
    policy(
        "MutatingAdmissionPolicy",
        {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConditions": [condition],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": SIDECAR}}],
        },
    )
    crds.wait_for(lambda: _injected(crds, namespace), 90, "the injector is in force")


def told(cluster: Sandbox, namespace: str) -> list[Json]:
    events = cluster.list("events", namespace)
    return [one for one in events if one["reason"] == "PodKeptRunning"]


@pytest.mark.usefixtures("injector")
def test_trainings_opt_out_of_the_injection(
    crds: Sandbox, namespace: str, run: Callable[[str], Json]
) -> None:
    run("{}")
    labels = f"{names.LABEL_COMPONENT}=training"
    (job,) = crds.list("jobs", namespace, labels=labels)
    assert [one["type"] for one in job["status"]["conditions"] if one["status"] == "True"][-1:] == [
        "Complete"
    ]
    for pod in crds.list("pods", namespace):
        assert [one["name"] for one in pod["spec"]["containers"]] == [names.CONTAINER]
    assert told(crds, namespace) == []


@pytest.mark.usefixtures("injector")
def test_a_sidecar_that_never_ends_takes_no_model_away(
    crds: Sandbox, namespace: str, run: Callable[[str], Json]
) -> None:
    status = run("{annotations: {}, labels: {}}")
    assert status["training"].get("lastFailure") is None
    labels = f"{names.LABEL_COMPONENT}=training"
    crds.wait_for(lambda: not crds.list("jobs", namespace, labels=labels), 60, "the Job is deleted")
    (event,) = crds.wait_for(lambda: told(crds, namespace), 60)
    assert "The container istio-proxy keeps the pod" in event["message"]


def test_the_platform_assigns_the_user(
    crds: Sandbox,
    namespace: str,
    policy: Callable[[str, Json], None],
    run: Callable[[str], Json],
) -> None:
    said = f"runAsUser must be in the range {FIRST} to {LAST}"
    rule = {"expression": " ".join(IN_RANGE.split()), "message": said}
    policy("ValidatingAdmissionPolicy", {"failurePolicy": "Fail", "validations": [rule]})
    run("{securityContext: {uidFromPlatform: true}}")
    (pod, *_) = crds.list("pods", namespace, labels=f"{names.LABEL_COMPONENT}=training")
    assert "runAsUser" not in pod["spec"]["securityContext"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
