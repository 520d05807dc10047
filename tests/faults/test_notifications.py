"""Real operators tell people of real objects: each edge once, whoever dies on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from loopback.server import Answer
from pretend.receivers import Inbox, inbox
from watched.alertmanager import Alertmanager
from watched.detections import STEP, UNSCORED, Found, report

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]


@pytest.fixture
def box() -> Inbox:
    return Inbox()


@pytest.fixture
def url(box: Inbox) -> Iterator[str]:
    with inbox(box) as server:
        yield f"{server.url}/hook"


def told(url: str, *more: str) -> str:
    pager = f'{{name: pager, type: Webhook, url: "{url}"}}'
    return f"{{receivers: [{', '.join((pager, *more))}]}}"


class Incident:
    """Of the service `checkout`: it opened a while ago and may end now."""

    def __init__(self, cluster: Sandbox, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._now = int(time.time()) // STEP * STEP
        self._found = Found(self._now - 5 * STEP)

    def opens(self) -> None:
        self._detected(self._found.last)

    def closes(self) -> None:
        self._detected(self._now)

    def _detected(self, through: int) -> None:
        service = self._cluster.get("asvc", "checkout", self._namespace) or {}
        revision = service["status"]["model"]["revision"]
        document = self._found.detection(revision, through)
        report(self._cluster, self._namespace, "checkout", document)

    @property
    def object(self) -> dict[str, Any]:
        found = self._cluster.list("anomalies", self._namespace)
        assert len(found) <= 1
        return found[0] if found else {}

    def notified(self, state: str) -> bool:
        status = self.object.get("status", {})
        conditions = {one["type"]: one["reason"] for one in status.get("conditions", [])}
        return status.get("state") == state and conditions["Notified"] == "Delivered"


def install(cluster: Sandbox, namespace: str) -> None:
    manifest = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": "checkout", "namespace": namespace},
        "spec": {**UNSCORED, "alertLabels": {"team": "payments"}},
    }
    cluster.apply(manifest)


def served(cluster: Sandbox, namespace: str) -> Incident:
    """Once a model serves and nothing is left to write."""

    def serving() -> bool:
        status = (cluster.get("asvc", "checkout", namespace) or {}).get("status", {})
        return bool(
            status.get("model", {}).get("revision")
            and status.get("references", {}).get("inferenceCronJob")
        )

    cluster.wait_for(serving, 180, "a model serves")
    cluster.wait_for(lambda: quiet(cluster, namespace), 90, "nothing is written")
    return Incident(cluster, namespace)


def quiet(cluster: Sandbox, namespace: str) -> bool:
    """No write of the operator for two seconds."""
    log = cluster.audit().since_now()
    time.sleep(2.0)
    writes = log.requests(namespace=namespace, writes=True)
    return not [
        item for item in writes if item.user_agent == names.MANAGED_BY and item.resource != "leases"
    ]


def test_an_incident_is_one_message_and_one_alert(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    trainer: str,
    tmp_path: Path,
    box: Inbox,
    url: str,
) -> None:
    with Alertmanager(tmp_path / "alertmanager") as alertmanager:
        alerts = f'{{name: alerts, type: Alertmanager, url: "{alertmanager.url}"}}'
        install(crds, namespace)
        make_operator(
            namespace, "--no-leader-elect", runtime=trainer, notifications=told(url, alerts)
        )
        incident = served(crds, namespace)
        incident.opens()
        crds.wait_for(lambda: incident.notified("Open"), 60, "people are told")
        (alert,) = alertmanager.alerts()
        assert alert["labels"]["service"] == "checkout"
        assert alert["labels"]["team"] == "payments"
        assert [one["event"] for one in box.bodies] == ["Opened"]
        crds.wait_for(lambda: quiet(crds, namespace), 60, "nothing is written")
        incident.closes()
        crds.wait_for(lambda: incident.notified("Closed"), 60, "people are told of the end")
        assert alertmanager.alerts() == []
        assert [one["event"] for one in box.bodies] == ["Opened", "Closed"]
        found = incident.object
        marks = {one["receiver"]: one["edge"] for one in found["status"]["notifications"]}
        assert marks == {"pager": "Closed", "alerts": "Closed"}
        owners = {
            entry["manager"]
            for entry in found["metadata"].get("managedFields", [])
            if "f:notifications" in entry.get("fieldsV1", {}).get("f:status", {})
        }
        assert owners <= {names.NOTIFY_FIELD_MANAGER}


def test_a_receiver_that_is_down_delays_its_message_and_no_incident(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    trainer: str,
    box: Inbox,
    url: str,
) -> None:
    box.answer = Answer(503)
    install(crds, namespace)
    make_operator(namespace, "--no-leader-elect", runtime=trainer, notifications=told(url))
    incident = served(crds, namespace)
    incident.opens()

    def failing() -> bool:
        conditions = incident.object.get("status", {}).get("conditions", [])
        return any(one["reason"] == "Failing" for one in conditions)

    crds.wait_for(failing, 90, "the condition says that the receiver fails")
    incident.closes()
    crds.wait_for(lambda: incident.object["status"]["state"] == "Closed", 60, "the incident closes")
    box.answer = Answer()
    crds.wait_for(lambda: incident.notified("Closed"), 120, "people are told afterwards")
    assert box.bodies[-1]["event"] == "Closed"
    assert len({one.headers["idempotency-key"] for one in box.got}) == 2


class Killer:
    """Kills the operator once, at its `nth` write from now on."""

    def __init__(self, operator: LocalOperator, proxy: Any, nth: int, moment: str) -> None:
        self.killed_at = ""
        self._operator, self._moment, self._left = operator, moment, nth
        self._lock = threading.Lock()
        proxy.on_write = self

    def __call__(self, moment: Any, what: str) -> bool:
        with self._lock:
            if moment.value != self._moment or self.killed_at:
                return False
            self._left -= 1
            if self._left:
                return False
            self._operator.process.kill()
            self.killed_at = what
            return True


@pytest.mark.parametrize(
    ("nth", "moment"),
    # The fourth is the mark, after the service's status, the object and its status; the fifth the
    # condition.
    [(1, "before"), (4, "before"), (4, "after"), (5, "before")],
)
def test_killed_at_each_write_it_tells_at_most_once_more(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    proxy: Any,
    trainer: str,
    tmp_path: Path,
    box: Inbox,
    url: str,
    nth: int,
    moment: str,
) -> None:
    config = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
    install(crds, namespace)
    operator = make_operator(
        namespace, "--no-leader-elect", config=config, runtime=trainer, notifications=told(url)
    )
    incident = served(crds, namespace)
    killer = Killer(operator, proxy, nth, moment)
    incident.opens()
    crds.wait_for(lambda: bool(killer.killed_at), 60, f"the operator makes {nth} writes")
    operator.process.wait()
    operator.start()
    crds.wait_for(lambda: incident.notified("Open"), 120, "people are told")
    crds.wait_for(lambda: quiet(crds, namespace), 60, "nothing is written")
    assert len({one.headers["idempotency-key"] for one in box.got}) == 1
    assert len(box.got) <= 2
    (mark,) = incident.object["status"]["notifications"]
    assert (mark["receiver"], mark["edge"]) == ("pager", "Opened")


def test_a_replica_that_stands_by_sends_nothing_and_takes_over_without_a_repeat(
    crds: Sandbox,
    namespace: str,
    make_operator: Callable[..., LocalOperator],
    trainer: str,
    box: Inbox,
    url: str,
) -> None:
    install(crds, namespace)
    arguments = {"runtime": trainer, "notifications": told(url)}
    leader = make_operator(namespace, "--leader-elect", **arguments).wait_until_leading()
    standby = make_operator(namespace, "--leader-elect", **arguments).wait_until_standing_by()
    incident = served(crds, namespace)
    incident.opens()
    crds.wait_for(lambda: incident.notified("Open"), 60, "people are told")
    leader.kill()
    standby.wait_until_leading()
    crds.wait_for(lambda: quiet(crds, namespace), 60, "nothing is written")
    assert [one["event"] for one in box.bodies] == ["Opened"]
    incident.closes()
    crds.wait_for(lambda: incident.notified("Closed"), 60, "people are told of the end")
    assert [one["event"] for one in box.bodies] == ["Opened", "Closed"]
