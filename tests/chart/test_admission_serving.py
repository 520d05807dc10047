"""The admission policies for served models: the operator's own objects pass, and no others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.manifests.run_config import Resolved, resolve
from anomaly_operator.manifests.serving import served_config, serving_deployment, serving_service
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import Api, ApiError
from detector_runtime.contract.serving import Served

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
Change = Callable[[Json], None]
RELEASE = "serving"
NAMESPACE = "served"
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"enabled": False},
    "settings": {"images": {"pullSecrets": ["registry"]}},
    "serving": {"enabled": True, "tokenReviewAccount": "anomaly-server"},
}
KINDS = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
META = Meta(names.API_VERSION, "AnomalyService", NAMESPACE, "checkout", "u-1", "1")


@pytest.fixture(scope="module")
def operator(cluster: Sandbox, render: Callable[..., list[Json]]) -> Iterator[Api]:
    """The operator's own client, with the chart's rights and policies in force."""
    objects = [one for one in render(VALUES) if one["kind"] in KINDS]
    objects = [o for o in objects if "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.apply(objects)
    api = Api(cluster.server, cluster.api.token(RELEASE, "anomaly-system"), cluster.ca_file)
    yield api
    api.close()
    for item in objects:
        meta = item["metadata"]
        cluster.api.delete(item["kind"], meta["name"], meta.get("namespace"))


@pytest.fixture(scope="module")
def settings(render: Callable[..., list[Json]], only: Callable[..., Json]) -> Settings:
    return parse_settings(only(render(VALUES), "ConfigMap")["data"]["settings.yaml"])


def resolved(settings: Settings, **serving: Any) -> Resolved:
    spec, problems = parse_service(
        {"preset": "OpenTelemetrySpanMetrics", "serving": {"enabled": True, **serving}}
    )
    assert spec is not None, problems
    return resolve(META, spec, settings, 0)


@pytest.fixture(scope="module")
def deployment(settings: Settings) -> Json:
    return serving_deployment(resolved(settings), settings)


@pytest.fixture(scope="module")
def in_force(cluster: Sandbox, operator: Api, deployment: Json) -> None:
    unmarked = copy.deepcopy(serving_service(META))
    unmarked["spec"]["type"] = "NodePort"
    evil = copy.deepcopy(deployment)
    evil["spec"]["template"]["spec"]["hostNetwork"] = True
    for kind, body in (("deployments", evil), ("services", unmarked)):
        cluster.wait_for(lambda k=kind, b=body: refused(operator, cluster, k, b), 90, "in force")


def refused(api: Api, sandbox: Sandbox, kind: str, body: Json) -> str:
    """The words of the policy that refuses it; empty when it is admitted."""
    try:
        submit(api, sandbox, kind, body)
    except ApiError as error:
        return str(error) if "ValidatingAdmissionPolicy" in str(error) else ""
    return ""


def submit(api: Api, sandbox: Sandbox, kind: str, body: Json) -> Json:
    # The owner does not exist here; that is another test's business.
    meta = {key: value for key, value in body["metadata"].items() if key != "ownerReferences"}
    path = sandbox.api.resource(kind).path(NAMESPACE)
    return api.request("POST", path, {**body, "metadata": meta}, query={"dryRun": "All"})


@pytest.mark.parametrize("auth", ["None", "Token", "TokenReview"])
def test_what_the_operator_makes_is_admitted(
    cluster: Sandbox, operator: Api, settings: Settings, in_force: None, auth: str
) -> None:
    made = serving_deployment(resolved(settings, auth=auth, replicas=3), settings)
    assert submit(operator, cluster, "deployments", made)["spec"]["replicas"] == 3
    assert submit(operator, cluster, "services", serving_service(META))["spec"]["ports"]
    config = served_config(META, Served("20261122-021500-3f2a9c", "sha256:ab", ""))
    assert submit(operator, cluster, "configmaps", config)["data"]


def pod(change: Json) -> Change:
    return lambda one: one["spec"]["template"]["spec"].update(change)


def container(change: Json) -> Change:
    return lambda one: one["spec"]["template"]["spec"]["containers"][0].update(change)


def volume(source: Json) -> Change:
    return lambda one: one["spec"]["template"]["spec"]["volumes"].append({"name": "x", **source})


def secure(change: Json) -> Change:
    return lambda one: one["spec"]["template"]["spec"]["containers"][0]["securityContext"].update(
        change
    )


TOKEN = {"sources": [{"serviceAccountToken": {"path": "token"}}]}
SECRET = {"secretKeyRef": {"name": "database", "key": "password"}}
EVIL: dict[str, tuple[Change, str]] = {
    "image": (container({"image": "evil:1"}), "may run only the image"),
    "another-verb": (container({"args": ["train"]}), "detector_runtime serve"),
    "command": (container({"command": ["sh"]}), "detector_runtime serve"),
    "account": (pod({"serviceAccountName": "admin"}), "must run as anomaly-runner or anomaly-s"),
    "runner-token": (volume({"projected": TOKEN}), "as anomaly-runner without any"),
    "automount": (pod({"automountServiceAccountToken": True}), "automatically mounted token"),
    "host-path": (volume({"hostPath": {"path": "/"}}), "may mount only the claim"),
    "secret": (volume({"secret": {"secretName": "database"}}), "may mount only the claim"),
    "config": (volume({"configMap": {"name": "app"}}), "may mount only the claim"),
    "writable-models": (
        volume({"persistentVolumeClaim": {"claimName": "anomaly-models"}}),
        "read-only",
    ),
    "claim": (
        volume({"persistentVolumeClaim": {"claimName": "data", "readOnly": True}}),
        "may mount only the claim",
    ),
    "mount-over-code": (
        container({"volumeMounts": [{"name": "scratch", "mountPath": "/opt/venv"}]}),
        "at the paths of the runtime",
    ),
    "init": (pod({"initContainers": [{"name": "i", "image": "evil:1"}]}), "exactly one container"),
    "environment": (
        container({"env": [{"name": "PYTHONPATH", "value": "/tmp"}]}),
        "environment variables other than POD_IP",
    ),
    "secret-environment": (
        container({"env": [{"name": "POD_IP", "valueFrom": SECRET}]}),
        "environment variables other than POD_IP",
    ),
    "probe": (container({"livenessProbe": {"exec": {"command": ["sh"]}}}), "no probe but HTTP"),
    "hook": (
        container({"lifecycle": {"preStop": {"exec": {"command": ["sh"]}}}}),
        "lifecycle hooks",
    ),
    "host-port": (
        container({"ports": [{"name": "http", "containerPort": 8080, "hostPort": 8080}]}),
        "open no port of it",
    ),
    "host-network": (pod({"hostNetwork": True}), "share nothing with their node"),
    "root": (pod({"securityContext": {"runAsUser": 0}}), "non-root user"),
    "escalating": (secure({"allowPrivilegeEscalation": True}), "no privileges"),
    "writable": (secure({"readOnlyRootFilesystem": False}), "read-only root file system"),
    "pull-secret": (pod({"imagePullSecrets": [{"name": "database"}]}), "images.pullSecrets"),
    "many": (lambda one: one["spec"].update(replicas=30), "at most 3 replicas"),
    "name": (lambda one: one["metadata"].update(name="checkout"), "names ending in -api-"),
}


@pytest.mark.parametrize("case", EVIL)
def test_a_stolen_operator_token_runs_nothing_else(
    cluster: Sandbox, operator: Api, deployment: Json, in_force: None, case: str
) -> None:
    change, words = EVIL[case]
    evil = copy.deepcopy(deployment)
    change(evil)
    assert words in refused(operator, cluster, "deployments", evil)


EVIL_SERVICES: dict[str, tuple[Json, str]] = {
    "node-port": ({"type": "NodePort"}, "type ClusterIP"),
    "external-address": ({"externalIPs": ["198.51.100.7"]}, "no external address"),
    "pods-of-others": ({"selector": {"app": "database"}}, "select the servers"),
}


@pytest.mark.parametrize("case", EVIL_SERVICES)
def test_a_service_leads_to_servers_alone(
    cluster: Sandbox, operator: Api, in_force: None, case: str
) -> None:
    change, words = EVIL_SERVICES[case]
    service = serving_service(META)
    evil = {**service, "spec": {**service["spec"], **change}}
    assert words in refused(operator, cluster, "services", evil)


def test_the_served_revision_is_all_that_its_config_holds(
    cluster: Sandbox, operator: Api, in_force: None
) -> None:
    config = served_config(META, Served("20261122-021500-3f2a9c", "sha256:ab", ""))
    evil = {**config, "data": {**config["data"], "app.conf": "x"}}
    assert "only the key served.json" in refused(operator, cluster, "configmaps", evil)


def test_a_deployment_of_others_is_left_alone(
    cluster: Sandbox, operator: Api, deployment: Json, in_force: None
) -> None:
    foreign = copy.deepcopy(deployment)
    foreign["metadata"] = {"name": "shop-api-0123abcd", "namespace": NAMESPACE}
    cluster.apply(foreign)
    for kind in ("DELETE", "PATCH"):
        path = f"{cluster.api.resource('deployments').path(NAMESPACE)}/shop-api-0123abcd"
        marked = {"metadata": {"labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}}}
        body = None if kind == "DELETE" else marked
        options = {} if body is None else {"content_type": "application/merge-patch+json"}
        with pytest.raises(ApiError, match="was not created by the operator"):
            operator.request(kind, path, body, **options)
    cluster.api.delete("deployments", "shop-api-0123abcd", NAMESPACE)
