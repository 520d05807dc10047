"""Who sees and does what in the dashboard, with real tokens on a real API server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox
from pretend.stored_service import service
from watched.dashboard import Browser, Dashboard

pytestmark = pytest.mark.controlplane

CHART = Path(__file__).parents[2] / "helm" / "anomaly-operator"
API = "anomaly-operator.dev/v1alpha1"
GROUPS = ["anomaly-operator.dev"]
KINDS = ["anomalyservices", "anomalies", "slopolicies"]
NAME = "checkout-1"
READ = ["get", "list", "watch"]
Json = dict[str, Any]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass
class Town:
    """Two namespaces with a service and an incident each, and accounts in the first one."""

    sandbox: Sandbox
    shop: str
    bank: str

    def token(self, account: str) -> str:
        return self.sandbox.api.token(account, self.shop)

    def spec(self, namespace: str = "") -> Json:
        found = self.sandbox.get("anomalies", NAME, namespace or self.shop)
        assert found is not None
        spec: Json = found["spec"]
        return spec


@pytest.fixture(scope="module")
def town(crds: Sandbox) -> Iterator[Town]:
    found = Town(crds, "identity-shop", "identity-bank")
    for namespace in (found.shop, found.bank):
        crds.api.create("namespaces", {"metadata": {"name": namespace}})
        raw = service()
        body = {key: raw[key] for key in ("apiVersion", "kind", "spec")}
        crds.api.create("asvc", body | {"metadata": {"name": "checkout"}}, namespace)
        spec = {
            "serviceRef": {"name": "checkout"},
            "openingPattern": "latency_spike_recent",
            "fingerprint": "0123456789ab",
            "firstSeen": "2026-11-26T02:10:00Z",
        }
        body = {"apiVersion": API, "kind": "Anomaly", "metadata": {"name": NAME}, "spec": spec}
        crds.api.create("anomalies", body, namespace)
    for account, verbs in (
        ("viewer", READ),
        ("editor", [*READ, "patch"]),
        ("nobody", []),
        ("watcher", ["list", "watch"]),
    ):
        crds.api.create("serviceaccounts", {"metadata": {"name": account}}, found.shop)
        if verbs:
            _grant(crds, account, verbs, found.shop, everywhere=account == "watcher")
    yield found
    for namespace in (found.shop, found.bank):
        crds.api.delete("namespaces", namespace)
    for kind in ("clusterroles", "clusterrolebindings"):
        crds.api.delete(kind, "dashboard-watcher")


def _grant(
    crds: Sandbox, account: str, verbs: list[str], namespace: str, *, everywhere: bool
) -> None:
    name, kind = f"dashboard-{account}", "ClusterRole" if everywhere else "Role"
    where = None if everywhere else namespace
    rules = [{"apiGroups": GROUPS, "resources": KINDS, "verbs": verbs}]
    if everywhere:
        rules.append(
            {
                "apiGroups": ["authorization.k8s.io"],
                "resources": ["subjectaccessreviews"],
                "verbs": ["create"],
            }
        )
    crds.api.create(f"{kind.lower()}s", {"metadata": {"name": name}, "rules": rules}, where)
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    crds.api.create(f"{kind.lower()}bindings", binding, where)


@pytest.fixture(scope="module")
def guarded(town: Town) -> Iterator[Town]:
    """With the chart's policy for what people write in force."""
    shown = ("--show-only", "templates/admission/people.yaml")
    rendered = town.sandbox.helm("template", "dashboard", str(CHART), *shown, check=True).stdout
    objects = [one for one in yaml.safe_load_all(rendered) if one]
    town.sandbox.apply(objects)
    forged = {"spec": {"acknowledgement": {"by": "maria"}}}
    words = ("patch", "anomaly", NAME, "-n", town.bank, "--type=merge", "-p", json.dumps(forged))

    def in_force() -> bool:
        # As a dry run: what was once accepted may be said again.
        done = town.sandbox.kubectl(*words, "--dry-run=server")
        return done.returncode != 0 and "but the request is from" in done.stderr

    town.sandbox.wait_for(in_force, 90, "the policy is in force")
    yield town
    for one in objects:
        town.sandbox.api.delete(one["kind"], one["metadata"]["name"])


