"""A pod as a value: what its container did, and why it does not run.

Only pods of training Jobs that ended, or that are not ready after a minute, are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.observe.read import metadata
from anomaly_operator.world.objects import PodState


def pod_state(raw: Mapping[str, Any]) -> PodState:
    """A raw pod as value. Ours is the container of our name; injectors may put others around it."""
    status = _mapping(raw.get("status"))
    meta = metadata(raw)
    containers = _items(status.get("containerStatuses"))
    container = next((one for one in containers if _ours(one)), {})
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
        ended=unix_seconds(_mapping(state.get("terminated")).get("finishedAt")),
        others=tuple(
            str(one.get("name"))
            for one in containers
            if not _ours(one) and "running" in _mapping(one.get("state"))
        ),
        blocked=_blocked(_items(status.get("initContainerStatuses"))),
    )


def _ours(container: Mapping[str, Any]) -> bool:
    return str(container.get("name", names.CONTAINER)) == names.CONTAINER


def _blocked(init: list[Mapping[str, Any]]) -> str:
    """The first init container that keeps ours waiting. A started one with a restart policy of its
    own is a sidecar and keeps nobody waiting.
    """
    for container in init:
        state = _mapping(container.get("state"))
        ended, waiting = _mapping(state.get("terminated")), _mapping(state.get("waiting"))
        name = str(container.get("name", ""))
        if ended and ended.get("exitCode") != 0:
            return f"{name} ended with exit code {ended.get('exitCode')}"
        if waiting and waiting.get("reason") != "PodInitializing":
            said = f": {waiting['message']}" if waiting.get("message") else ""
            return f"{name} waits ({waiting.get('reason')}){said}"
        if "running" in state and not container.get("started"):
            return f"{name} runs"
    return ""


def _condition(status: Mapping[str, Any], kind: str, value: str) -> Mapping[str, Any]:
    listed = status.get("conditions")
    for condition in listed if isinstance(listed, list) else ():
        found = _mapping(condition)
        if found.get("type") == kind and found.get("status") == value:
            return found
    return {}


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [_mapping(item) for item in value] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
