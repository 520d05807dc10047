"""Graph, review, SLO policies, audit, export and import in a browser: each state of each page, the
keys, and what happens without a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from browser.in_process import Dashboard, dashboard
from browser.looking import WIDTHS
from loopback.manifest_server import ManifestServer
from pretend.fleet import Fleet, fleet
from pretend.hostile import HARM
from unit.anomaly_dashboard.signed_in import NOW

PLURALS = {one.kind: one.plural for one in (SERVICE, POLICY, ANOMALY)}


@pytest.fixture(scope="module")
def server(many: Fleet) -> Iterator[ManifestServer]:
    """An API server that holds the fleet."""
    with ManifestServer() as running:
        for raw in many:
            running.put(PLURALS[raw["kind"]], raw)
        yield running


@pytest.fixture(scope="module")
def writable(many: Fleet, server: ManifestServer) -> Iterator[Dashboard]:
    with dashboard(many, login=server.login) as running:
        yield running


@pytest.fixture(scope="module")
def large() -> Iterator[Dashboard]:
    """Two hundred services, some of them in trouble."""
    with dashboard(fleet(200, roots=6, malice=False, now=NOW)) as running:
        yield running


PAGES = {
    "graph-all": "/graph?show=all",
    "graph-nothing-found": "/graph?q=nowhere",
    "review-judge": "/review?queue=judge",
    "policies": "/policies",
    "policies-nothing-found": "/policies?q=nowhere",
    "policy-new": "/policies/new?namespace=shop",
    "audit": "/audit?all=1&days=90",
    "audit-nobody": "/audit?who=nobody",
    "transfer": "/transfer",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_a_phone(
    name: str,
    writable: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(writable.url + PAGES[name])
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert HARM not in page.title()
    axe(page)
    shot(page, name)
    page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
    axe(page)


def test_two_hundred_services_are_drawn_and_moved_by_keys(
    large: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(large.url + "/graph")
    axe(page)
    shot(page, "graph-200")
    frame, drawing = page.locator(".graph-frame"), page.locator("svg.graph")
    before = drawing.get_attribute("viewBox")
    frame.focus()
    page.keyboard.press("0")
    expect(drawing).not_to_have_attribute("viewBox", before or "")
    fitted = drawing.get_attribute("viewBox") or ""
    page.keyboard.press("+")
    expect(drawing).not_to_have_attribute("viewBox", fitted)
    page.get_by_role("button", name="Fit").click()
    expect(drawing).to_have_attribute("viewBox", fitted)
    page.goto(large.url + "/graph?show=all")
    expect(page.locator("a.node")).to_have_count(200)
    shot(page, "graph-200-all")
    page.locator(".graph-frame").focus()
    page.keyboard.press("0")
    shot(page, "graph-200-fitted")


def test_trouble_appears_in_the_graph_and_the_view_stays(
    many: Fleet, open_page: Callable[..., Page]
) -> None:
    calm = next(one for one in many.services if one["status"].get("state") == "Healthy")
    name = calm["metadata"]["name"]
    with dashboard(many) as running:
        page = open_page(running.url + "/graph?show=all")
        page.locator(".graph-frame").focus()
        page.keyboard.press("+")
        view = page.locator("svg.graph").get_attribute("viewBox") or ""
        status = {**calm["status"], "severity": "Critical", "state": "Anomalous"}
        metadata = {**calm["metadata"], "resourceVersion": "99999999"}
        running.put({**calm, "metadata": metadata, "status": status})
        node = page.get_by_role("link", name=f"{name}: Critical")
        expect(node).to_have_count(1)
        expect(page.locator("svg.graph")).to_have_attribute("viewBox", view)


def test_the_queue_is_walked_by_keys(busy: Dashboard, open_page: Callable[..., Page]) -> None:
    page = open_page(busy.url + "/review")
    rows = page.locator("a[data-row]")
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    target = rows.nth(0).get_attribute("href") or ""
    page.keyboard.press("Enter")
    page.wait_for_url("**" + target)


def test_a_policy_is_checked_applied_and_refused(
    many: Fleet,
    server: ManifestServer,
    writable: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    policy = many.policies[0]["metadata"]
    page = open_page(f"{writable.url}/policies/{policy['namespace']}/{policy['name']}")
    shot(page, "policy")
    axe(page)
    page.get_by_text("Thresholds and objectives as a form").click()
    page.locator("input[name='latency.critical']").fill("7s")
    page.get_by_role("button", name="Write into the YAML").click()
    expect(page.get_by_text("would accept it")).to_be_visible()
    expect(page.locator(".diff .added").get_by_text("critical: 7s")).to_be_visible()
    shot(page, "policy-checked")
    axe(page)
    assert server.written == []
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Applied.")).to_be_visible()
    assert len(server.written) == 1
    page.locator("#manifest").fill("kind: SLOPolicy\nspec: [")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("not YAML: line")
    shot(page, "policy-refused")
    axe(page)


def test_a_file_is_tried_out_before_it_is_applied(
    server: ManifestServer,
    writable: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(writable.url + "/transfer")
    page.get_by_label("Namespace").select_option("shop")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download YAML").click()
    text = waiting.value.path().read_text()
    before = len(server.written)
    changed = text.replace('falseIncidentsPerWeek: "1"', 'falseIncidentsPerWeek: "2"').encode()
    assert changed != text.encode()
    page.get_by_label("File").set_input_files(
        {"name": "shop.yaml", "mimeType": "application/yaml", "buffer": changed}
    )
    page.get_by_role("button", name="Try it out").click()
    expect(page.get_by_role("heading", name="What the import would do")).to_be_visible()
    shot(page, "transfer-tried")
    axe(page)
    assert len(server.written) == before
    boxes = page.locator("input[name=document]")
    count = boxes.count()
    page.get_by_label("Select all").uncheck()
    boxes.nth(0).check()
    page.get_by_role("button", name="Apply what is selected").click()
    expect(page.get_by_role("heading", name="Result of the import")).to_be_visible()
    assert len(server.written) == before + 1
    assert count > 1
    shot(page, "transfer-applied")
    axe(page)
