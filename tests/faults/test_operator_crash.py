"""The operator is killed at each of its writes, and the world ends up the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import Detection, RunStatus, WindowReport, WindowVerdict
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict
from watched.detections import UNSCORED
from watched.killed import Reaper, settled
from watched.stored import whole_status

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]


def install(cluster: Sandbox, namespace: str, more: dict[str, Any] | None = None) -> None:
    cluster.apply(
        {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "metadata": {"name": "checkout", "namespace": namespace},
            "spec": {**UNSCORED, **(more or {})},
        }
    )


def serving(cluster: Sandbox, namespace: str) -> dict[str, Any] | None:
    """The service once a model serves and its CronJob is there."""
    service = cluster.get("asvc", "checkout", namespace) or {}
    status = service.get("status", {})
    done = status.get("model", {}).get("revision") and status["references"].get("inferenceCronJob")
    return service if done else None


def end_state(cluster: Sandbox, namespace: str) -> dict[str, Any]:
    """What must not depend on how often the operator died on the way."""
    children = {
        kind: sorted(
            item["metadata"]["labels"].get("app.kubernetes.io/component", "")
            for item in cluster.list(kind, namespace, labels=f"{names.LABEL_WATCHED}=true")
        )
        for kind in (
            *("jobs", "cronjobs", "configmaps", "persistentvolumeclaims"),
            *("serviceaccounts", "roles", "rolebindings"),
        )
    }
    status = whole_status(cluster.get("asvc", "checkout", namespace) or {})
    conditions = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    anomalies = sorted(
        (one["spec"]["fingerprint"], one["status"]["state"])
        for one in cluster.list("anomalies", namespace)
    )
    return {
        "children": children,
        "conditions": conditions,
        "state": status["state"],
        "tracked": [
            (one["fingerprint"], one["state"], one["occurrences"])
            for one in status["incidents"].get("tracked", [])
        ],
        "anomalies": anomalies,
    }


@pytest.fixture
def undisturbed(
    crds: Sandbox,
    make_namespace: Callable[[], str],
    make_operator: Callable[..., LocalOperator],
    trainer: str,
) -> dict[str, Any]:
    """The end state that an operator reaches whom nobody disturbs."""
    namespace = make_namespace()
    install(crds, namespace)
    operator = make_operator(namespace, "--no-leader-elect", runtime=trainer)
    crds.wait_for(lambda: serving(crds, namespace), 180)
    crds.wait_for(lambda: settled(crds, namespace), 90)
    operator.stop()
    return end_state(crds, namespace)


@pytest.mark.parametrize(("nth", "moment"), [(1, "after"), (2, "before")])
def test_killed_at_each_write_it_sets_the_same_service_up(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    proxy: Any,
    trainer: str,
    tmp_path: Path,
    undisturbed: dict[str, Any],
    nth: int,
    moment: str,
) -> None:
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    operator = make_operator(namespace, "--no-leader-elect", config=config, runtime=trainer)
    reaper = Reaper(operator, proxy, nth, moment)
    install(crds, namespace)
    reaper.until(lambda: serving(crds, namespace), 400)
    reaper.rest()
    crds.wait_for(lambda: settled(crds, namespace), 90)
    assert len(reaper.deaths) >= 4
    assert end_state(crds, namespace) == undisturbed
    jobs = crds.list("jobs", namespace, labels=f"{names.LABEL_WATCHED}=true")
    assert len(jobs) == 1


def moment_text(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def detection(revision: str, end: int, anomalous: int) -> dict[str, Any]:
    """What a scoring pod would apply: the newest `anomalous` windows up to `end` are anomalous."""
    ends = [moment_text(end - 60 * back) for back in range(anomalous)]
    windows = tuple(
        WindowVerdict(
            window,
            Verdict.ANOMALOUS,
            score="6",
            severity=Severity.HIGH,
            confidence="90%",
            patterns=("metric_latency",),
        )
        for window in reversed(ends)
    )
    report = WindowReport(
        end=ends[0],
        verdict=Verdict.ANOMALOUS,
        period="always",
        severity=Severity.HIGH,
        confidence="90%",
        score="6",
        probability="0.000001",
    )
    document = Detection(
        model_revision=revision,
        run=RunStatus(RunOutcome.SUCCEEDED),
        scored_from=moment_text(end - 60 * max(anomalous, 1)),
        scored_through=moment_text(end),
        windows=windows,
        report=report if anomalous else None,
        anomaly=report if anomalous else None,
    )
    return dict(encode(document))


def report(cluster: Sandbox, namespace: str, document: dict[str, Any]) -> None:
    """Apply `.status.detection` as the runtime does."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": "checkout", "namespace": namespace},
        "status": {"detection": document},
    }
    cluster.api.request(
        "PATCH",
        cluster.api.resource("asvc").path(namespace, "checkout", "status"),
        body,
        query={"fieldManager": "anomaly-runtime", "force": "true"},
        content_type="application/apply-patch+yaml",
    )


