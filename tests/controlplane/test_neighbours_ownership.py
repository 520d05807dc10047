"""What the services of a namespace share, on a real API server with its garbage collector.

An editor of the namespace makes and deletes the services, and what RBAC lets them of the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.controller.routing import MENDERS
from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.editor import Editor, make_editor
from watched.namespace import operator_writes

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

SHARED = {
    "serviceaccounts": names.RUNNER,
    "roles": names.RUNNER,
    "rolebindings": names.RUNNER,
    "persistentvolumeclaims": names.MODELS_CLAIM,
}
SETTINGS = """
watchNamespaces: {namespaces}
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
"""
HOLD = "example.com/hold"
"""A finalizer by which a test keeps an object that is being deleted."""

Start = Callable[..., LocalOperator]


@pytest.fixture
def operator(crds: Sandbox, namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Starts operators that watch `namespace`, or those that are named; the lease is in it."""
    made: list[LocalOperator] = []

    def start(*namespaces: str) -> LocalOperator:
        folder = tmp_path / f"operator-{len(made)}"
        text = SETTINGS.format(namespaces=list(namespaces or (namespace,)))
        made.append(LocalOperator(folder, crds.kubeconfig, text, "--namespace", namespace).start())
        return made[-1].wait_until_leading()

    yield start
    for one in made:
        if one.alive():
            one.stop()


@pytest.fixture
def editor(crds: Sandbox, namespace: str) -> Editor:
    return make_editor(crds, namespace)


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {"preset": "OpenTelemetrySpanMetrics", **spec},
    }


def shared(crds: Sandbox, namespace: str) -> dict[str, dict[str, Any]]:
    found = {kind: crds.get(kind, name, namespace) for kind, name in SHARED.items()}
    return {
        kind: raw
        for kind, raw in found.items()
        if raw and not raw["metadata"].get("deletionTimestamp")
    }


def test_owners_of_an_older_version_go_and_the_last_service_takes_all_with_it(
    crds: Sandbox, namespace: str, operator: Start, editor: Editor
) -> None:
    made = editor.create(service("checkout"))
    first = operator()
    crds.wait_for(lambda: len(shared(crds, namespace)) == len(SHARED), 60, "all is made")
    assert first.stop() == 0
    reference = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "name": "checkout",
        "uid": made["metadata"]["uid"],
    }
    owned = {"metadata": {"ownerReferences": [reference]}}
    for kind, name in SHARED.items():
        crds.api.patch(kind, name, namespace, owned)
    second = operator()

    def disowned() -> bool:
        found = shared(crds, namespace).values()
        return not any("ownerReferences" in raw["metadata"] for raw in found)

    crds.wait_for(disowned, 60, "no service owns what is shared")
    uids = {kind: raw["metadata"]["uid"] for kind, raw in shared(crds, namespace).items()}
    editor.create(service("payments"))
    editor.kubectl("delete", "asvc", "checkout")
    payments = crds.wait_for(
        lambda: (crds.get("asvc", "payments", namespace) or {}).get("status"), 60, "a status"
    )
    assert payments
    found = shared(crds, namespace)
    assert {kind: raw["metadata"]["uid"] for kind, raw in found.items()} == uids
    assert second.stop() == 0
    # While no operator runs: the next one finds it.
    editor.kubectl("delete", "asvc", "payments")
    operator()
    crds.wait_for(lambda: not shared(crds, namespace), 120, "all is removed")


def quiet(crds: Sandbox, *namespaces: str) -> bool:
    """No write of the operator for two seconds."""
    log = crds.audit().since_now()
    time.sleep(2.0)
    return not any(operator_writes(log, namespace) for namespace in namespaces)


def written(log: AuditLog, namespace: str) -> list[tuple[str, str, int]]:
    return [(one.resource, one.name, one.code) for one in operator_writes(log, namespace)]


