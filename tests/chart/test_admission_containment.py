"""The admission policy for containment Jobs: the administrator's Job passes, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.manifests.containment_job import Target, containment_job
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.world.objects import Meta
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import Api, ApiError

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RELEASE = "containing"
NAMESPACE = "contained"
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"enabled": False},
    "settings": {
        "images": {"pullSecrets": ["registry"]},
        "containment": {
            "enabled": True,
            "namespaces": [NAMESPACE],
            "serviceAccountName": "contain",
            "template": {
                "image": "registry.example/contain:1",
                "command": ["contain"],
                "args": ["--service", "$(ANOMALY_SERVICE)"],
            },
        },
    },
}
KINDS = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


@pytest.fixture(scope="module")
def operator(cluster: Sandbox, render: Callable[..., list[Json]]) -> Iterator[Api]:
    """The operator's own client, with the chart's rights and policies in force."""
    objects = [one for one in render(VALUES) if one["kind"] in KINDS]
    objects = [o for o in objects if "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    for name in (NAMESPACE, "not-contained"):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.apply(objects)
    token = cluster.api.token(RELEASE, "anomaly-system")
    api = Api(cluster.server, token, cluster.ca_file)
    yield api
    api.close()
    for item in objects:
        meta = item["metadata"]
        cluster.api.delete(item["kind"], meta["name"], meta.get("namespace"))


@pytest.fixture(scope="module")
def job(render: Callable[..., list[Json]], only: Callable[..., Json]) -> Json:
    """As the operator makes it with these values."""
    settings = parse_settings(only(render(VALUES), "ConfigMap")["data"]["settings.yaml"])
    service = Meta(names.API_VERSION, "AnomalyService", NAMESPACE, "checkout", "u-1", "1")
    return containment_job(service, settings, Target("checkout-9f2c1a7be01d-mi5k2x", "a", "High"))


@pytest.fixture(scope="module")
def in_force(cluster: Sandbox, operator: Api, job: Json) -> None:
    def refused() -> bool:
        evil = copy.deepcopy(job)
        evil["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
        try:
            submit(operator, cluster, evil)
        except ApiError as error:
            return "settings.containment.template" in str(error)
        return False

    cluster.wait_for(refused, 90, "the policy for containment is in force")


def submit(api: Api, sandbox: Sandbox, body: Json, namespace: str = NAMESPACE) -> Json:
    moved = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
    path = sandbox.api.resource("jobs").path(namespace)
    return api.request("POST", path, moved, query={"dryRun": "All"})


def test_the_administrators_job_is_admitted(
    cluster: Sandbox, operator: Api, job: Json, in_force: None
) -> None:
    made = submit(operator, cluster, job)
    assert made["metadata"]["name"] == job["metadata"]["name"]
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == "contain"


def pod(change: Json) -> Callable[[Json], None]:
    return lambda job: job["spec"]["template"]["spec"].update(change)


def container(change: Json) -> Callable[[Json], None]:
    return lambda job: job["spec"]["template"]["spec"]["containers"][0].update(change)


def secure(change: Json) -> Callable[[Json], None]:
    def apply(job: Json) -> None:
        job["spec"]["template"]["spec"]["containers"][0]["securityContext"].update(change)

    return apply


HOST = [{"name": "host", "hostPath": {"path": "/"}}]
SECRET = [{"name": "database", "secret": {"secretName": "database"}}]
EVIL: dict[str, tuple[Callable[[Json], None], str]] = {
    "image": (container({"image": "evil:1"}), "must have image, command and args"),
    "command": (container({"command": ["sh"]}), "must have image, command and args"),
    "args": (container({"args": ["--service", "other"]}), "must have image, command and args"),
    "account": (pod({"serviceAccountName": "admin"}), "settings.containment.serviceAccountName"),
    "runner": (
        pod({"serviceAccountName": "anomaly-runner"}),
        "settings.containment.serviceAccountName",
    ),
    "host-path": (pod({"volumes": HOST}), "must mount nothing"),
    "secret": (pod({"volumes": SECRET}), "must mount nothing"),
    "init": (
        pod({"initContainers": [{"name": "i", "image": "evil:1"}]}),
        "exactly one container",
    ),
    "environment": (
        container({"env": [{"name": "LD_PRELOAD", "value": "/tmp/evil.so"}]}),
        "must not set environment variables",
    ),
    "secret-environment": (
        container(
            {
                "env": [
                    {
                        "name": "ANOMALY_NAME",
                        "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}},
                    }
                ]
            }
        ),
        "must not set environment variables",
    ),
    "escalating": (secure({"allowPrivilegeEscalation": True}), "without privileges"),
    "writable": (secure({"readOnlyRootFilesystem": False}), "read-only root file system"),
    "host-network": (pod({"hostNetwork": True}), "share nothing with their node"),
    "node": (pod({"nodeName": "node-1"}), "share nothing with their node"),
    "pull-secret": (
        pod({"imagePullSecrets": [{"name": "database"}]}),
        "settings.images.pullSecrets",
    ),
    "retries": (lambda job: job["spec"].update(backoffLimit=3), "backoffLimit 0"),
    "name": (lambda job: job["metadata"].update(name="anything"), "must have a name"),
}


@pytest.mark.parametrize("case", EVIL)
def test_a_stolen_operator_token_contains_nothing_else(
    cluster: Sandbox, operator: Api, job: Json, in_force: None, case: str
) -> None:
    change, words = EVIL[case]
    evil = copy.deepcopy(job)
    change(evil)
    with pytest.raises(ApiError) as caught:
        submit(operator, cluster, evil)
    assert caught.value.status == 403, caught.value
    assert words in str(caught.value)


def test_another_namespace_is_refused(
    cluster: Sandbox, operator: Api, job: Json, in_force: None
) -> None:
    with pytest.raises(ApiError, match=r"not in not-contained"):
        submit(operator, cluster, job, "not-contained")


def test_without_the_label_it_is_no_containment(
    cluster: Sandbox, operator: Api, job: Json, in_force: None
) -> None:
    plain = copy.deepcopy(job)
    plain["metadata"]["labels"][names.LABEL_COMPONENT] = "training"
    with pytest.raises(ApiError, match="the operator may run only the images"):
        submit(operator, cluster, plain)


def test_switched_off_the_label_opens_nothing(render: Callable[..., list[Json]]) -> None:
    objects = render({"fullnameOverride": RELEASE, "crds": {"enabled": False}})
    policies = {
        one["metadata"]["name"]: one
        for one in objects
        if one["kind"] == "ValidatingAdmissionPolicy"
    }
    assert f"{RELEASE}-containment" not in " ".join(policies)
    (runs,) = (one for name, one in policies.items() if name.endswith("-workloads"))
    assert [one["name"] for one in runs["spec"]["matchConditions"]] == ["by-the-operator"]
