"""A real Chromium, and pages in it that may do nothing wrong unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from anomaly_operator.client.login import KubeconfigLogin
from anomaly_sandbox.browser import arguments, find_browser
from browser.fleet_series import desk
from browser.in_process import Dashboard, dashboard
from browser.looking import WIDTHS, Watchman, both_themes, overflow, shown, violations
from pretend.fleet import Fleet, fleet
from unit.anomaly_dashboard.signed_in import NOW

DEADLINE_MS = 20_000
"""For what a page shows; a machine that runs three test processes is slow."""

expect.set_options(timeout=DEADLINE_MS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser a module: while Playwright runs, no test of asyncio can."""
    program = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments())
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page of the dashboard at an address, in a context (cookies) of its own; the test
    fails at its end for whatever one of its pages complained of. `page.watchman.expect(404)` names
    what is meant. `host`: an address of the dashboard, where `address` is none."""
    opened: list[tuple[Page, Watchman]] = []

    def open_one(address: str, width: int = WIDTHS["desktop"], host: str = "") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, locale="en-GB", timezone_id="UTC"
        )
        context.set_default_timeout(DEADLINE_MS)
        page = context.new_page()
        watchman = Watchman(page, urlsplit(host or address).netloc)
        page.watchman = watchman  # type: ignore[attr-defined]
        opened.append((page, watchman))
        page.goto(address)
        return page

    yield open_one
    complaints = [line for _, watchman in opened for line in watchman.complaints]
    for page, _ in opened:
        page.context.close()
    assert complaints == []


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """Fails for any violation that axe-core finds, in the light theme or the dark one."""

    def check(page: Page) -> None:
        found: list[str] = []
        both_themes(page, lambda theme: found.extend(f"{theme}: {one}" for one in violations(page)))
        assert found == []

    return check


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Shows a page at phone and desktop width, light and dark, and fails where the page is wider
    than the window; ANOMALY_SHOTS names a folder for pictures of what was shown."""

    def take(page: Page, name: str) -> None:
        shown(page, name)
        before = page.viewport_size
        page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
        found = overflow(page)
        if before:
            page.set_viewport_size(before)
        assert found == []

    return take


@pytest.fixture(scope="session")
def many() -> Fleet:
    """Two dozen services with incidents, failures and hostile texts: enough of everything, and few
    enough for axe-core to look at each element in seconds."""
    return fleet(24, roots=2, now=NOW, runs=True)


@pytest.fixture(scope="session")
def busy(many: Fleet) -> Iterator[Dashboard]:
    """A dashboard of that fleet for somebody who may write, for tests that change nothing: there is
    no API server."""
    with dashboard(many, desk=desk(many), login=KubeconfigLogin(Path("/nowhere"))) as running:
        yield running
