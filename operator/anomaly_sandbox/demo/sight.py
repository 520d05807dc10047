"""What the demo sees: values read from the API server's objects, and nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ServiceSight:
    """An AnomalyService's status. `scored_through` is in unix seconds, 0 = no window yet."""

    name: str
    state: str
    severity: str
    revision: str
    scored_through: int
    ready: str
    complaint: str

    @property
    def trained(self) -> bool:
        return bool(self.revision)


@dataclass(frozen=True, slots=True)
class IncidentSight:
    """An Anomaly's status; `contributions` are metric names, the strongest first. `root`: the
    service that it comes from, and `confidence` of that.
    """

    name: str
    service: str
    state: str
    severity: str
    pattern: str
    slo: str
    contributions: tuple[str, ...]
    summary: str
    resolution: str
    root: str = ""
    confidence: str = ""

    @property
    def closed(self) -> bool:
        return self.state == "Closed"


def service_sight(obj: Object) -> ServiceSight:
    """An object without a status has empty fields: nothing was said of it yet."""
    status = obj.get("status", {})
    conditions = {item["type"]: item for item in status.get("conditions", [])}
    detection = status.get("detection", {})
    return ServiceSight(
        name=obj["metadata"]["name"],
        state=status.get("state", ""),
        severity=status.get("severity", ""),
        revision=status.get("model", {}).get("revision", ""),
        scored_through=_unix(detection.get("scoredThrough", "")),
        ready=conditions.get("Ready", {}).get("status", ""),
        complaint=_complaint(conditions),
    )


def incident_sight(obj: Object) -> IncidentSight:
    """State and the rest are empty while the operator has made the object but not its status."""
    status = obj.get("status", {})
    explanation, cause = status.get("explanation", {}), status.get("rootCause", {})
    return IncidentSight(
        name=obj["metadata"]["name"],
        service=obj["spec"]["serviceRef"]["name"],
        state=status.get("state", ""),
        severity=status.get("severity", ""),
        pattern=status.get("pattern", ""),
        slo=status.get("slo", {}).get("status", ""),
        contributions=tuple(item["metric"] for item in explanation.get("contributions", [])),
        summary=explanation.get("summary", ""),
        resolution=status.get("resolution", {}).get("reason", ""),
        root=cause.get("service", ""),
        confidence=cause.get("confidence", ""),
    )


def _complaint(conditions: dict[str, Object]) -> str:
    """Reason and message of the first condition that a person would look at; empty if all is well.

    Ready speaks for the rest, but the condition that failed says more.
    """
    for kind in ("DataAvailable", "ModelReady", "Detecting", "Ready"):
        condition = conditions.get(kind)
        if condition is not None and condition["status"] == "False":
            return f"{kind}: {condition['reason']}: {condition['message']}"
    return ""


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if text else 0
