"""Pages of one service, one incident and one run in a browser: what changes is shown at once, and
what a person is writing stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from anomaly_operator.api.resources import ANOMALY
from anomaly_operator.client.login import KubeconfigLogin
from browser.in_process import Dashboard, dashboard
from pretend.fleet import Fleet, Json
from pretend.followed_service import OPEN, service
from pretend.told import anomaly

LOGIN = KubeconfigLogin("nowhere")


def _changed(raw: Json, **status: Any) -> Json:
    """The object a version later."""
    found = deepcopy(raw)
    found["metadata"]["resourceVersion"] = f"{raw['metadata'].get('resourceVersion', '1')}0"
    found["status"] |= status
    return found


def _run() -> Json:
    return {**service(), "metadata": {**service()["metadata"], "resourceVersion": "1"}}


@pytest.fixture
def writable() -> Iterator[Dashboard]:
    """Of an incident and a training run, for somebody who may answer."""
    with dashboard([anomaly(), _run(), OPEN], login=LOGIN) as running:
        yield running


def test_an_incident_gets_worse_while_somebody_writes_a_note(
    writable: Dashboard, open_page: Callable[..., Page]
) -> None:
    one = anomaly()
    page = open_page(f"{writable.url}/incidents/shop/{one['metadata']['name']}")
    page.get_by_text("Write down cause and remedy").click()
    note = page.get_by_label("Cause and remedy, for the next one on call")
    note.fill("The certificate")
    writable.put(
        _changed(one, severity="Critical", explanation={"summary": "Nothing gets through"})
    )
    expect(page.get_by_text("Nothing gets through")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Critical")
    expect(note).to_be_focused()
    expect(note).to_have_value("The certificate")


def test_a_fault_of_a_service_appears_without_reload(
    many: Fleet, open_page: Callable[..., Page]
) -> None:
    healthy = next(one for one in many.services if one["status"].get("state") == "Healthy")
    with dashboard([healthy]) as running:
        name, namespace = healthy["metadata"]["name"], healthy["metadata"]["namespace"]
        page = open_page(f"{running.url}/services/{namespace}/{name}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("None")
        summary = "8.3 % of requests fail"
        running.put(_changed(healthy, severity="High", state="Anomalous", summary=summary))
        running.put(anomaly(namespace=namespace, service=name))
        expect(page.get_by_role("heading", level=1)).to_contain_text("High")
        expect(page.get_by_text(summary)).to_be_visible()
        expect(page.get_by_role("heading", name="What is wrong")).to_be_visible()


def test_the_forms_of_an_incident_are_accessible_and_fit_a_phone(
    writable: Dashboard,
    open_page: Callable[..., Page],
    axe: Callable[[Page], None],
    shot: Callable[[Page, str], None],
) -> None:
    page = open_page(f"{writable.url}/incidents/shop/{anomaly()['metadata']['name']}")
    page.get_by_text("Give feedback: was the detector right?").click()
    page.get_by_text("Write down cause and remedy").click()
    axe(page)
    shot(page, "incident-forms")


def test_a_run_that_ends_says_so_without_reload(
    writable: Dashboard, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{writable.url}/runs")
    expect(page.get_by_text("GO BACK to step 14000")).to_be_visible()
    over = {**_run()["status"]["trainingRun"], "state": "Completed", "conclusion": ""}
    writable.put(_changed(_run(), trainingRun=over))
    expect(page.get_by_text("DONE: the run is complete")).to_be_visible()


def test_what_is_deleted_is_said_to_be_old(
    writable: Dashboard, open_page: Callable[..., Page]
) -> None:
    name = anomaly()["metadata"]["name"]
    page = open_page(f"{writable.url}/incidents/shop/{name}")
    page.watchman.expect(404)  # type: ignore[attr-defined]
    writable.drop(ANOMALY, ("shop", name))
    expect(page.get_by_text("It is not there any more")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("checkout")
