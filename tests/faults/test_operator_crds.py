"""The custom resources are deleted and applied again under a running operator.

On a control plane of its own: other tests of the session need the kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.world.shared import SHARED
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from loopback.trainer import quick_trainer
from watched.namespace import CRDS, NEVER, running_operator, with_crds

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]


@pytest.fixture
def own(sandbox: Sandbox, tmp_path: Path) -> Iterator[Sandbox]:
    """A control plane that nobody else uses. `sandbox` first: its programs are there then."""
    if not isinstance(sandbox, Sandbox):
        pytest.skip("the kinds of a shared cluster are not to be deleted")
    running = Sandbox.up(state_dir=tmp_path / "own", tied=True, restart_pause=1.0)
    yield running
    running.down()


def install(cluster: Sandbox, name: str) -> None:
    cluster.apply(
        {
            "apiVersion": names.API_VERSION,
            "kind": SERVICE.kind,
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "preset": "OpenTelemetrySpanMetrics",
                "training": {"schedule": NEVER},
                "inference": {"interval": "1h"},
                "incidents": {"separation": "5h"},
            },
        }
    )


def serving(cluster: Sandbox, name: str) -> bool:
    status = (cluster.get("asvc", name, "default") or {}).get("status", {})
    return bool(status.get("references", {}).get("inferenceCronJob"))


def shared(cluster: Sandbox) -> dict[str, str]:
    """Uids of what the services of the namespace share, by kind; none that is being deleted."""
    found = {kind: cluster.get(kind.lower(), name, "default") for kind, name in SHARED}
    return {
        kind: raw["metadata"]["uid"]
        for kind, raw in found.items()
        if raw and "deletionTimestamp" not in raw["metadata"]
    }


def counted(operator: LocalOperator) -> float:
    """Services that the operator knows of."""
    prefix = "anomaly_operator_services{"
    return sum(value for key, value in operator.metrics().items() if key.startswith(prefix))


def test_kinds_that_go_and_come_back_are_watched_again(own: Sandbox, tmp_path: Path) -> None:
    with_crds(own)
    (tmp_path / "image").mkdir()
    image = quick_trainer(own, tmp_path / "image")
    settings = {
        "sources": {"default": {"type": "Prometheus", "url": "http://127.0.0.1:9"}},
        "images": {"train": image, "score": image},
        # So rarely that only the watches can find what comes.
        "watch": {"inactivity": "5s", "serverTimeout": "10s", "relist": "1h"},
    }
    with running_operator(own, tmp_path / "operator", ["default"], settings) as operator:
        install(own, "before")
        own.wait_for(lambda: serving(own, "before"), 180)
        kept = shared(own)
        assert len(kept) == len(SHARED)
        log = own.audit().since_now()
        own.kubectl("delete", "--wait=true", "--timeout=110s", "-f", str(CRDS), check=True)
        own.wait_for(lambda: counted(operator) == 0, 120, "the service is forgotten")
        own.wait_for(lambda: "404" in "".join(operator.messages()), 120, "its watches break off")
        assert operator.alive()

        def asked() -> bool:
            """Whether the namespace has services, in vain."""
            found = log.requests(resource="anomalyservices", verb="list", namespace="default")
            return any(one.code == 404 and "limit=1" in one.uri for one in found)

        own.wait_for(asked, 120, "it is asked whether what is shared may go")
        assert shared(own) == kept
        with_crds(own)
        install(own, "after")
        own.wait_for(lambda: serving(own, "after"), 180, "the new service serves")
        assert shared(own) == kept, "with the models"
        assert operator.alive()
        assert counted(operator) == 1
        # And its changes arrive: no list comes for an hour.
        own.kubectl("delete", "asvc", "after", "-n", "default", check=True)
        own.wait_for(lambda: counted(operator) == 0, 120, "the deletion is heard of")
