"""SLO policies: the list, the form, whom a change would judge, and the way to the API server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from anomaly_dashboard.views.policies import as_policy, preview
from anomaly_dashboard.views.policy_form import form_of, overlaid
from anomaly_dashboard.watched.store import Store
from anomaly_dashboard.writes.manifest_text import written
from anomaly_operator.api.resources import POLICY, SERVICE
from loopback.manifest_server import ManifestServer
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser

SPEC: dict[str, Any] = {
    "serviceSelector": {"matchLabels": {"tier": "web"}},
    "thresholds": {"latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"}},
    "busyPeriodFactor": "1.5",
}
TOTAL = "sum(increase(requests[$(window)]))"


def policy(name: str = "web", created: str = "2026-01-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": POLICY.api_version,
        "kind": POLICY.kind,
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1",
                     "creationTimestamp": created},
        "spec": spec or SPEC,
        "status": {},
    }  # fmt: skip


def manifest(name: str = "web", **spec: Any) -> dict[str, Any]:
    raw = policy(name, **spec)
    return {**raw, "metadata": {"name": name, "namespace": "shop"}, "status": None}


def text(name: str = "web", **spec: Any) -> str:
    return written({key: value for key, value in manifest(name, **spec).items() if value})


def service(name: str, tier: str = "web", policy: str = "") -> dict[str, Any]:
    reference = {"sloPolicyRef": {"name": policy}} if policy else {}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1",
                     "labels": {"tier": tier}},
        "spec": reference,
    }  # fmt: skip


def test_a_form_without_changes_changes_nothing() -> None:
    objective = {
        "name": "availability",
        "target": "99.9%",
        "indicator": {"ratio": {"errors": "e[$(window)]", "total": TOTAL}},
        "tiers": {"pageFast": {"enabled": False}},
    }
    spec = {**SPEC, "objectives": [objective], "overrides": [{"service": "a"}]}
    form = form_of(spec)
    groups = (*form.thresholds, *form.objectives)
    sent = {one.name: one.value for group in groups for one in group.fields}
    assert overlaid(spec, {**sent, "selector": form.selector}) == spec


def test_a_form_sets_adds_and_removes() -> None:
    found = overlaid(
        SPEC,
        {
            "latency.critical": " 2s ",
            "latency.warning": "",
            "errorRate.critical": "3%",
            "selector": "tier=api, team = payments",
            "objective.0.name": "fast",
            "objective.0.target": "99%",
            "objective.0.good": "g",
            "objective.0.total": TOTAL,
            "objective.1.name": "",
        },
    )
    assert found == {
        "serviceSelector": {"matchLabels": {"tier": "api", "team": "payments"}},
        "thresholds": {
            "latency": {"acceptable": "500ms", "critical": "2s"},
            "errorRate": {"critical": "3%"},
        },
        "busyPeriodFactor": "1.5",
        "objectives": [
            {"name": "fast", "target": "99%", "indicator": {"ratio": {"good": "g", "total": TOTAL}}}
        ],
    }
    assert SPEC["thresholds"]["latency"]["critical"] == "1s"
    assert "objectives" not in overlaid(found, {"objective.0.name": ""})


def test_whom_a_policy_would_judge() -> None:
    services = [service("a"), service("b", "api"), service("c", "db"), service("d", "db", "web")]
    old = as_policy(policy("old", "2025-01-01T00:00:00Z"), NOW)
    now = as_policy(policy("web", serviceSelector={"matchLabels": {"tier": "db"}}), NOW)
    then = as_policy(policy("web", serviceSelector={"matchLabels": {"tier": "api"}}), NOW)
    found = preview(then, services, [old, now])
    assert [one.name for one in found.gained] == ["b"]
    assert [(one.name, one.after) for one in found.lost] == [("c", "")]
    assert [one.name for one in found.stays] == ["d"]
    new = as_policy(manifest("new"), NOW)
    assert preview(new, services, [old]).count == 0, "the older one keeps what both select"


@pytest.fixture
def server() -> Iterator[ManifestServer]:
    with ManifestServer() as running:
        running.put(POLICY.plural, policy())
        yield running


def door(server: ManifestServer | None, *, allowed: bool = True) -> OpenDoor:
    store = Store()
    store.put(POLICY, policy())
    store.put(SERVICE, service("checkout"))
    made = OpenDoor(store, allowed=allowed)
    if server is not None:
        made.person = replace(made.person, login=server.login)
    return made


async def sent(at: OpenDoor, path: str = "/policies/shop/web", **form: str) -> str:
    async with browser(at) as client:
        answer = await client.post(path, data={"csrf": at.person.csrf, **form})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_list_shows_the_worst_first_and_the_page_of_one_its_services() -> None:
    at = door(None)
    bad = policy("burnt", "2026-02-01T00:00:00Z")
    bad["status"] = {
        "services": 3, "exhausted": 1, "burning": 1,
        "objectives": [{"service": "a", "objective": "fast", "state": "Burning",
                        "tier": "PageFast", "budgetLeft": "-12%"}],
        "conditions": [{"type": "Valid", "status": "False", "message": "thresholds <clash>"}],
    }  # fmt: skip
    at.store.put(POLICY, bad)
    async with browser(at) as client:
        listed = (await client.get("/policies?page=9&q=&namespace=shop")).text
        page = (await client.get("/policies/shop/burnt")).text
        own = (await client.get("/policies/shop/web")).text
        assert (await client.get("/policies/shop/none")).status_code == 404
        assert (await client.get("/policies/new")).status_code == 400
    assert listed.index("burnt") < listed.index(">web<")
    assert "1 exhausted" in listed
    assert "thresholds &lt;clash&gt;" in listed
    assert "-12%" in page
    assert 'href="/services/shop/checkout"' in own
    assert "you can only read" in own
    assert 'value="apply"' not in own


async def test_a_check_is_a_dry_run_and_shows_what_changes(server: ManifestServer) -> None:
    changed = {**SPEC, "busyPeriodFactor": "2", "serviceSelector": {"matchLabels": {"tier": "x"}}}
    page = await sent(door(server), action="check", manifest=text(**changed))
    assert "would accept it" in page
    assert "- busyPeriodFactor" not in page
    assert "removed" in page
    assert "It would no longer judge" in page
    assert 'value="apply"' in page
    assert server.written == []
    assert "anns-token" not in page


async def test_apply_writes_once_and_not_at_all_where_nothing_changes(
    server: ManifestServer,
) -> None:
    at = door(server)
    assert "Nothing changes" in await sent(at, action="apply", manifest=text())
    assert server.written == []
    page = await sent(at, action="apply", manifest=text(**{**SPEC, "busyPeriodFactor": "2"}))
    assert "Applied." in page
    assert len(server.written) == 1


async def test_who_may_not_apply_does_not_whatever_the_form_says(server: ManifestServer) -> None:
    page = await sent(
        door(server, allowed=False),
        action="apply",
        manifest=text(**{**SPEC, "busyPeriodFactor": "2"}),
    )
    assert server.written == []
    assert "You may not patch slopolicies in namespace shop" in page
    assert "would accept it" in page


async def test_without_a_token_the_difference_is_shown_and_nothing_is_asked() -> None:
    page = await sent(door(None), manifest=text(**{**SPEC, "busyPeriodFactor": "2"}))
    assert "The API server was not asked" in page
    assert "Difference to what is there" in page


async def test_the_form_is_written_into_the_text_and_checked(server: ManifestServer) -> None:
    page = await sent(
        door(server), **{"action": "form", "manifest": text(), "latency.critical": "3s"}
    )
    assert "critical: 3s" in page
    assert server.written == []


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("a: [", "not YAML: line 1"),
        (text("other"), "metadata.name is other, this page is of web"),
        (text(thresholds={"latency": {"critical": "1ms"}}), "spec.thresholds.latency: acceptable"),
        (text(objectives=[{"name": "a", "target": "0.9%"}]), "spec.objectives[0].target"),
        ("kind: Secret\napiVersion: v1", "only AnomalyService"),
        ("", "0 documents"),
    ],
)
async def test_what_cannot_be_used_is_said_with_the_field_before_the_api_server_is_asked(
    server: ManifestServer, said: str, problem: str
) -> None:
    page = await sent(door(server), action="apply", manifest=said)
    assert problem in page
    assert server.asked == []


async def test_a_field_of_a_git_tool_is_left_to_it(server: ManifestServer) -> None:
    server.refuse(
        POLICY.plural, "shop", "web", 409,
        "Apply failed with 2 conflicts: conflicts with \"argocd-controller\" using "
        "anomaly-operator.dev/v1alpha1:\n- .spec.busyPeriodFactor\n"
        "- .spec.overrides[service=\"a\"].latency.critical",
    )  # fmt: skip
    changed = text(**{**SPEC, "busyPeriodFactor": "2"})
    page = await sent(door(server), action="apply", manifest=changed)
    assert (
        "spec.busyPeriodFactor, spec.overrides[service=&#34;a&#34;].latency.critical are owned by "
        "argocd-controller; change it in Git" in page
    )
    server.refuse(
        POLICY.plural, "shop", "web", 409,
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using '
        "anomaly-operator.dev/v1alpha1: .spec.busyPeriodFactor",
    )  # fmt: skip
    page = await sent(door(server), action="apply", manifest=changed)
    assert "spec.busyPeriodFactor is owned by kubectl-client-side-apply; copy the YAML" in page


async def test_a_new_policy_is_made(server: ManifestServer) -> None:
    at = door(server)
    async with browser(at) as client:
        start = (await client.get("/policies/new?namespace=shop")).text
    assert "name: new-policy" in start
    page = await sent(at, "/policies/new", action="apply", namespace="shop", manifest=text("fresh"))
    assert "Applied." in page
    assert server.written == [POLICY.path("shop", "fresh")]
