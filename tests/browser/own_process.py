"""The dashboard as a process of its own. With a pod's account against the API server of a sandbox,
people sign in with their own tokens; with a kubeconfig they come by the printed address.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anomaly_operator.api.resources import ANOMALY, POLICY, SERVICE
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.waiting import wait_for

Json = dict[str, Any]
READY_SECONDS = 60
GROUP = "anomaly-operator.dev"
KINDS = ["anomalyservices", "anomalies", "slopolicies"]
PLURALS = {one.kind: one.plural for one in (SERVICE, ANOMALY, POLICY)}


@dataclass(frozen=True)
class Running:
    """`url` without a slash at its end. `entrance`: the address that lets one browser in, once."""

    url: str
    entrance: str = ""


@contextmanager
def in_cluster(sandbox: Sandbox, folder: Path) -> Iterator[Running]:
    """It watches with an account that may list and watch the three kinds and review access; its
    files lie in `folder`."""
    watcher = _account(sandbox, "dashboard", "default")
    _grant(sandbox, watcher, "dashboard", [GROUP], KINDS, ["list", "watch"])
    reviews = ["subjectaccessreviews"]
    _grant(sandbox, watcher, "dashboard-reviews", ["authorization.k8s.io"], reviews, ["create"])
    identity = folder / "identity"
    identity.mkdir()
    (identity / "token").write_text(sandbox.api.token("dashboard", "default"))
    (identity / "ca.crt").write_text(Path(sandbox.ca_file).read_text())
    (identity / "namespace").write_text("default")
    with _process(["--identity-dir", str(identity)], _where(sandbox), folder) as running:
        yield running


def person(sandbox: Sandbox, name: str, namespace: str, verbs: list[str]) -> str:
    """The token of an account that may do `verbs` with the three kinds in `namespace` alone."""
    account = _account(sandbox, name, namespace)
    if verbs:
        _grant(sandbox, account, name, [GROUP], KINDS, verbs, namespace)
    return sandbox.api.token(name, namespace)


def put(sandbox: Sandbox, raw: Mapping[str, Any], namespace: str) -> Json:
    """Create or change an object of a fleet, with its status, in `namespace`."""
    plural, name = PLURALS[raw["kind"]], raw["metadata"]["name"]
    metadata = {"name": name, "labels": raw["metadata"].get("labels", {})}
    if sandbox.get(plural, name, namespace) is None:
        body = {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "spec": raw["spec"]}
        sandbox.api.create(plural, {**body, "metadata": metadata}, namespace)
    return sandbox.api.patch(plural, name, namespace, {"status": raw["status"]}, sub="status")


@contextmanager
def local(kubeconfig: Path, folder: Path) -> Iterator[Running]:
    """It acts with the kubeconfig for who comes by `Running.entrance`."""
    code = folder / "code"
    arguments = ["--kubeconfig", str(kubeconfig), "--code-file", str(code)]
    with _process(arguments, {}, folder) as running:
        yield Running(running.url, f"{running.url}/sign-in?code={code.read_text().strip()}")


@contextmanager
def _process(
    arguments: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [sys.executable, "-m", "anomaly_dashboard", "--port", str(port), *arguments]
    log, url = folder / "dashboard.log", f"http://127.0.0.1:{port}"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **environment}
        )

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
                return int(answer.status) == 200
        except urllib.error.HTTPError as error:
            error.close()
            return False

    try:
        wait_for(ready, READY_SECONDS, f"the dashboard is ready; see {log}")
        yield Running(url)
        process.terminate()
        assert process.wait(20) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def _where(sandbox: Sandbox) -> dict[str, str]:
    server = urlsplit(sandbox.server)
    return {
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }


def _account(sandbox: Sandbox, name: str, namespace: str) -> Json:
    if sandbox.get("serviceaccounts", name, namespace) is None:
        sandbox.api.create("serviceaccounts", {"metadata": {"name": name}}, namespace)
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def _grant(
    sandbox: Sandbox,
    account: Json,
    name: str,
    groups: list[str],
    resources: list[str],
    verbs: list[str],
    namespace: str = "",
) -> None:
    """In `namespace`, or everywhere."""
    kind = "Role" if namespace else "ClusterRole"
    group = "rbac.authorization.k8s.io"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    head = {"apiVersion": f"{group}/v1", "metadata": metadata}
    rules = [{"apiGroups": groups, "resources": resources, "verbs": verbs}]
    role = {"apiGroup": group, "kind": kind, "name": name}
    sandbox.apply(
        [
            {**head, "kind": kind, "rules": rules},
            {**head, "kind": f"{kind}Binding", "roleRef": role, "subjects": [account]},
        ]
    )
