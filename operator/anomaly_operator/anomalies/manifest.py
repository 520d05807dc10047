"""An Anomaly object as it is made: identity, owner, labels and the facts.

`spec` is written once: the facts never change, and acknowledgement and feedback belong to people.
They are not in what we apply, so server-side apply leaves them alone.
"""

from __future__ import annotations

from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import Incident
from anomaly_operator.world.objects import Meta

JSON = dict[str, Any]


def manifest(service: Meta, incident: Incident) -> JSON:
    """The object as we apply it: identity, owner, labels and the facts."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": ANOMALY.kind,
        "metadata": {
            "name": incident.anomaly,
            "namespace": service.namespace,
            "labels": labels(service, incident),
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": SERVICE.kind,
                    "name": service.name,
                    "uid": service.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "serviceRef": {"name": service.name},
            "openingPattern": incident.opening_pattern,
            "fingerprint": incident.fingerprint,
            "firstSeen": to_text(incident.first_seen),
        },
    }


def labels(service: Meta, incident: Incident) -> dict[str, str]:
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_SERVICE: label_value(service.name),
        names.LABEL_SERVICE_UID: service.uid,
        names.LABEL_PATTERN: label_value(incident.opening_pattern),
    }


def label_value(text: str) -> str:
    """`text` as a label admits it: 63 characters of [A-Za-z0-9._-], an alphanumeric at each end."""
    kept = "".join(
        one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in text
    )
    return kept[: names.MAX_NAME].strip("._-")
