"""Anomaly objects and receivers for tests of notifications."""

from __future__ import annotations

from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_operator.notify.subject import ServiceFacts, Subject, subject_of
from anomaly_operator.observe.read import anomaly_object
from anomaly_operator.settings.notifications import Receiver, ReceiverType
from anomaly_operator.world.objects import AnomalyObject

BEGAN = 1_795_000_000
CHECKOUT = ServiceFacts("checkout", labels={"team": "payments"})
CHAT = Receiver("chat", ReceiverType.SLACK, url="http://127.0.0.1:9/hook")
PAGER = Receiver("pager", ReceiverType.WEBHOOK, url="http://127.0.0.1:9/hook")


def anomaly(
    name: str = "checkout-9f2c1a7be01d-mi5k2x",
    namespace: str = "shop",
    service: str = "checkout",
    feedback: str = "",
    **status: Any,
) -> dict[str, Any]:
    """The object as the API server has it; `status` over that of an open High incident."""
    spec: dict[str, Any] = {
        "serviceRef": {"name": service},
        "openingPattern": "metric_latency",
        "fingerprint": "9f2c1a7be01d",
        "firstSeen": to_text(BEGAN),
    }
    if feedback:
        spec["feedback"] = {"verdict": feedback}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Anomaly",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-of-{namespace}-{name}",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": to_text(BEGAN + 120),
            "labels": {names.LABEL_SERVICE_UID: f"uid-of-{service}"},
        },
        "spec": spec,
        "status": {
            "state": "Open",
            "pattern": "metric_latency",
            "patterns": [{"name": "metric_latency", "severity": "High"}],
            "severity": "High",
            "confidence": "90%",
            "score": "7.4",
            "slo": {"status": "Warning"},
            "lastSeen": to_text(BEGAN + 240),
            "explanation": {
                "summary": "latency 812 ms, usually 190 to 240 ms",
                "recommendedActions": ["Compare with the newest deployment"],
            },
            **status,
        },
    }


def seen(**changes: Any) -> AnomalyObject:
    """The same in the cache."""
    return anomaly_object(anomaly(**changes))


def told_of(facts: ServiceFacts = CHECKOUT, **changes: Any) -> Subject:
    """The same as messages are decided from it."""
    return subject_of(seen(**changes), facts)


def closed(**status: Any) -> dict[str, Any]:
    """Status fields of one that is over after ten minutes."""
    return {"state": "Closed", "closedAt": to_text(BEGAN + 600), **status}


def notified(reason: str) -> dict[str, Any]:
    """Status fields with the condition Notified of that reason."""
    return {"conditions": [{"type": "Notified", "status": "False", "reason": reason}]}
