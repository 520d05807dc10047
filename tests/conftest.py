"""The control plane for tests: one sandbox for each process of the run, a fresh namespace for each
test.

With ANOMALY_TEST_CLUSTER=1 and KUBECONFIG the tests run against that cluster instead; what
needs the sandbox itself (its audit log, its processes) is then skipped, visibly.
"""

from __future__ import annotations

import base64
import inspect
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from anomaly_sandbox.client import ClusterClient
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.control import write_file
from anomaly_sandbox.resolve import Resolver
from anomaly_sandbox.rest import Api
from loopback.connections import all_closed

# How long an example takes is the machine's affair, and the same commit gets the same answer.
# `--hypothesis-profile=default` hunts for new examples.
settings.register_profile(
    "project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")


def pytest_itemcollected(item: pytest.Item) -> None:
    asynchronous = isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function)
    # The cases of a table share one list.
    if asynchronous and "closed_connections" not in item.fixturenames:
        item.fixturenames.insert(0, "closed_connections")


@pytest.fixture
async def closed_connections() -> AsyncIterator[None]:
    """Of each asynchronous test: its event loop ends once what it opened is closed."""
    yield
    await all_closed()


class ExternalCluster(ClusterClient):
    """A cluster that somebody else runs, reached through `kubectl proxy`."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        kubectl = str(Resolver().resolve(["kubectl"])["kubectl"])
        view = [kubectl, "config", "view", "--raw", "--flatten", "--minify", "-o", "json"]
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        shown = subprocess.run(view, env=environment, capture_output=True, text=True, check=True)
        cluster = json.loads(shown.stdout)["clusters"][0]["cluster"]
        ca_file = folder / "ca.crt"
        encoded = cluster.get("certificate-authority-data", "")
        write_file(ca_file, base64.b64decode(encoded).decode())
        self._proxy = subprocess.Popen(
            [kubectl, "proxy", "--port=0"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self._proxy.stdout is not None
        address = self._proxy.stdout.readline().split()[-1]
        self._server = str(cluster["server"])
        super().__init__(folder, kubeconfig, Api(f"http://{address}"), ca_file)

    @property
    def server(self) -> str:
        # Not the proxy's: that would make every account the admin.
        return self._server

    def close(self) -> None:
        super().close()
        self._proxy.kill()
        self._proxy.communicate()

    def logs(self, pod: str, namespace: str = "default", container: str = "") -> str:
        chosen = ("-c", container) if container else ("--all-containers",)
        return self.kubectl("logs", pod, "-n", namespace, *chosen, check=True).stdout

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_") or not hasattr(Sandbox, name):
            raise AttributeError(name)
        pytest.skip(f"{name} needs the sandbox; ANOMALY_TEST_CLUSTER names another cluster")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running control plane, of this process alone; it ends with it, however that ends."""
    folder = tmp_path_factory.mktemp("sandbox")
    if os.environ.get("ANOMALY_TEST_CLUSTER") == "1":
        cluster = ExternalCluster(folder, Path(os.environ["KUBECONFIG"]))
        yield cluster  # type: ignore[misc]
        cluster.close()
        return
    # A short pause: a test that kills a container wants it back before its own deadline.
    running = Sandbox.up(state_dir=folder, tied=True, restart_pause=1.0)
    yield running
    # The folder stays for a look at the logs; pytest keeps the last three.
    running.down(keep=True)


@pytest.fixture(scope="session")
def prometheus_url(sandbox: Sandbox) -> str:
    """The base address of a Prometheus that takes remote write."""
    return sandbox.start_prometheus()


@pytest.fixture
def make_namespace(sandbox: Sandbox) -> Iterator[Callable[[], str]]:
    """Makes namespaces that are deleted after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"test-{secrets.token_hex(4)}"
        sandbox.api.create("namespaces", {"metadata": {"name": name}})
        made.append(name)
        # Pods are refused until their ServiceAccount exists.
        sandbox.wait_for(lambda: sandbox.get("serviceaccounts", "default", name), 120)
        return name

    yield make
    for name in made:
        sandbox.api.delete("namespaces", name)


@pytest.fixture
def namespace(make_namespace: Callable[[], str]) -> str:
    """A fresh namespace with its default ServiceAccount."""
    return make_namespace()
