"""The pictures of the documentation: taken here, so that they show what there is.

With ANOMALY_SHOTS=operator/docs/images they are taken anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from anomaly_dashboard.web.words import segment
from anomaly_operator.client.login import KubeconfigLogin
from browser.fleet_series import desk
from browser.in_process import Dashboard, dashboard
from pretend.fleet import Fleet, fleet
from unit.anomaly_dashboard.explore.trial_desk import in_a_thread
from unit.anomaly_dashboard.signed_in import NOW

IMAGES = Path(__file__).parents[2] / "operator" / "docs" / "images"
MOST_BYTES = 100 * 1024
SIZE = {"width": 1180, "height": 620}
FIT_MS = 180_000
"""A model is fitted for the usual range."""


@pytest.fixture(scope="module")
def made() -> Fleet:
    return fleet(24, roots=2, malice=False, now=NOW)


@pytest.fixture(scope="module")
def running(made: Fleet) -> Iterator[Dashboard]:
    login = KubeconfigLogin(Path("/nowhere"))
    with dashboard(made, desk=desk(made, in_a_thread), login=login) as found:
        yield found


def taken(page: Page, name: str, folder: Path) -> None:
    folder = Path(os.environ.get("ANOMALY_SHOTS") or folder)
    file = folder / f"dashboard-{name}.png"
    page.set_viewport_size(SIZE)  # type: ignore[arg-type]
    page.screenshot(path=file)
    assert file.stat().st_size < MOST_BYTES
    assert (IMAGES / file.name).stat().st_size < MOST_BYTES


def test_the_overview(running: Dashboard, open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(running.url)
    expect(page.get_by_role("heading", name="2 open problems")).to_be_visible()
    taken(page, "overview", tmp_path)


def test_a_service(
    running: Dashboard, made: Fleet, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    root = made.roots()[0]
    place = f"{segment(root['metadata']['namespace'])}/{root['spec']['serviceRef']['name']}"
    page = open_page(f"{running.url}/services/{place}")
    expect(page.locator(".swatch.usual")).to_be_visible(timeout=FIT_MS)
    page.get_by_role("heading", name="Metrics").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('metrics').scrollIntoView()")
    taken(page, "service", tmp_path)
