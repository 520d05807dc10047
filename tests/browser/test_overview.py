"""The first page in a browser: what opens appears by itself, and takes nothing from who reads."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from anomaly_sandbox.waiting import wait_for
from browser.in_process import Dashboard, dashboard
from browser.looking import WIDTHS
from pretend.fleet import Fleet, fleet
from unit.anomaly_dashboard.signed_in import NOW

FILTERED = re.compile(r"/\?(.*&)?q=o(&|$)")


def opened(made: Fleet) -> dict[str, Any]:
    """An incident like the first root, but of its own."""
    raw = copy.deepcopy(made.roots()[0])
    raw["metadata"] |= {"name": "just-opened", "uid": "just-opened", "resourceVersion": "1"}
    raw["status"]["current"]["summary"] = "Orders take 9 s, usually 1 s"
    raw["status"].pop("symptoms", None)
    return raw


def test_what_opens_appears_without_a_reload_and_folds_nothing(
    many: Fleet, open_page: Callable[..., Page]
) -> None:
    with dashboard(many) as running:
        page = open_page(running.url)
        page.evaluate("window.notReloaded = true")
        feels = page.locator("details[id^=symptoms] summary").first
        feels.click()
        page.locator("#filter-q").fill("o")
        expect(page).to_have_url(f"{running.url}/?q=o")
        running.put(opened(many))
        expect(page.get_by_text("Orders take 9 s, usually 1 s").first).to_be_visible()
        expect(page.locator("details[id^=symptoms][open]").first).to_be_visible()
        expect(page.locator("#filter-q")).to_be_focused()
        assert page.evaluate("window.notReloaded")
        page.close()


def test_what_opens_while_an_answer_is_on_its_way_appears_all_the_same(
    many: Fleet, open_page: Callable[..., Page]
) -> None:
    with dashboard(many) as running:
        page = open_page(running.url)
        page.evaluate("document.body.addEventListener('changed', () => { window.heard = true; })")
        held: list[tuple[Route, APIResponse]] = []
        page.route(FILTERED, lambda route: held.append((route, route.fetch())), times=1)
        with page.expect_request(FILTERED):
            page.locator("#filter-q").fill("o")

        def arrived() -> bool:
            page.wait_for_timeout(20)  # the page goes on only while it is waited for
            return bool(held)

        wait_for(arrived, 20, "the answer is held")
        running.put(opened(many))
        page.wait_for_function("window.heard")
        ((route, answer),) = held
        route.fulfill(response=answer)
        expect(page.get_by_role("heading", name="in this filter")).to_be_visible()
        expect(page).to_have_url(f"{running.url}/?q=o")
        expect(page.get_by_text("Orders take 9 s, usually 1 s").first).to_be_visible()
        page.close()


def test_a_filter_is_in_the_address_and_of_use_there(
    busy: Dashboard, open_page: Callable[..., Page]
) -> None:
    page = open_page(busy.url)
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Namespace").select_option("billing")
    expect(page).to_have_url(f"{busy.url}/?namespace=billing")
    rows = page.locator("table.services tbody tr")
    expect(rows.first).to_contain_text("billing/")
    expect(page.locator("table.services")).not_to_contain_text("platform/")
    page.reload()
    expect(page.get_by_label("Namespace")).to_have_value("billing")
    expect(page.locator("table.services")).not_to_contain_text("platform/")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("table.services")).to_contain_text("platform/")


def test_who_is_signed_out_meanwhile_is_told(many: Fleet, open_page: Callable[..., Page]) -> None:
    with dashboard(many) as running:
        page = open_page(running.url)
        page.watchman.expect(401)  # type: ignore[attr-defined]
        page.route(f"{running.url}/", lambda route: route.fulfill(status=401, body="sign in first"))
        running.put(opened(many))
        expect(page.get_by_role("link", name="Sign in again")).to_be_visible()
        page.close()


@pytest.mark.parametrize("roots", [0, 200])
def test_a_quiet_fleet_and_a_bad_day_are_accessible_and_fit_a_phone(
    roots: int,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    made = fleet(300, roots=roots, now=NOW, malice=roots > 0)
    with dashboard(made if roots else made.services) as running:
        page = open_page(running.url)
        heading = "Nothing is wrong" if not roots else "open problems"
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        shot(page, f"overview-{roots}-problems")
        page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
        axe(page)
        page.close()
