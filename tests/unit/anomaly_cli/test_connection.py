"""The commands that speak to a cluster: which one they choose, what they send, what they say when
it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from anomaly_cli.connection import ALL_NAMESPACES, ClusterError, connect
from anomaly_operator.api.resources import ANOMALY, SERVICE
from loopback.server import Answer, Asked, LoopbackServer

RBAC = (
    'anomalies.anomaly-operator.dev "a-1" is forbidden: User "jane" cannot patch resource '
    '"anomalies" in API group "anomaly-operator.dev" in the namespace "shop"'
)
POLICY = (
    "ValidatingAdmissionPolicy 'people' with binding 'people' denied request: "
    "spec.feedback.by is jane"
)


def config(folder: Path, port: int, namespace: str = "shop") -> Path:
    path = folder / "config"
    contexts = [
        {"name": "here", "context": {"cluster": "one", "user": "me", "namespace": namespace}},
        {"name": "bare", "context": {"cluster": "one", "user": "me"}},
    ]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": contexts,
        "clusters": [{"name": "one", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {"token": "opaque"}}],
    }
    path.write_text(json.dumps(document))
    return path


@contextmanager
def served(folder: Path, respond: Callable[[Asked], Answer]) -> Iterator[tuple[str, list[Asked]]]:
    with LoopbackServer(respond) as server:
        yield str(config(folder, server.port)), server.asked


def status(code: int, reason: str, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason}
    return Answer(code, json.dumps({**body, "message": message}).encode())


def answers(document: object) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(200, json.dumps(document).encode())


def test_the_namespace_is_that_of_the_option_else_of_the_context(tmp_path: Path) -> None:
    path = str(config(tmp_path, 1))
    for context, given, expected in (
        ("", "", "shop"),
        ("bare", "", "default"),
        ("here", "web", "web"),
    ):
        with connect(context, given, path) as cluster:
            assert cluster.namespace == expected


def test_the_kubeconfig_is_found_as_kubectl_finds_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    config(home / ".kube", 1, "of-home")
    named = tmp_path / "named"
    named.mkdir()
    path = str(config(named, 1, "of-variable"))
    absent = str(tmp_path / "absent")
    for environment, expected in (
        ({"HOME": str(home)}, "of-home"),
        ({"HOME": str(home), "KUBECONFIG": path}, "of-variable"),
        ({"HOME": str(home), "KUBECONFIG": f"{absent}:{path}"}, "of-variable"),
    ):
        with connect(environment=environment) as cluster:
            assert cluster.namespace == expected
    with pytest.raises(ClusterError, match="--kubeconfig FILE"):
        connect(environment={"HOME": str(tmp_path)})


def test_an_unknown_context_is_named(tmp_path: Path) -> None:
    path = str(config(tmp_path, 1))
    with connect("elsewhere", "", path) as cluster, pytest.raises(ClusterError, match="elsewhere"):
        _ = cluster.namespace


def test_objects_are_read_in_the_namespace_or_in_all(tmp_path: Path) -> None:
    found = {"items": [{"metadata": {"name": "a-1"}}]}
    with served(tmp_path, answers(found)) as (path, asked), connect("", "", path) as cluster:
        (one,) = cluster.list(ANOMALY)
        cluster.list(ANOMALY, ALL_NAMESPACES, labels="a=b")
        cluster.get(SERVICE, "checkout", "web")
    base = "/apis/anomaly-operator.dev/v1alpha1"
    assert (one["kind"], one["metadata"]["name"]) == ("Anomaly", "a-1")
    assert [urlsplit(each.path).path for each in asked] == [
        f"{base}/namespaces/shop/anomalies",
        f"{base}/anomalies",
        f"{base}/namespaces/web/anomalyservices/checkout",
    ]
    assert asked[0].headers["authorization"] == "Bearer opaque"
    assert parse_qs(urlsplit(asked[1].path).query)["labelSelector"] == ["a=b"]


def test_a_patch_is_a_merge_of_the_commands_own_field_manager(tmp_path: Path) -> None:
    change = {"spec": {"resolution": {"note": "restarted"}}}
    with served(tmp_path, answers({})) as (path, asked), connect("", "", path) as cluster:
        cluster.patch(ANOMALY, "a-1", change)
    (one,) = asked
    assert one.method == "PATCH"
    assert one.headers["content-type"] == "application/merge-patch+json"
    assert parse_qs(urlsplit(one.path).query) == {"fieldManager": ["kubectl-anomaly"]}
    assert json.loads(one.body) == change


def test_the_user_is_whom_the_api_server_sees(tmp_path: Path) -> None:
    review = {"status": {"userInfo": {"username": "jane"}}}
    with served(tmp_path, answers(review)) as (path, asked), connect("", "", path) as cluster:
        assert cluster.user() == "jane"
    assert asked[0].path == "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            status(403, "Forbidden", RBAC),
            (
                "user jane may not patch anomalies in namespace shop; ask an administrator for a "
                "role that allows it"
            ),
        ),
        (status(403, "Forbidden", POLICY), "spec.feedback.by is jane"),
        (
            status(404, "NotFound", "the server could not find the requested resource"),
            "the cluster has no resources of anomaly-operator.dev; install the chart first",
        ),
        (status(404, "NotFound", 'anomalies "a-1" not found'), 'anomalies "a-1" not found'),
        (
            status(401, "Unauthorized", "Unauthorized"),
            "the API server does not accept the credentials of this context; log in again",
        ),
        (status(422, "Invalid", "spec.note:\n  too long"), "spec.note: too long"),
    ],
)
def test_a_refusal_is_one_line_for_the_user(tmp_path: Path, answer: Answer, expected: str) -> None:
    with (
        served(tmp_path, lambda asked: answer) as (path, _),
        connect("", "", path) as cluster,
        pytest.raises(ClusterError) as refused,
    ):
        cluster.patch(ANOMALY, "a-1", {})
    assert str(refused.value) == expected


def test_an_absent_object_says_how_to_list_those_that_are_there(tmp_path: Path) -> None:
    gone = status(404, "NotFound", 'anomalies "a-1" not found')
    with served(tmp_path, lambda asked: gone) as (path, _), connect("", "", path) as cluster:
        assert cluster.find(ANOMALY, "a-1") is None
        with pytest.raises(ClusterError, match="kubectl get anomalies -n shop"):
            cluster.get(ANOMALY, "a-1")


def test_an_api_server_that_is_down_is_said_so(tmp_path: Path) -> None:
    with LoopbackServer(answers({})) as server:
        path = str(config(tmp_path, server.port))
    with connect("", "", path) as cluster, pytest.raises(ClusterError, match="cannot reach"):
        cluster.list(ANOMALY)
