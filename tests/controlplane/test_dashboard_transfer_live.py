"""Export, import and the editor of SLO policies against a real API server: who owns a field, what
admission refuses, and that the way out and in again changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_dashboard.watched.sight import Scope, Scopes
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.writes.manifest_text import read, written
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.client.login import KubeconfigLogin
from anomaly_sandbox.cluster import Sandbox
from unit.anomaly_dashboard.signed_in import OpenDoor, browser

pytestmark = pytest.mark.controlplane

EXAMPLES = Path(__file__).parents[2] / "operator" / "examples"
FILES = (
    "minimal.yaml",
    "own-queries.yaml",
    "slo-policy.yaml",
    "slo-objectives.yaml",
    "shop/services.yaml",
    "shop/slo-policy.yaml",
)
Json = dict[str, Any]


@dataclass
class Desk:
    """The dashboard for somebody with that kubeconfig, over what the cluster holds now."""

    sandbox: Sandbox
    namespace: str
    kubeconfig: Path

    def door(self) -> OpenDoor:
        store, here = Store(), Scope(namespaces=frozenset({self.namespace}))
        for resource in (SERVICE, POLICY, ANOMALY):
            found = self.sandbox.api.request("GET", resource.path(self.namespace))["items"]
            store.replace(resource, found)
        made = OpenDoor(store, Scopes(here, here, here))
        made.person = replace(made.person, login=KubeconfigLogin(self.kubeconfig))
        return made

    async def export(self) -> str:
        async with browser(self.door()) as client:
            return (await client.get("/transfer/export.yaml")).text

    async def post(self, path: str, **form: Any) -> str:
        at = self.door()
        async with browser(at) as client:
            answer = await client.post(path, data={"csrf": at.person.csrf, **form})
        assert answer.status_code == 200, answer.text
        return answer.text

    def versions(self) -> dict[str, str]:
        """What tells that an object was written."""
        return {
            f"{resource.kind}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
            for resource in (SERVICE, POLICY, ANOMALY)
            for one in self.sandbox.api.request("GET", resource.path(self.namespace))["items"]
        }


@pytest.fixture
def desk(crds: Sandbox, namespace: str) -> Desk:
    """The examples of the documentation as kubectl applies them, and an incident with an answer."""
    text = "\n---\n".join((EXAMPLES / name).read_text() for name in FILES)
    text = text.replace("namespace: shop\n", f"namespace: {namespace}\n")
    crds.kubectl("apply", "-n", namespace, "-f", "-", input=text, check=True)
    body = {
        "apiVersion": ANOMALY.api_version,
        "kind": ANOMALY.kind,
        "metadata": {"name": "checkout-0123456789ab-x"},
        "spec": {
            "serviceRef": {"name": "checkout"},
            "openingPattern": "latency_spike_recent",
            "fingerprint": "0123456789ab",
            "firstSeen": "2026-11-26T02:10:00Z",
            "acknowledgement": {"by": "zoe", "at": "2026-11-26T02:20:00Z", "comment": "no: 18:00"},
        },
    }
    crds.api.create("anomalies", body, namespace)
    return Desk(crds, namespace, crds.kubeconfig)


async def test_out_and_in_again_changes_nothing(desk: Desk) -> None:
    before, text = desk.versions(), await desk.export()
    count = len(read(text))
    assert count == len(before) > 8
    page = await desk.post("/transfer", manifest=text)
    assert f"{count} documents: {count} changes nothing." in page
    chosen = [str(number) for number in range(count)]
    await desk.post("/transfer", manifest=text, action="apply", document=chosen)
    assert desk.versions() == before
    assert await desk.export() == text


async def test_what_was_lost_comes_back_as_it_was(
    desk: Desk, make_namespace: Callable[[], str]
) -> None:
    text = await desk.export()
    mine = [one for one in read(text) if one.resource != ANOMALY]
    other = Desk(desk.sandbox, make_namespace(), desk.kubeconfig)
    moved = "---\n".join(written(one.manifest) for one in mine).replace(
        f"namespace: {desk.namespace}\n", f"namespace: {other.namespace}\n"
    )
    chosen = [str(number) for number in range(len(mine))]
    page = await other.post("/transfer", manifest=moved, action="apply", document=chosen)
    assert f"{len(mine)} applied." in page
    found = {
        one.title.partition("/")[2]: one.manifest["spec"] for one in read(await other.export())
    }
    assert found == {one.title.partition("/")[2]: one.manifest["spec"] for one in mine}
    assert f"{len(mine)} changes nothing." in await other.post("/transfer", manifest=moved)


async def test_a_field_of_a_git_tool_stays_its_own(desk: Desk) -> None:
    manifest = {
        "apiVersion": POLICY.api_version,
        "kind": POLICY.kind,
        "metadata": {"name": "gitops", "namespace": desk.namespace},
        "spec": {"thresholds": {"latency": {"critical": "2s"}}},
    }
    desk.sandbox.api.request(
        "PATCH",
        POLICY.path(desk.namespace, "gitops"),
        manifest,
        query={"fieldManager": "argocd-controller"},
        content_type="application/apply-patch+yaml",
    )
    path = f"/policies/{desk.namespace}/gitops"
    changed = yaml.safe_dump({**manifest, "spec": {"thresholds": {"latency": {"critical": "3s"}}}})
    page = await desk.post(path, action="apply", manifest=changed)
    assert (
        "spec.thresholds.latency.critical is owned by argocd-controller; change it in Git" in page
    )
    more = {"thresholds": {"latency": {"critical": "2s"}}, "busyPeriodFactor": "3"}
    page = await desk.post(
        path, action="apply", manifest=yaml.safe_dump({**manifest, "spec": more})
    )
    assert "busyPeriodFactor is owned" not in page
    assert "Applied." in page


async def test_admission_speaks_where_the_operator_has_nothing_to_say(desk: Desk) -> None:
    manifest = yaml.safe_dump(
        {
            "apiVersion": POLICY.api_version,
            "kind": POLICY.kind,
            "metadata": {"name": "fresh"},
            "spec": {
                "thresholds": {"latency": {"critical": "2s"}},
                "busyPeriodFactor": "20",
            },
        }
    )
    page = await desk.post(
        "/policies/new", action="check", manifest=manifest, namespace=desk.namespace
    )
    assert "busyPeriodFactor is 20, allowed is 1 to 10" in page
    assert "SLOPolicy/fresh" not in desk.versions()


async def test_an_account_without_rights_changes_nothing_and_is_told_so(desk: Desk) -> None:
    text = (await desk.export()).replace("critical: 1s", "critical: 900ms")
    before = desk.versions()
    pod = Desk(desk.sandbox, desk.namespace, desk.sandbox.kubeconfig_for("default", desk.namespace))
    count = len(read(text))
    chosen = [str(number) for number in range(count)]
    page = await pod.post("/transfer", manifest=text, action="apply", document=chosen)
    assert f"{count} refused" in page
    assert "may not get" in page
    assert desk.versions() == before
