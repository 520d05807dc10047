"""The dashboard's objects on a real API server, and what its account may do there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import Api, ApiError
from watched.namespace import with_crds

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RELEASE, RELEASED_IN = "looking", "anomaly-system"
ACCOUNT = f"{RELEASE}-dashboard"
SHOP, OTHER = "dashboard-shop", "dashboard-other"
KINDS = ("anomalyservices", "anomalies", "slopolicies")
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"enabled": False},
    "watchNamespaces": [SHOP],
    "dashboard": {
        "enabled": True,
        "sourceTokens": "dashboard-sources",
        "proxy": {"enabled": True, "cidrs": ["10.0.12.0/24"]},
        "ingress": {"enabled": True, "host": "ops.example.com", "tlsSecretName": "ops"},
    },
}


@pytest.fixture(scope="module")
def objects(render: Callable[..., list[Json]]) -> list[Json]:
    """Those of the dashboard, which starts no pod here."""
    found = [o for o in render(VALUES) if ACCOUNT in o["metadata"]["name"]]
    for item in found:
        if item["kind"] == "Deployment":
            item["spec"]["replicas"] = 0
    return found


@pytest.fixture(scope="module")
def installed(cluster: Sandbox, objects: list[Json]) -> Iterator[Sandbox]:
    with_crds(cluster)
    for name in (SHOP, OTHER):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.apply(objects)
    yield cluster
    for item in objects:
        meta = item["metadata"]
        cluster.api.delete(item["kind"], meta["name"], meta.get("namespace"))


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
