"""The control plane itself, as a client sees it."""

from __future__ import annotations

import pytest

from anomaly_sandbox.cluster import Sandbox, SandboxError

pytestmark = pytest.mark.controlplane


def test_an_applied_object_is_there_for_kubectl_and_for_the_client(
    sandbox: Sandbox, namespace: str
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "facts", "namespace": namespace},
        "data": {"answer": "42"},
    }
    sandbox.apply(manifest)
    found = sandbox.get("cm", "facts", namespace)
    assert found is not None
    assert found["data"] == {"answer": "42"}
    shown = sandbox.kubectl("get", "configmap", "facts", "-n", namespace, "-o", "name")
    assert shown.stdout == "configmap/facts\n"


def test_a_refused_manifest_raises_the_servers_words(sandbox: Sandbox, namespace: str) -> None:
    with pytest.raises(SandboxError, match=r"Invalid value|unknown field"):
        sandbox.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "UPPER"}},
            namespace=namespace,
        )


def test_a_service_account_may_do_only_what_it_was_granted(
    sandbox: Sandbox, namespace: str
) -> None:
    kubeconfig = str(sandbox.kubeconfig_for("default", namespace))
    log = sandbox.audit().since_now()
    refused = sandbox.kubectl("--kubeconfig", kubeconfig, "get", "pods", "-n", namespace)
    assert refused.returncode != 0
    assert "forbidden" in refused.stderr
    seen = log.requests(user=f"{namespace}:default", resource="pods")
    assert [(item.verb, item.code) for item in seen] == [("list", 403)]


def test_objects_outlive_a_restart_of_the_api_server(sandbox: Sandbox, namespace: str) -> None:
    before = sandbox.process("kube-apiserver")
    sandbox.restart_apiserver()
    assert sandbox.process("kube-apiserver").pid != before.pid
    assert sandbox.get("namespaces", namespace) is not None
