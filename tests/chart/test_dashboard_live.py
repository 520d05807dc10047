"""The dashboard's objects on a real API server, and what its account may do there."""

from __future__ import annotations

import copy
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import Api, ApiError
from watched.namespace import with_crds

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RELEASE, RELEASED_IN = "looking", "anomaly-system"
ACCOUNT = f"{RELEASE}-dashboard"
INSTANCE = "anomaly-operator"
SHOP, OTHER = "dashboard-shop", "dashboard-other"
KINDS = ("anomalyservices", "anomalies", "slopolicies")
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"enabled": False},
    "watchNamespaces": [SHOP],
    "dashboard": {
        "enabled": True,
        "pathPrefix": "/anomalies",
        "sourceTokens": "dashboard-sources",
        "proxy": {"enabled": True, "cidrs": ["10.0.12.0/24"]},
        "ingress": {"enabled": True, "host": "ops.example.com", "tlsSecretName": "ops"},
    },
}


@pytest.fixture(scope="module")
def objects(render: Callable[..., list[Json]]) -> list[Json]:
    """Those of the dashboard, and the settings that it mounts."""
    rendered = copy.deepcopy(render(VALUES))
    found = [o for o in rendered if ACCOUNT in o["metadata"]["name"] or o["kind"] == "ConfigMap"]
    for item in found:
        if item["kind"] == "Deployment":
            _bind_pod_address(item["spec"]["template"]["spec"]["containers"][0])
    return found


def _bind_pod_address(container: Json) -> None:
    """The sandbox's pods share the machine's addresses, where the port may be another's."""
    container["args"].append("--host=$(POD_IP)")
    reference = {"fieldRef": {"fieldPath": "status.podIP"}}
    container["env"] = [{"name": "POD_IP", "valueFrom": reference}]


@pytest.fixture(scope="module")
def log(cluster: Sandbox) -> AuditLog:
    """What is asked of the API server from before the dashboard's start."""
    return cluster.audit().since_now()


@pytest.fixture(scope="module")
def installed(cluster: Sandbox, objects: list[Json], log: AuditLog) -> Iterator[Sandbox]:
    """After `log` begins."""
    with_crds(cluster)
    for name in (SHOP, OTHER):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.map_image("anomaly-operator/dashboard:*", ["python", "-m", "anomaly_dashboard"])
    cluster.apply(objects)
    yield cluster
    for item in objects:
        meta = item["metadata"]
        cluster.api.delete(item["kind"], meta["name"], meta.get("namespace"))


@pytest.fixture(scope="module")
def address(installed: Sandbox) -> str:
    """Of the pod, once its probe says that it is ready."""

    def ready() -> str:
        labels = f"app.kubernetes.io/component=dashboard,app.kubernetes.io/instance={INSTANCE}"
        for pod in installed.list("pods", RELEASED_IN, labels=labels):
            conditions = pod.get("status", {}).get("conditions", ())
            if any((c["type"], c["status"]) == ("Ready", "True") for c in conditions):
                return f"http://{pod['status']['podIP']}"
        return ""

    return installed.wait_for(ready, 90, "the dashboard's pod is ready")


@pytest.fixture(scope="module")
def account(installed: Sandbox) -> Iterator[Api]:
    token = installed.api.token(ACCOUNT, RELEASED_IN)
    api = Api(installed.server, token, installed.ca_file)
    yield api
    api.close()


def review(user: str, verb: str, resource: str, namespace: str) -> Json:
    attributes = {"group": "anomaly-operator.dev", "resource": resource, "verb": verb}
    spec = {"user": user, "resourceAttributes": {**attributes, "namespace": namespace}}
    meta = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    return {**meta, "spec": spec}


def may(cluster: Sandbox, verb: str, resource: str, namespace: str) -> bool:
    asked = review(f"system:serviceaccount:{RELEASED_IN}:{ACCOUNT}", verb, resource, namespace)
    answer = cluster.api.request(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", asked
    )
    return bool(answer["status"]["allowed"])


def test_the_server_takes_every_object_as_it_is_written(
    installed: Sandbox, objects: list[Json]
) -> None:
    """Strictly: a field that the API does not know is an error."""
    done = installed.kubectl(
        "apply",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        input=yaml.safe_dump_all(objects),
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


def asked(url: str, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_its_pod_becomes_ready_and_serves_below_its_prefix(
    address: str, installed: Sandbox
) -> None:
    assert asked(f"{address}:8050/anomalies/")[0] == 401
    status, page = asked(f"{address}:8050/anomalies/", installed.admin_token)
    assert (status, "<title>" in page) == (200, True)
    status, metrics = asked(f"{address}:8051/metrics")
    assert (status, "anomaly_dashboard_synced 1.0" in metrics) == (200, True)


def test_its_pod_was_denied_nothing_and_asked_for_no_more_than_its_rights(
    address: str, log: AuditLog
) -> None:
    requests = [r for r in log.requests(user=f"{RELEASED_IN}:{ACCOUNT}") if r.resource]
    assert {(r.verb, r.namespace) for r in requests} >= {("list", SHOP), ("watch", SHOP)}
    assert [r for r in requests if r.code == 403] == []
    assert {r.verb for r in requests} == {"list", "watch"}
    assert {r.resource for r in requests} == set(KINDS)


def test_its_account_reads_the_three_kinds_of_its_namespaces(
    installed: Sandbox, account: Api
) -> None:
    for kind in KINDS:
        assert account.list(kind, SHOP) == []
        assert may(installed, "watch", kind, SHOP)
        with pytest.raises(ApiError, match="cannot list"):
            account.list(kind, OTHER)


@pytest.mark.parametrize("verb", ["get", "create", "update", "patch", "delete"])
def test_its_account_changes_nothing(installed: Sandbox, account: Api, verb: str) -> None:
    assert not any(may(installed, verb, kind, SHOP) for kind in KINDS)


def test_its_account_asks_for_the_rights_of_the_proxys_users(
    installed: Sandbox, account: Api
) -> None:
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = account.request("POST", path, review("ada", "list", "anomalies", SHOP))
    assert answer["status"]["allowed"] is False


def test_its_account_reads_no_secret(installed: Sandbox, account: Api) -> None:
    with pytest.raises(ApiError, match="cannot list"):
        account.list("secrets", RELEASED_IN)
