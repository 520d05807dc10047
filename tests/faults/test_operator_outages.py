"""Leaders that freeze and die, an API server that goes away, a login that is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.client.leader import LEASE_NAME
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import NEVER

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

Make = Callable[..., LocalOperator]


def install(cluster: Sandbox, namespace: str, name: str) -> None:
    cluster.apply(
        {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "preset": "OpenTelemetrySpanMetrics",
                "training": {"schedule": NEVER},
                "inference": {"interval": "1h"},
                "incidents": {"separation": "5h"},
            },
        }
    )


def noticed(cluster: Sandbox, namespace: str, name: str) -> bool:
    """The operator has written a status."""
    return bool((cluster.get("asvc", name, namespace) or {}).get("status", {}).get("conditions"))


def serving(cluster: Sandbox, namespace: str, name: str) -> bool:
    status = (cluster.get("asvc", name, namespace) or {}).get("status", {})
    return bool(status.get("references", {}).get("inferenceCronJob"))


def holder(cluster: Sandbox, namespace: str) -> str:
    lease = cluster.get("lease", LEASE_NAME, namespace) or {}
    return str(lease.get("spec", {}).get("holderIdentity", ""))


def acquired(cluster: Sandbox, namespace: str) -> float:
    """When its holder got the Lease, in unix seconds."""
    lease = cluster.get("lease", LEASE_NAME, namespace)
    assert lease is not None
    return datetime.fromisoformat(lease["spec"]["acquireTime"]).timestamp()


def pair(make_operator: Make, namespace: str, runtime: str) -> tuple[LocalOperator, LocalOperator]:
    first = make_operator(namespace, runtime=runtime).wait_until_leading()
    second = make_operator(namespace, runtime=runtime).wait_until_standing_by()
    return first, second


def test_a_standby_takes_over_from_a_leader_that_was_killed(
    crds: Sandbox, namespace: str, make_operator: Make, trainer: str
) -> None:
    first, second = pair(make_operator, namespace, trainer)
    before = holder(crds, namespace)
    first.kill()
    killed = time.time()
    second.wait_until_leading()
    assert acquired(crds, namespace) - killed < 30
    assert holder(crds, namespace) != before
    install(crds, namespace, "checkout")
    crds.wait_for(lambda: serving(crds, namespace, "checkout"), 180)


def test_a_leader_that_ends_gives_the_lease_up_at_once(
    crds: Sandbox, namespace: str, make_operator: Make, trainer: str
) -> None:
    first, second = pair(make_operator, namespace, trainer)
    assert first.stop() == 0
    stopped = time.time()
    second.wait_until_leading()
    assert acquired(crds, namespace) - stopped < 12
    assert first.messages()[-1] == "ended"


def test_a_leader_that_was_frozen_ends_without_a_single_write(
    crds: Sandbox, namespace: str, make_operator: Make, trainer: str
) -> None:
    first, second = pair(make_operator, namespace, trainer)
    first.freeze()
    second.wait_until_leading()
    install(crds, namespace, "checkout")
    crds.wait_for(lambda: serving(crds, namespace, "checkout"), 180)
    # The last that it writes of its own accord, but for the Lease.
    crds.wait_for(lambda: told(crds, namespace, "ModelPromoted"), 90)
    live = holder(crds, namespace)
    # The frozen one wakes with work in its sockets: events of a service that it does not know.
    for index in range(3):
        crds.kubectl("annotate", "asvc", "checkout", "-n", namespace, f"x/{index}=1", check=True)
    # Right after a renewal, so that none of its requests is under way.
    log, before = crds.audit().since_now(), renewed(crds, namespace)
    crds.wait_for(lambda: renewed(crds, namespace) != before, 60, "a renewal", 0.01)
    second.freeze()
    newest = renewed(crds, namespace)

    def logged() -> bool:
        found = log.requests(namespace=namespace, resource="leases", writes=True)
        return any(one.time >= newest for one in found)

    crds.wait_for(logged)
    since = crds.audit().since_now()
    first.thaw()
    assert first.wait(60) == 1
    writes = since.requests(namespace=namespace, writes=True)
    assert [item for item in writes if item.user_agent == names.MANAGED_BY] == []
    second.thaw()
    assert holder(crds, namespace) == live
    assert "ending" in first.messages()


def told(cluster: Sandbox, namespace: str, reason: str) -> bool:
    return any(one["reason"] == reason for one in cluster.list("events", namespace))


def renewed(cluster: Sandbox, namespace: str) -> str:
    """When the Lease was renewed last, in the words of the audit log."""
    lease = cluster.get("lease", LEASE_NAME, namespace)
    assert lease is not None
    return str(lease["spec"]["renewTime"])


def test_a_restarted_api_server_is_found_again(
    crds: Sandbox, namespace: str, make_operator: Make, trainer: str
) -> None:
    operator = make_operator(namespace, "--no-leader-elect", runtime=trainer).wait_until_leading()
    install(crds, namespace, "before")
    crds.wait_for(lambda: serving(crds, namespace, "before"), 180)
    crds.restart_apiserver(pause=3.0)
    install(crds, namespace, "after")
    crds.wait_for(lambda: serving(crds, namespace, "after"), 180)
    assert operator.alive()
    crds.kubectl("delete", "cronjob", "--all", "-n", namespace, check=True)
    crds.wait_for(lambda: len(crds.list("cronjobs", namespace)) == 2, 120, "both are repaired")


def test_a_leader_survives_a_restart_of_the_api_server_shorter_than_its_deadline(
    crds: Sandbox, namespace: str, make_operator: Make, trainer: str
) -> None:
    operator = make_operator(namespace, runtime=trainer).wait_until_leading()
    crds.restart_apiserver()
    install(crds, namespace, "checkout")
    ended: list[int] = []

    def served() -> bool:
        if not operator.alive() and not ended:
            # On a slow machine the restart takes longer than the lease allows: then it ends.
            ended.append(operator.wait(1))
            operator.start()
        return serving(crds, namespace, "checkout")

    crds.wait_for(served, 240)
    assert ended in ([], [1])


@pytest.mark.parametrize("outage", ["down", "unauthorized"])
def test_after_an_outage_what_happened_meanwhile_is_made_good(
    crds: Sandbox,
    namespace: str,
    make_operator: Make,
    trainer: str,
    proxy: Any,
    tmp_path: Path,
    outage: str,
) -> None:
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    arguments: dict[str, Any] = {"config": config, "runtime": trainer}
    operator = make_operator(namespace, "--no-leader-elect", **arguments).wait_until_leading()
    install(crds, namespace, "kept")
    install(crds, namespace, "gone")
    for name in ("kept", "gone"):
        crds.wait_for(lambda name=name: serving(crds, namespace, name), 180)
    setattr(proxy, outage, True)
    crds.kubectl("delete", "asvc", "gone", "-n", namespace, check=True)
    crds.kubectl("delete", "cronjob", "--all", "-n", namespace, check=True)
    install(crds, namespace, "new")
    crds.wait_for(
        lambda: any("failed" in line or "ended" in line for line in operator.messages()), 120
    )
    assert operator.alive()
    setattr(proxy, outage, False)
    for name in ("kept", "new"):
        crds.wait_for(lambda name=name: serving(crds, namespace, name), 180)
    crds.wait_for(lambda: len(crds.list("cronjobs", namespace)) == 2, 120, "two CronJobs")
    crds.wait_for(lambda: sum(_services(operator).values()) == 2, 120, "the ghost is gone")


def test_a_watch_that_falls_silent_without_an_end_is_given_up(
    crds: Sandbox,
    namespace: str,
    make_operator: Make,
    trainer: str,
    proxy: Any,
    tmp_path: Path,
) -> None:
    """As behind a load balancer that forgot the connection. The full list is left out: here only
    the watch itself may notice.
    """
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    operator = make_operator(
        namespace, "--no-leader-elect", config=config, runtime=trainer, relist="1h"
    ).wait_until_leading()
    install(crds, namespace, "before")
    crds.wait_for(lambda: serving(crds, namespace, "before"), 180)
    proxy.mute()
    install(crds, namespace, "after")
    crds.wait_for(lambda: serving(crds, namespace, "after"), 180)
    assert operator.alive()


def _services(operator: LocalOperator) -> dict[str, float]:
    prefix = "anomaly_operator_services{"
    return {key: value for key, value in operator.metrics().items() if key.startswith(prefix)}


def test_without_the_custom_resources_it_waits_and_says_so(
    sandbox: Sandbox, namespace: str, make_operator: Make, tmp_path: Path, proxy: Any
) -> None:
    """The kinds are hidden by the proxy: others use them on this control plane."""
    proxy.hidden = "/apis/anomaly-operator.dev"
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    operator = make_operator(namespace, "--no-leader-elect", config=config)
    said = sandbox.wait_for(
        lambda: [line for line in operator.lines() if line["message"] == "kind not served"], 90
    )
    assert said[0]["hint"] == "install the CRDs of the chart"
    assert operator.readiness() == "caches are not filled yet"
    proxy.hidden = ""
    operator.wait_until_leading()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("storage: {sise: 5Gi}", "unknown setting storage.sise"),
        ("concurrency: none", "concurrency: 'none' is not a whole number"),
    ],
)
def test_wrong_settings_end_the_process_with_the_path(
    crds: Sandbox, tmp_path: Path, settings: str, message: str
) -> None:
    operator = LocalOperator(tmp_path / "operator", crds.kubeconfig, settings).start()
    assert operator.wait(90) == 2
    assert message in (tmp_path / "operator" / "operator.log").read_text()
