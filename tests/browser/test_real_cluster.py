"""The dashboard in a cluster: people sign in with tokens of their own, see what the API server lets
them see, and what they write is in the cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from anomaly_sandbox.cluster import Sandbox
from browser.own_process import KINDS, Running, in_cluster, person, put
from pretend.fleet import Fleet, fleet

pytestmark = pytest.mark.controlplane
CRDS = Path(__file__).parents[2] / "crds"
EDITOR = ["get", "list", "watch", "patch", "update"]


@dataclass(frozen=True)
class Scene:
    """A dashboard of `namespace`, where all is well; `made` is the same with an incident. Of the
    two people whose tokens are here, one has no rights at all."""

    sandbox: Sandbox
    dashboard: Running
    namespace: str
    made: Fleet
    editor: str
    stranger: str

    @property
    def root(self) -> dict[str, Any]:
        return self.made.roots()[0]


@pytest.fixture(scope="module")
def served(sandbox: Sandbox) -> Sandbox:
    """A control plane that serves the three kinds."""
    files = [argument for path in sorted(CRDS.glob("*.yaml")) for argument in ("-f", str(path))]
    sandbox.kubectl("apply", "--server-side", "--force-conflicts", *files, check=True)
    for plural in KINDS:
        path = f"/apis/anomaly-operator.dev/v1alpha1/{plural}"
        sandbox.wait_for(lambda path=path: "items" in sandbox.api.request("GET", path), 90)
    return sandbox


@pytest.fixture
def scene(served: Sandbox, namespace: str, tmp_path: Path) -> Iterator[Scene]:
    now = int(time.time())
    quiet, made = (fleet(8, roots=count, malice=False, now=now) for count in (0, 1))
    for raw in (*quiet.services, quiet.policies[0]):
        put(served, raw, namespace)
    editor = person(served, "editor", namespace, EDITOR)
    stranger = person(served, "stranger", namespace, [])
    with in_cluster(served, tmp_path) as dashboard:
        yield Scene(served, dashboard, namespace, made, editor, stranger)


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token of the API server").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_fault_appears_without_a_reload(scene: Scene, open_page: Callable[..., Page]) -> None:
    page = open_page(scene.dashboard.url)
    sign_in(page, scene.editor)
    expect(page.get_by_text("8 of 8 services scored")).to_be_visible()
    page.evaluate("window.mark = 'the same document'")
    name = scene.root["metadata"]["name"]
    link = page.locator(f"a[href$='/{name}']").first
    expect(link).to_have_count(0)
    put(scene.sandbox, scene.root, scene.namespace)
    expect(link).to_be_visible()
    assert page.evaluate("window.mark") == "the same document"


def test_feedback_of_the_browser_is_in_the_cluster(
    scene: Scene, open_page: Callable[..., Page]
) -> None:
    put(scene.sandbox, scene.root, scene.namespace)
    name = scene.root["metadata"]["name"]
    page = open_page(f"{scene.dashboard.url}/incidents/{scene.namespace}/{name}")
    page.get_by_label("Token of the API server").fill(scene.editor)
    page.get_by_role("button", name="Sign in").click()
    # Signing in leads back to the page that was asked for.
    expect(page).to_have_url(f"{scene.dashboard.url}/incidents/{scene.namespace}/{name}")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Acknowledged.").first).to_be_visible()
    page.locator("#answer-feedback > summary").click()
    page.locator("input[name=verdict][value=FalsePositive]").check()
    page.locator("#feedback-comment").fill("a load test <b>of ours</b>")
    page.get_by_role("button", name="Give feedback").click()
    expect(page.get_by_text("Your feedback is saved.").first).to_be_visible()
    shown = scene.sandbox.kubectl(
        *("get", "anomalies", name, "-n", scene.namespace),
        *("-o", "jsonpath={.spec.feedback.verdict}|{.spec.feedback.by}|{.spec.feedback.comment}"),
        check=True,
    ).stdout
    user = f"system:serviceaccount:{scene.namespace}:editor"
    assert shown == f"FalsePositive|{user}|a load test <b>of ours</b>"


def test_who_has_no_rights_sees_and_changes_nothing(
    scene: Scene, open_page: Callable[..., Page]
) -> None:
    put(scene.sandbox, scene.root, scene.namespace)
    root, service = scene.root["metadata"]["name"], scene.made.services[0]["metadata"]["name"]
    page = open_page(scene.dashboard.url)
    sign_in(page, scene.stranger)
    hidden = [one["metadata"]["name"] for one in scene.made.services]
    for path in ("/", "/graph", "/review", "/policies", "/runs"):
        page.goto(scene.dashboard.url + path)
        text = page.content()
        assert [name for name in (root, scene.namespace, *hidden) if f">{name}<" in text] == []
    page.watchman.expect(403, 404)  # type: ignore[attr-defined]
    for path in (f"/incidents/{scene.namespace}/{root}", f"/services/{scene.namespace}/{service}"):
        page.goto(scene.dashboard.url + path)
        expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
        nowhere = f"{path}-that-is-not"
        missing, hidden_text = page.locator("main").inner_text(), path.rpartition("/")[2]
        page.goto(scene.dashboard.url + nowhere)
        other = page.locator("main").inner_text()
        # What is hidden and what does not exist are told in the same words.
        assert other == missing.replace(hidden_text, f"{hidden_text}-that-is-not")
    answered = page.evaluate(
        """async (path) => (await fetch(path, {method: 'POST', body: new URLSearchParams({
            csrf: document.querySelector('input[name=csrf]').value, comment: 'mine'})})).status""",
        f"/incidents/{scene.namespace}/{root}/acknowledge",
    )
    assert answered in {403, 404}
    stored = scene.sandbox.get("anomalies", root, scene.namespace)
    assert stored is not None
    assert "acknowledgement" not in stored["spec"]
