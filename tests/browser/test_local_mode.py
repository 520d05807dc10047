"""On one's own machine: the printed address lets one browser in, once, and what changes in the
cluster is on the page without a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.own_process import Running, local
from loopback.cluster_api import ClusterAPI
from loopback.kubeconfig import kubeconfig
from pretend.fleet import fleet


@pytest.fixture
def cluster() -> Iterator[ClusterAPI]:
    with ClusterAPI(fleet(20, roots=0, malice=False)) as running:
        yield running


@pytest.fixture
def running(cluster: ClusterAPI, tmp_path: Path) -> Iterator[Running]:
    with local(kubeconfig(tmp_path / "config", cluster.port), tmp_path) as dashboard:
        yield dashboard


def broken(cluster: ClusterAPI) -> dict[str, Any]:
    """An incident of the fleet as it would be with something wrong; nothing is written yet."""
    made = fleet(20, roots=1, malice=False)
    root = made.roots()[0]
    name = root["spec"]["serviceRef"]["name"]
    cluster.put(made.service(name))
    return root


def test_the_printed_address_lets_one_browser_in_once(
    running: Running, open_page: Callable[..., Page]
) -> None:
    page = open_page(running.entrance)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert "code=" not in page.url
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    late = open_page("about:blank", host=running.url)
    late.watchman.expect(401, 403)  # type: ignore[attr-defined]
    late.goto(running.entrance)
    expect(late.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_an_incident_appears_without_a_reload(
    cluster: ClusterAPI, running: Running, open_page: Callable[..., Page]
) -> None:
    page = open_page(running.entrance)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.evaluate("window.mark = 'the same document'")
    root = broken(cluster)
    link = page.locator(f"a[href$='/{root['metadata']['name']}']").first
    expect(link).to_have_count(0)
    cluster.put(root)
    expect(link).to_be_visible()
    assert page.evaluate("window.mark") == "the same document"