@pytest.mark.parametrize(("nth", "moment"), [(1, "after"), (1, "before")])
def test_killed_at_each_write_it_opens_one_incident(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    proxy: Any,
    trainer: str,
    tmp_path: Path,
    nth: int,
    moment: str,
) -> None:
    install(crds, namespace)
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    operator = make_operator(namespace, "--no-leader-elect", config=config, runtime=trainer)
    service = crds.wait_for(lambda: serving(crds, namespace), 180)
    reaper = Reaper(operator, proxy, nth, moment)
    end = int(time.time()) // 60 * 60
    report(crds, namespace, detection(service["status"]["model"]["revision"], end, 3))

    def opened() -> bool:
        found = crds.list("anomalies", namespace)
        return [one.get("status", {}).get("state") for one in found] == ["Open"]

    deaths_allowed = 6

    def done() -> bool:
        if len(reaper.deaths) >= deaths_allowed:
            proxy.on_write = lambda *_: False
        return opened()

    reaper.until(done, 400)
    reaper.rest()
    crds.wait_for(lambda: settled(crds, namespace), 90)
    (anomaly,) = crds.list("anomalies", namespace)
    assert anomaly["status"]["state"] == "Open"
    status = whole_status(crds.get("asvc", "checkout", namespace) or {})
    (tracked,) = status["incidents"]["tracked"]
    assert tracked["anomaly"] == anomaly["metadata"]["name"]
    assert status["incidents"]["open"] == 1
    assert len(reaper.deaths) >= 2
    events = [one for one in crds.list("events", namespace) if one.get("reason") == "AnomalyOpened"]
    # One on the service and one on the Anomaly.
    kinds = [one["involvedObject"]["kind"] for one in events]
    assert len(kinds) == len(set(kinds))


PLAYBOOK = {
    "thresholds": {"errorRate": {"acceptable": "0.5%", "warning": "1%", "critical": "2%"}},
    "playbook": {"tiers": [{"name": "page", "from": 0, "entry": "Contain", "deadline": "15m"}]},
}


@pytest.mark.parametrize(("nth", "moment"), [(1, "after"), (1, "before")])
def test_killed_at_each_write_it_contains_an_incident_once(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    proxy: Any,
    trainer: str,
    tmp_path: Path,
    nth: int,
    moment: str,
) -> None:
    policy = {"apiVersion": names.API_VERSION, "kind": "SLOPolicy", "spec": PLAYBOOK}
    crds.apply({**policy, "metadata": {"name": "web", "namespace": namespace}})
    account = {"name": "contain", "namespace": namespace}
    crds.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    install(crds, namespace, {"sloPolicyRef": {"name": "web"}})
    allowed = (
        f"{{enabled: true, namespaces: [{namespace}], tiers: [page], serviceAccountName: contain, "
        f'template: {{image: "{trainer}", command: [python, -c, pass]}}}}'
    )
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    operator = make_operator(
        namespace, "--no-leader-elect", config=config, runtime=trainer, containment=allowed
    )
    service = crds.wait_for(lambda: serving(crds, namespace), 180)
    log = crds.audit().since_now()
    reaper = Reaper(operator, proxy, nth, moment)
    end = int(time.time()) // 60 * 60
    report(crds, namespace, detection(service["status"]["model"]["revision"], end, 3))
    label = "app.kubernetes.io/component=containment"
    deaths_allowed = 8

    def contained() -> bool:
        if len(reaper.deaths) >= deaths_allowed:
            proxy.on_write = lambda *_: False
        found = [one.get("status", {}) for one in crds.list("anomalies", namespace)]
        seen = [one.get("containment", {}).get("outcome") for one in found]
        return bool(seen) and seen[0] in ("Running", "Succeeded", "Failed")

    reaper.until(contained, 400)
    reaper.rest()
    crds.wait_for(lambda: settled(crds, namespace), 90)
    (job,) = crds.list("jobs", namespace, labels=label)
    (anomaly,) = crds.list("anomalies", namespace)
    told = anomaly["status"]["containment"]
    assert told["job"] == job["metadata"]["name"]
    assert told["outcome"] in ("Running", "Succeeded"), told
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "contain"
    assert anomaly["status"]["priority"]["entry"] == "Contain"
    made = [
        one
        for one in log.requests(namespace=namespace, writes=True)
        if (one.verb, one.resource, one.code) == ("create", "jobs", 201)
    ]
    assert len(made) == 1
    assert len(reaper.deaths) >= 3
