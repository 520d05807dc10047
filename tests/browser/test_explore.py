"""Charts and Explore in a real browser: drawn, read with the keyboard, tried, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from anomaly_dashboard.explore.desk import Desk
from anomaly_dashboard.explore.runs import State
from browser.in_process import Dashboard, dashboard
from unit.anomaly_dashboard.explore import recorded
from unit.anomaly_dashboard.explore.trial_desk import desk, service

TRIAL_MS = 120_000
"""A trial trains two models."""


@pytest.fixture(scope="module")
def tables() -> Desk:
    return desk()


@pytest.fixture(scope="module")
def running(tables: Desk) -> Iterator[Dashboard]:
    metadata = {**recorded.POLICY["metadata"], "uid": "p", "resourceVersion": "1"}
    with dashboard([service(), {**recorded.POLICY, "metadata": metadata}], desk=tables) as found:
        yield found


def test_a_service_has_charts_that_a_keyboard_reads(
    running: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(f"{running.url}/services/shop/checkout")
    plot = page.get_by_role("group", name="latency")
    expect(plot).to_be_visible()
    expect(page.locator(".swatch.usual")).to_be_visible(timeout=TRIAL_MS)
    expect(page.get_by_role("group", name="Score")).to_be_visible()
    plot.focus()
    page.keyboard.press("Home")
    said = page.locator("[aria-live=polite]")
    expect(said).to_contain_text("ms, usual")
    first = said.inner_text()
    page.keyboard.press("ArrowRight")
    expect(said).not_to_have_text(first)
    page.get_by_text("latency as a table").click()
    expect(page.get_by_role("region", name="latency as a table").locator("tbody tr")).to_have_count(
        24
    )
    axe(page)
    shot(page, "service-charts")


def test_a_change_is_tried_and_compared(
    running: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(f"{running.url}/explore")
    page.get_by_label("Service, as namespace/name").fill("shop/checkout")
    page.get_by_role("button", name="Choose").first.click()
    page.get_by_label("Windows that open one").fill("15")
    axe(page)
    shot(page, "explore-form")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("cell", name="only now").first).to_be_visible(timeout=TRIAL_MS)
    expect(page.get_by_role("group", name="latency")).to_have_count(2)
    expect(page.locator("#diff")).to_contain_text("+    confirmationCycles: 15")
    axe(page)
    shot(page, "explore-result")


def test_a_mistake_is_said_and_a_page_that_is_left_ends_its_trial(
    running: Dashboard, tables: Desk, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{running.url}/explore?service=shop/checkout")
    page.get_by_label("False incidents a week").fill("lots")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("alert")).to_contain_text("spec.detector.falseIncidentsPerWeek")
    page.get_by_label("False incidents a week").fill("2")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    (run,) = [one for one in tables.runs._runs.values() if one.owner == "ann"]
    page.goto(f"{running.url}/healthz")
    running.wait_for(run.finished)
    assert run.state is State.CANCELLED
