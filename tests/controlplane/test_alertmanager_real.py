"""A real Alertmanager accepts our alerts, and its own API shows each incident once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from anomaly_operator.api.text import to_text
from anomaly_operator.settings.notifications import Receiver, ReceiverType
from pretend.receivers import Stage
from watched.alertmanager import Alertmanager


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with Alertmanager(tmp_path_factory.mktemp("alertmanager")) as running:
        yield running


def stage(alertmanager: Alertmanager, namespace: str) -> tuple[Stage, dict[str, Any]]:
    """A courier, and facts of an incident. Its clock is ten minutes late, so that a test can move
    it and Alertmanager, which has a clock of its own, never sees the future.
    """
    receiver = Receiver("alerts", ReceiverType.ALERTMANAGER, url=alertmanager.url)
    made = Stage(receiver, resend_seconds=RESEND)
    made.now = time.time() - 2 * RESEND
    made.cluster.put("AnomalyService", "checkout", namespace, spec=SPEC)
    return made, {"namespace": namespace}


RESEND = 300.0
SPEC = {"preset": "OpenTelemetrySpanMetrics", "alertLabels": {"team": "payments"}}


def shown(alertmanager: Alertmanager, namespace: str) -> list[dict[str, Any]]:
    return [one for one in alertmanager.alerts() if one["labels"]["namespace"] == namespace]


async def test_an_incident_is_one_alert_from_its_opening_to_its_end(
    alertmanager: Alertmanager,
) -> None:
    told, where = stage(alertmanager, "shop")
    told.incident(**where)
    await told.deliver()
    (alert,) = shown(alertmanager, "shop")
    assert alert["labels"] == {
        "alertname": "AnomalyIncident",
        "namespace": "shop",
        "service": "checkout",
        "pattern": "metric_latency",
        "severity": "High",
        "team": "payments",
    }
    assert alert["status"]["state"] == "active"
    assert alert["annotations"]["summary"] == "High: shop/checkout metric_latency opened"
    for _ in range(2):
        told.now += RESEND
        await told.deliver()
    (again,) = shown(alertmanager, "shop")
    assert again["fingerprint"] == alert["fingerprint"]
    assert again["startsAt"] == alert["startsAt"]
    assert again["endsAt"] > alert["endsAt"]
    told.now = time.time()
    told.incident(**where, severity="Critical")
    await told.deliver()
    (escalated,) = shown(alertmanager, "shop")
    assert escalated["labels"]["severity"] == "Critical"
    over = to_text(int(time.time()) - 5)
    told.incident(**where, severity="Critical", state="Closed", closedAt=over)
    await told.deliver()
    assert shown(alertmanager, "shop") == []
    assert told.count("refused") == 0


async def test_a_restart_posts_what_is_active_as_the_same_alert(
    alertmanager: Alertmanager,
) -> None:
    told, where = stage(alertmanager, "bank")
    told.incident(**where)
    await told.deliver()
    told.restart()
    told.now = time.time()
    await told.deliver()
    assert len(shown(alertmanager, "bank")) == 1
    told.incident(
        **where, feedback="FalsePositive", state="Closed", closedAt=to_text(int(told.now) - 5)
    )
    await told.deliver()
    assert shown(alertmanager, "bank") == []


async def test_two_hundred_incidents_are_two_hundred_alerts(alertmanager: Alertmanager) -> None:
    told, where = stage(alertmanager, "flood")
    for number in range(200):
        service = f"service-{number}"
        told.cluster.put("AnomalyService", service, "flood", spec=SPEC)
        told.incident(f"{service}-incident", service=service, **where)
    for _ in range(3):
        await told.deliver()
    assert len(shown(alertmanager, "flood")) == 200
