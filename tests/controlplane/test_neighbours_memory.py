"""An editor of one namespace fills it with large objects; the operator stays under its limit, and
writes nothing about what is not its own.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.observe.room import EACH, FIRST
from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.attack_objects import claiming_config_map, large_config_map
from watched.editor import Editor, make_editor

pytestmark = pytest.mark.controlplane

MIB = 2**20
LIMIT = 512 * MIB
"""The chart's `resources.limits.memory`."""
CONFIG_MAPS, SERVICES, EDITS = 200, 500, 100
CLAIMS = 120
"""ConfigMaps of 64 KB that claim to be of one service; kept, each takes more than 80 KB."""
ROOM = (FIRST + EACH) // 80_000
"""Of these."""
SETTINGS = """
sources:
  default: {{type: Prometheus, url: "http://127.0.0.1:9"}}
watchNamespaces: [{namespace}]
watch: {{inactivity: 5s, serverTimeout: 10s}}
"""

Json = dict[str, Any]


def service(name: str, **annotations: str) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"preset": "OpenTelemetrySpanMetrics", "suspend": True},
    }


def fill(editor: Editor) -> None:
    """The namespace, with services and ConfigMaps that are nobody's."""
    made = [large_config_map(number) for number in range(CONFIG_MAPS)]
    made += [service(f"loaded-{number}", note="x" * 250_000) for number in range(SERVICES)]
    with closing(editor.api()) as api, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: api.create(one["kind"], one, editor.namespace), made))


def edit(editor: Editor, uid: str) -> None:
    """Each edit comes through the watch as an event with the whole object, which from then on
    claims to be a child of the service of `uid`.
    """
    change = {"metadata": {"labels": {names.LABEL_SERVICE_UID: uid}}}
    with closing(editor.api()) as api, ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: api.patch("configmap", f"large-{number}", editor.namespace, change),
                range(EDITS),
            )
        )


def uid_of(cluster: Sandbox, namespace: str, service: str) -> str:
    found = cluster.get("asvc", service, namespace)
    assert found is not None
    return str(found["metadata"]["uid"])