def test_what_an_editor_does_to_shared_objects_is_repaired_by_one_write(
    crds: Sandbox, namespace: str, operator: Start, editor: Editor
) -> None:
    for number in range(6):
        editor.create(service(f"service-{number}", suspend=True))
    operator()
    crds.wait_for(lambda: len(shared(crds, namespace)) == len(SHARED), 60, "all is made")
    crds.wait_for(lambda: quiet(crds, namespace), 60, "nothing is written")
    for kind in ("roles", "rolebindings"):
        for verb in (("delete",), ("patch", "--type=merge", "-p", '{"metadata":{"labels":null}}')):
            refused = editor.kubectl(verb[0], kind, SHARED[kind], *verb[1:], check=False)
            assert "is forbidden" in refused.stderr
    unmarked = {"metadata": {"labels": {names.LABEL_MANAGED_BY: None}}}
    for kind in ("serviceaccounts", "persistentvolumeclaims"):
        for act in ("patch", "delete"):
            uid = shared(crds, namespace)[kind]["metadata"]["uid"]
            log = crds.audit().since_now()
            if act == "patch":
                editor.patch(kind, SHARED[kind], unmarked)
            else:
                editor.kubectl("delete", kind, SHARED[kind])

            def repaired(kind: str = kind, act: str = act, uid: str = uid) -> bool:
                found = shared(crds, namespace).get(kind, {}).get("metadata", {})
                marked = names.LABEL_MANAGED_BY in found.get("labels", {})
                return marked and (act == "patch") is (found["uid"] == uid)

            crds.wait_for(repaired, 60, f"{act} of {kind} is repaired")
            crds.wait_for(lambda: quiet(crds, namespace), 60, "nothing is written")
            assert len(written(log, namespace)) == 1, (act, written(log, namespace))


@pytest.mark.parametrize("running", [True, False], ids=["running", "down"])
def test_a_namespace_that_is_deleted_is_left_alone(
    crds: Sandbox,
    namespace: str,
    make_namespace: Callable[[], str],
    operator: Start,
    running: bool,
) -> None:
    doomed = make_namespace()
    editor = make_editor(crds, doomed)
    crds.api.create("asvc", service("kept", suspend=True), namespace)
    for number in range(6):
        editor.create(service(f"service-{number}", suspend=True))
    process = operator(namespace, doomed)
    crds.wait_for(lambda: len(shared(crds, doomed)) == len(SHARED), 60, "all is made")
    crds.wait_for(lambda: quiet(crds, doomed, namespace), 60, "nothing is written")
    if not running:
        assert process.stop() == 0
    # An editor can keep the namespace, a service and the account in deletion for any time.
    held = (("asvc", "service-0"), ("serviceaccounts", names.RUNNER))
    for kind, name in held:
        editor.patch(kind, name, {"metadata": {"finalizers": [HOLD]}})
    log = crds.audit().since_now()
    crds.api.delete("namespaces", doomed)

    def terminated() -> bool:
        services = [one["metadata"]["name"] for one in crds.list("asvc", doomed)]
        account = crds.get("serviceaccounts", names.RUNNER, doomed) or {"metadata": {}}
        claim = crds.get("persistentvolumeclaims", names.MODELS_CLAIM, doomed)
        deleting = "deletionTimestamp" in account["metadata"]
        return services == ["service-0"] and deleting and claim is None

    crds.wait_for(terminated, 90, "all is deleted that nobody holds")
    if not running:
        process = operator(namespace, doomed)
    crds.wait_for(lambda: quiet(crds, doomed), 60, "nothing is written")
    later = crds.audit().since_now()
    crds.api.patch("asvc", "service-0", doomed, {"metadata": {"finalizers": None}})
    crds.wait_for(lambda: not crds.list("asvc", doomed), 30, "the last service is gone")
    crds.wait_for(lambda: quiet(crds, doomed), 60, "nothing is written")
    crds.api.patch("serviceaccounts", names.RUNNER, doomed, {"metadata": {"finalizers": None}})
    crds.wait_for(lambda: crds.get("namespaces", doomed) is None, 60, "the namespace is gone")
    assert written(later, doomed) == []
    # While its objects go one after the other, each that is shared may be missed once.
    tried = written(log, doomed)
    assert len(tried) <= (MENDERS * len(SHARED) if running else 0), tried
    assert {code for _, _, code in tried} <= {403}
    crds.api.patch("asvc", "kept", namespace, {"spec": {"step": "2m"}})

    def answered() -> bool:
        found = crds.get("asvc", "kept", namespace) or {"status": {}}
        return bool(found["status"]["observedGeneration"] == 2)

    crds.wait_for(answered, 60, "the other namespace is served")
    assert "defect" not in process.messages()
