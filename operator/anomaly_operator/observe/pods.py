"""A pod as a value: what its container did, and why it does not run.

Only pods of training Jobs that ended, or that are not ready after a minute, are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.observe.read import metadata
from anomaly_operator.world.objects import PodState


def pod_state(raw: Mapping[str, Any]) -> PodState:
    """A raw pod as value. The first container is ours; there is no other."""
    status = _mapping(raw.get("status"))
    meta = metadata(raw)
    container = _first(status.get("containerStatuses"))
    state = _mapping(container.get("state"))
    last = _mapping(_mapping(container.get("lastState")).get("terminated"))
    ended = _mapping(state.get("terminated")) or last
    waiting = _mapping(state.get("waiting"))
    stopped = ended or waiting
    unscheduled = _condition(status, "PodScheduled", "False")
    exit_code = ended.get("exitCode")
    return PodState(
        name=meta.name,
        phase=str(status.get("phase", "")),
        created=meta.created,
        exit_code=exit_code if isinstance(exit_code, int) else None,
        reason=str(stopped.get("reason") or status.get("reason") or unscheduled.get("reason", "")),
        message=str(
            waiting.get("message") or status.get("message") or unscheduled.get("message", "")
        ),
        termination_message=str(ended.get("message", "")),
        disrupted=str(_condition(status, "DisruptionTarget", "True").get("reason", "")),
    )


def _condition(status: Mapping[str, Any], kind: str, value: str) -> Mapping[str, Any]:
    listed = status.get("conditions")
    for condition in listed if isinstance(listed, list) else ():
        found = _mapping(condition)
        if found.get("type") == kind and found.get("status") == value:
            return found
    return {}


def _first(items: Any) -> Mapping[str, Any]:
    return _mapping(items[0]) if isinstance(items, list) and items else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