def peak(operator: LocalOperator) -> int:
    """Bytes that the process had resident at most so far."""
    text = Path(f"/proc/{operator.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) * 1024


def total(operator: LocalOperator, *parts: str) -> float:
    """Sum of the series whose text has all `parts`."""
    return sum(
        value
        for series, value in operator.metrics().items()
        if all(part in series for part in parts)
    )


def test_large_objects_of_an_editor_do_not_fill_the_operator(
    crds: Sandbox, namespace: str, tmp_path: Path
) -> None:
    editor = make_editor(crds, namespace)
    fill(editor)
    settings = SETTINGS.format(namespace=namespace)
    # A busy machine may be slow to renew a Lease, which is no matter of memory.
    where = ("--namespace", namespace, "--no-leader-elect")
    with LocalOperator(tmp_path / "operator", crds.kubeconfig, settings, *where) as operator:
        operator.wait_until_leading(300)
        at_start = peak(operator)
        # Anomaly objects have one page in each full list: the start's, and that after the watches.
        pages = ("requests_total", 'verb="list"', '"anomalies"')
        crds.wait_for(lambda: total(operator, *pages) >= 2, 300, "a second full list")
        at_list = peak(operator)
        changes = ("cache_changes_total", '"ConfigMap"')
        wanted = total(operator, *changes) + EDITS
        edit(editor, uid_of(crds, namespace, "loaded-0"))
        crds.wait_for(lambda: total(operator, *changes) >= wanted, 300, "events of the edits")
        at_edits = peak(operator)
    sizes = [number // MIB for number in (at_start, at_list, at_edits)]
    print(f"peak RSS in MiB: start {sizes[0]}, second list {sizes[1]}, edits {sizes[2]}")
    assert max(at_start, at_list, at_edits) < LIMIT


def test_what_claims_to_be_a_service_s_takes_no_more_room_than_its_namespace_has(
    crds: Sandbox, namespace: str, tmp_path: Path
) -> None:
    """Before and after a restart: then the claims are there first."""
    editor = make_editor(crds, namespace)
    editor.create(service("checkout"))
    uid = uid_of(crds, namespace, "checkout")
    settings = SETTINGS.format(namespace=namespace)
    where = ("--namespace", namespace)
    left_out = ("objects_left_out_total", '"ConfigMap"')
    with LocalOperator(tmp_path / "first", crds.kubeconfig, settings, *where) as operator:
        operator.wait_until_leading()
        crds.wait_for(lambda: crds.get("serviceaccount", names.RUNNER, namespace), 60, "an account")
        before = total(operator, "cache_objects")
        with closing(editor.api()) as api, ThreadPoolExecutor(4) as pool:
            made = [claiming_config_map(number, uid) for number in range(CLAIMS)]
            list(pool.map(lambda one: api.create("ConfigMap", one, namespace), made))
        crds.wait_for(lambda: total(operator, *left_out) >= CLAIMS - ROOM, 120, "no more room")
        assert total(operator, "cache_objects") <= before + ROOM
        assert operator.messages().count("namespace holds too much") == 1
    with LocalOperator(tmp_path / "second", crds.kubeconfig, settings, *where) as operator:
        operator.wait_until_leading()
        assert total(operator, *left_out) >= CLAIMS - ROOM
        log = crds.audit().since_now()
        for number in range(3):
            before = total(operator, "reconciles_total")
            note = {"metadata": {"annotations": {"note": str(number)}}}
            editor.patch("asvc", "checkout", note)
            crds.wait_for(lambda n=before: total(operator, "reconciles_total") > n, 60, "a look")
        found = log.requests(writes=True)
        mine = [one for one in found if one.user_agent == names.MANAGED_BY]
        assert [one for one in mine if one.resource not in {"leases", "events"}] == []


def test_a_child_that_an_editor_fills_is_not_applied_again_and_again(
    crds: Sandbox, namespace: str, tmp_path: Path
) -> None:
    editor = make_editor(crds, namespace)
    editor.create(service("checkout"))
    settings = SETTINGS.format(namespace=namespace)
    where = ("--namespace", namespace)
    with (
        LocalOperator(tmp_path / "operator", crds.kubeconfig, settings, *where) as operator,
        closing(editor.api()) as api,
    ):

        def account() -> Json:
            return crds.get("serviceaccount", names.RUNNER, namespace) or {}

        def change(kind: str, name: str, body: Json) -> None:
            """And wait until the operator has looked at the service since."""
            before = total(operator, "reconciles_total")
            api.patch(kind, name, namespace, body)
            crds.wait_for(lambda: total(operator, "reconciles_total") > before, 60, "a reconcile")

        operator.wait_until_leading()
        crds.wait_for(account, 60, "the account of the runner")
        secrets = [{"name": f"{'x' * 200}{number}"} for number in range(1500)]
        log = crds.audit().since_now()
        change("serviceaccount", names.RUNNER, {"imagePullSecrets": secrets})
        crds.wait_for(lambda: writes(log) == 1, 60, "one apply of the account")
        for number in range(3):
            change("asvc", "checkout", {"metadata": {"annotations": {"note": str(number)}}})
        assert writes(log) == 1
        change("serviceaccount", names.RUNNER, {"automountServiceAccountToken": True})
        crds.wait_for(lambda: not account()["automountServiceAccountToken"], 60, "a repair")
        change("asvc", "checkout", {"metadata": {"annotations": {"note": "more"}}})
        assert writes(log) == 2
        assert len(account()["imagePullSecrets"]) == len(secrets), "what others own stays"


def writes(log: AuditLog) -> int:
    """Of the operator, to accounts."""
    found = log.requests(writes=True, resource="serviceaccounts")
    return sum(one.user_agent == names.MANAGED_BY for one in found)