@pytest.fixture(scope="module")
def shared(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """As in a cluster: the account may list and watch, people bring their tokens."""
    kubeconfig = town.sandbox.kubeconfig_for("watcher", town.shop)
    proxy = ("--proxy-user-header", "X-User", "--proxy-groups-header", "X-Groups")
    with Dashboard(
        tmp_path_factory.mktemp("dashboard"),
        *proxy,
        "--proxy-cidr",
        "127.0.0.1/32",
        environment={"KUBECONFIG": str(kubeconfig)},
    ) as running:
        yield running


def test_a_person_sees_the_namespace_that_the_token_may_list(town: Town, shared: Dashboard) -> None:
    with Browser(shared) as browser:
        assert "Token of the API server" in browser.get("/").text
        page = browser.sign_in(town.token("viewer"))
        assert page.url.path == "/"
        assert f"{town.shop}/checkout" in page.text
        assert town.bank not in page.text
        assert f"system:serviceaccount:{town.shop}:viewer" in page.text


def test_nobody_sees_nothing_and_everybody_else_all(town: Town, shared: Dashboard) -> None:
    with Browser(shared) as browser:
        page = browser.sign_in(town.token("nobody"))
        assert page.status_code == 200
        assert town.shop not in page.text.replace(f"{town.shop}:nobody", "")
        assert town.bank not in page.text
    with Browser(shared) as browser:
        page = browser.sign_in(town.sandbox.admin_token)
        assert f"{town.shop}/checkout" in page.text
        assert f"{town.bank}/checkout" in page.text


def test_a_token_that_is_none_opens_nothing(shared: Dashboard) -> None:
    with Browser(shared) as browser:
        page = browser.sign_in("not-a-token")
        assert page.status_code == 401
        assert "does not accept this token" in page.text
        assert "not-a-token" not in page.text
        assert browser.get("/", follow_redirects=False).status_code == 303
    assert "not-a-token" not in shared.log


def test_a_token_may_come_with_each_request(town: Town, shared: Dashboard) -> None:
    def asked(token: str) -> httpx.Response:
        return httpx.get(f"{shared.base}/", headers={"Authorization": f"Bearer {token}"})

    assert f"{town.shop}/checkout" in asked(town.token("viewer")).text
    assert asked("not-a-token").status_code == 401


def test_whom_the_proxy_names_reads_and_never_writes(town: Town, shared: Dashboard) -> None:
    with Browser(shared) as browser:
        browser.headers["X-User"] = "ann"
        browser.headers["X-Groups"] = f"system:masters,system:serviceaccounts:{town.shop}"
        page = browser.get("/")
        assert "read-only" in page.text
        assert town.bank not in page.text
        browser.headers["X-User"] = f"system:serviceaccount:{town.shop}:viewer"
        assert "Token of the API server" in browser.get("/").text


def test_what_a_person_says_is_written_under_their_name_where_they_may(
    guarded: Town, shared: Dashboard
) -> None:
    page = f"/incidents/{guarded.shop}/{NAME}"
    with Browser(shared) as browser:
        browser.sign_in(guarded.token("editor"))
        said = browser.submit(page, f"{page}/acknowledge", comment="on it")
        assert (said.status_code, said.url.path) == (200, page)
        assert "Acknowledged." in said.text
        assert browser.submit(page, f"{page}/note", note="The cache was full.").status_code == 200
        fields = {"verdict": "Expected", "until": "7d"}
        assert browser.submit(page, f"{page}/feedback", **fields).status_code == 200
        foreign = f"/incidents/{guarded.bank}/{NAME}"
        assert browser.submit(page, f"{foreign}/acknowledge").status_code == 404
    user = f"system:serviceaccount:{guarded.shop}:editor"
    spec = guarded.spec()
    assert (spec["acknowledgement"]["by"], spec["acknowledgement"]["comment"]) == (user, "on it")
    assert (spec["feedback"]["by"], spec["feedback"]["verdict"]) == (user, "Expected")
    assert (spec["resolution"]["by"], spec["resolution"]["note"]) == (user, "The cache was full.")
    assert "acknowledgement" not in guarded.spec(guarded.bank)
    with Browser(shared) as browser:
        browser.sign_in(guarded.token("viewer"))
        refused = browser.submit("/", f"{page}/acknowledge", overwrite="true")
        assert refused.status_code == 403
        assert f"may not patch anomalies in namespace {guarded.shop}" in refused.text
    assert guarded.spec()["acknowledgement"]["by"] == user


def test_signing_out_ends_the_session(town: Town, shared: Dashboard) -> None:
    with Browser(shared) as browser:
        browser.sign_in(town.token("viewer"))
        kept = dict(browser.cookies)
        browser.submit("/", "/sign-out")
        browser.cookies.update(kept)
        assert "Token of the API server" in browser.get("/").text


def test_on_ones_own_machine_the_printed_address_lets_one_browser_in(
    town: Town, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    words = ("--kubeconfig", str(town.sandbox.kubeconfig), "--code-file", str(code))
    with Dashboard(tmp_path, *words, environment={}) as running:
        assert running.printed.endswith(f"/sign-in?code={code.read_text().strip()}")
        assert code.stat().st_mode & 0o777 == 0o600
        with Browser(running) as browser, Browser(running) as another:
            page = browser.get(running.printed)
            assert (page.status_code, page.url.path, page.url.query) == (200, "/", b"")
            assert f"{town.bank}/checkout" in page.text
            assert another.get(running.printed).status_code == 401
            assert "was used before" in another.get(running.printed).text
            assert browser.get("/", headers={"Host": "rebound.example"}).status_code == 421
            with browser.stream("GET", "/events") as events:
                assert next(events.iter_text()).startswith("retry:")
                began = time.monotonic()
                assert running.end() == 0
                assert time.monotonic() - began < 10
        secret = running.printed.partition("code=")[2]
        assert secret not in running.log
        assert not code.exists()


def test_its_own_figures_name_nobody(town: Town, shared: Dashboard, tmp_path: Path) -> None:
    port = free_port()
    words = ("--kubeconfig", str(town.sandbox.kubeconfig), "--metrics-port", str(port))
    with Dashboard(tmp_path, *words, environment={}) as running, Browser(running) as browser:
        browser.get(running.printed)
        found = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert "anomaly_dashboard_sessions 1.0" in found
    assert "anomaly_dashboard_synced 1.0" in found
    assert 'anomaly_dashboard_requests_total{code="200",method="GET"}' in found
    assert town.shop not in found
    assert "admin" not in found


def test_a_port_that_is_taken_is_said(town: Town, shared: Dashboard, tmp_path: Path) -> None:
    port = shared.base.rpartition(":")[2]
    command = [sys.executable, "-m", "anomaly_dashboard", "--port", port]
    command += ["--kubeconfig", str(town.sandbox.kubeconfig)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
