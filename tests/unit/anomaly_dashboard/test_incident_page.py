"""The page of an incident: what to do, why, what may be answered, and what it must not show."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from anomaly_dashboard.identity.caller import Caller
from anomaly_dashboard.views.incident import incident_view
from anomaly_dashboard.watched.sight import EVERYTHING, Scope, Scopes, Sight
from anomaly_dashboard.watched.store import Store
from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.client.login import KubeconfigLogin, Login
from pretend.fleet import fleet
from pretend.hostile import HARM
from pretend.told import BEGAN, anomaly
from unit.anomaly_dashboard.explore.trial_desk import desk
from unit.anomaly_dashboard.explore.trial_desk import service as trial_service
from unit.anomaly_dashboard.explore.trial_desk import store as trial_store
from unit.anomaly_dashboard.signed_in import NOW, OpenDoor, browser

ROOT = {"service": "payments", "namespace": "billing", "anomaly": "payments-1",
        "confidence": "85%", "path": ["checkout", "cart", "billing/payments"]}  # fmt: skip
LOGIN = KubeconfigLogin("nowhere")


def service(name: str, namespace: str = "shop", severity: str = "None") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {}, "status": {"severity": severity}}


def stored(*incidents: dict[str, Any], services: tuple[dict[str, Any], ...] = ()) -> Store:
    store = Store()
    for one in incidents:
        store.put(ANOMALY, one)
    for one in services:
        store.put(SERVICE, one)
    return store


def place(raw: dict[str, Any]) -> str:
    return f"/incidents/{raw['metadata']['namespace']}/{raw['metadata']['name']}"


async def page_of(
    raw: dict[str, Any], door: OpenDoor, *, status: int = 200, prefix: str = ""
) -> str:
    async with browser(door, prefix) as client:
        found = await client.get(prefix + place(raw))
    assert found.status_code == status
    return found.text


def headings(page: str) -> list[int]:
    return [int(level) for level in re.findall(r"<h([1-6])", page)]


async def test_the_first_screen_says_what_is_wrong_why_and_what_to_do() -> None:
    one = anomaly(
        priority={
            "value": 82, "tier": "P1", "owner": "payments on-call", "nextStep": "Roll back",
            "deadline": to_text(BEGAN + 900), "parts": [{"name": "Severity", "points": 45}],
        },
        rootCause=ROOT,
    )  # fmt: skip
    page = await page_of(one, OpenDoor(stored(one, services=(service("checkout"),))))
    top = page.partition('id="answer-head"')[0]
    assert "latency 812 ms, usually 190 to 240 ms" in top
    assert "Roll back." in top
    assert "payments on-call" in top
    assert f'datetime="{to_text(BEGAN + 900)}"' in top
    assert "by nobody yet" in top
    assert "confidence 85%" in top


async def test_a_missed_deadline_is_said_in_a_word() -> None:
    one = anomaly(priority={"value": 50, "tier": "P2", "deadline": to_text(NOW - 60)})
    assert "Missed" in await page_of(one, OpenDoor(stored(one)))


def test_the_path_leads_from_the_root_over_the_services_between() -> None:
    one = anomaly(rootCause=ROOT, symptoms=[{"service": "gateway", "severity": "Low"}])
    here = service("checkout"), service("cart", severity="Medium")
    view = incident_view(one, Sight(stored(one, services=here), EVERYTHING), NOW)
    assert view.graph is not None
    assert [(box.whole, box.kind) for box in view.graph.boxes] == [
        ("billing/payments", "root"), ("cart", "path"), ("checkout", "here"),
        ("gateway", "symptom"),
    ]  # fmt: skip
    assert view.graph.boxes[1].severity == "Medium"
    assert view.graph.said == "From billing/payments to cart to checkout; symptoms: gateway."


def test_an_incident_that_stands_alone_has_no_path() -> None:
    one = anomaly()
    assert incident_view(one, Sight(stored(one), EVERYTHING), NOW).graph is None


def test_what_the_caller_may_not_read_is_named_and_not_linked() -> None:
    one = anomaly(rootCause=ROOT)
    root = anomaly("payments-1", "billing", "payments")
    store = stored(one, root, services=(service("payments", "billing"),))
    own = Scope(namespaces=frozenset({"shop"}))
    hidden = incident_view(one, Sight(store, Scopes(own, own, own)), NOW).root
    seen = incident_view(one, Sight(store, EVERYTHING), NOW).root
    assert hidden is not None
    assert seen is not None
    assert (hidden.service, hidden.row, hidden.anomaly) == ("payments", None, "")
    assert seen.anomaly == "payments-1"


async def test_an_incident_of_a_namespace_out_of_sight_is_not_told_from_one_that_is_not() -> None:
    one = anomaly()
    door = OpenDoor(stored(one), Scopes())
    answers = [
        await page_of(one, door, status=404),
        await page_of(one, OpenDoor(Store()), status=404),
    ]
    # The mark from which on a page hears of changes is another one in each process.
    unmarked = {re.sub(r'data-since="[0-9a-f]+"', "", answer) for answer in answers}
    assert len(unmarked) == 1
    async with browser(door) as client:
        for kind in ("md", "html"):
            assert (await client.get(f"{place(one)}/report.{kind}")).status_code == 404


@pytest.mark.parametrize(
    ("login", "allowed", "forms", "said"),
    [
        (LOGIN, True, True, "Acknowledge: I handle it"),
        (LOGIN, False, False, "the right to patch anomalies in namespace shop"),
        (None, True, False, "You are signed in read-only"),
    ],
)
async def test_forms_are_there_for_who_may_answer_alone(
    login: Login | None, allowed: bool, forms: bool, said: str
) -> None:
    one = anomaly()
    door = OpenDoor(stored(one), allowed=allowed)
    door.person = Caller("ann", "ann", "csrf-of-ann", login=login)
    page = await page_of(one, door, prefix="/anomalies")
    assert said in page
    targets = [f"/anomalies{place(one)}/{act}" for act in ("acknowledge", "feedback", "note")]
    assert [f'action="{target}"' in page for target in targets] == [forms] * 3
    if forms:
        for target in targets:
            form = page.partition(f'action="{target}"')[2].partition("</form>")[0]
            assert 'name="csrf" value="csrf-of-ann"' in form


async def test_no_form_stands_in_a_part_that_is_replaced_while_somebody_writes() -> None:
    one = anomaly()
    door = OpenDoor(stored(one))
    door.person = Caller("ann", "ann", "csrf-of-ann", login=LOGIN)
    page = await page_of(one, door)
    now, rest = page.split('id="answer-head"')
    assert 'hx-select-oob="#course,#record"' in now
    assert "<form" not in now.partition('id="now"')[2]
    assert "<form" not in rest.partition('id="course"')[2]


def test_similar_ones_are_closed_of_the_same_pattern_with_the_own_service_first() -> None:
    one = anomaly()
    past = [
        anomaly("other-1", service="cart", state="Closed", closedAt=to_text(BEGAN + 60)),
        anomaly("old-1", state="Closed", closedAt=to_text(BEGAN + 300)),
        anomaly("old-2", state="Closed", pattern="traffic_cliff"),
        anomaly("far-1", "billing", state="Closed"),
        anomaly("open-1"),
    ]
    past[1]["spec"]["resolution"] = {"note": "Certificate renewed", "by": "bo"}
    view = incident_view(one, Sight(stored(one, *past), EVERYTHING), NOW)
    assert [(found.row.name, found.same_service) for found in view.similar] == [
        ("old-1", True), ("other-1", False),
    ]  # fmt: skip
    assert (view.similar[0].note, view.similar[0].by) == ("Certificate renewed", "bo")
    assert view.similar[0].lasted == 300


def test_no_more_than_ten_similar_ones_are_shown() -> None:
    one = anomaly()
    past = [anomaly(f"old-{n}", state="Closed", closedAt=to_text(BEGAN)) for n in range(15)]
    assert len(incident_view(one, Sight(stored(one, *past), EVERYTHING), NOW).similar) == 10


def test_the_timeline_counts_from_the_first_suspicion() -> None:
    one = anomaly(
        history=[
            {"at": to_text(BEGAN + 120), "what": "Opened", "who": "operator"},
            {"at": to_text(BEGAN + 300), "what": "Acknowledged", "who": "maria", "why": "looking"},
        ],
        changes=[{"at": to_text(BEGAN - 240), "kind": "Rollout", "text": "Rollout of payments"}],
    )
    found = incident_view(one, Sight(stored(one), EVERYTHING), NOW).stages
    assert [(stage.what, stage.away, stage.who) for stage in found] == [
        ("Change", "4m before", ""), ("First suspicion", "", ""), ("Opened", "2m after", ""),
        ("Last anomalous window", "4m after", ""), ("Acknowledged", "5m after", "maria"),
    ]  # fmt: skip


async def test_the_report_is_the_one_of_the_command_line() -> None:
    one = anomaly()
    async with browser(OpenDoor(stored(one))) as client:
        text = await client.get(f"{place(one)}/report.md")
        page = await client.get(f"{place(one)}/report.html")
    assert text.text.startswith(f"# Incident {one['metadata']['name']}")
    assert text.headers["content-disposition"].startswith("attachment; ")
    # It has a style of its own, which the dashboard's pages may not have.
    assert page.headers["content-disposition"].startswith("attachment; ")
    assert "<h2>Timeline</h2>" in page.text


async def test_every_incident_of_a_fleet_has_a_page_in_which_texts_stay_texts() -> None:
    many = fleet(30, roots=2, now=NOW)
    store = Store()
    for kind, objects in (
        (SERVICE, many.services),
        (ANOMALY, many.incidents),
        (POLICY, many.policies),
    ):
        for raw in objects:
            store.put(kind, raw)
    assert len(many.incidents) > 10
    for raw in many.incidents:
        page = await page_of(raw, OpenDoor(store))
        assert f"<script>document.title='{HARM}'" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
        assert not re.search(r'(href|src|action)="(?!/|#)', page)
        levels = headings(page)
        assert levels[0] == 1
        assert all(later - before <= 1 for before, later in pairwise(levels))
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=\"", page)


@pytest.mark.parametrize(("age", "hours"), [(1800, 3), (5 * 3600, 7), (3 * 86_400, 0)])
def test_a_chart_reaches_back_to_before_the_start_while_it_can_show_it(
    age: int, hours: int
) -> None:
    one = anomaly()
    store = stored(one, services=(service("checkout"),))
    assert incident_view(one, Sight(store, EVERYTHING), BEGAN + age).chart_hours == hours


async def test_the_report_has_the_metrics_around_the_incident_where_a_source_has_them() -> None:
    found, store = desk(), trial_store()
    one = anomaly(lastSeen=to_text(NOW - 7200))
    one["spec"]["firstSeen"] = to_text(NOW - 4 * 3600)
    store.put(ANOMALY, one)
    async with browser(OpenDoor(store), desk=found) as client:
        drawn = (await client.get(f"{place(one)}/report.md")).text
    await found.close()
    assert "## Metrics" in drawn
    assert re.search(r"^latency: .* to .*\d", drawn, re.MULTILINE)
    assert "^ incident" in drawn


async def test_a_source_that_is_not_there_leaves_the_report_as_it_is() -> None:
    found = desk()
    broken = trial_service(source={"name": "elsewhere"})
    store, one = trial_store(broken), anomaly()
    store.put(ANOMALY, one)
    async with browser(OpenDoor(store), desk=found) as client:
        reply = await client.get(f"{place(one)}/report.md")
    await found.close()
    assert reply.status_code == 200
    assert "## Metrics" not in reply.text
