"""The status of a pod as the kubelet would write it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anomaly_sandbox.node.lifecycle import Container, Phase, Run

Json = dict[str, Any]
IGNORED_CONDITION = "anomaly-operator.dev/SandboxIgnores"
"""A pod condition that lists what the pod asks for and a local process cannot honour."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the status says. `waiting` is by container; `messages` by (container, attempt);
    `ready` and `started` name containers; `reason` and `message` are the pod's own."""

    phase: Phase
    containers: Sequence[Container]
    pod_ip: str
    host_ip: str
    now: float
    reason: str = ""
    message: str = ""
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    messages: Mapping[tuple[str, int], str] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    started: frozenset[str] = frozenset()
    ignored: Sequence[str] = ()


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod_status(pod: Json, facts: Facts) -> Json:
    """The status to apply (strategic merge): what is in it is the agent's, the rest stays."""
    spec, old = pod["spec"], pod.get("status", {})
    status: Json = {
        "phase": str(facts.phase),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "podIP": facts.pod_ip,
        "podIPs": [{"ip": facts.pod_ip}],
        "qosClass": old.get("qosClass", "BestEffort"),
        "startTime": old.get("startTime") or timestamp(facts.now),
    }
    if facts.reason:
        status["reason"] = facts.reason
    if facts.message:
        status["message"] = facts.message
    for key, init in (("initContainerStatuses", True), ("containerStatuses", False)):
        images = {c["name"]: c["image"] for c in spec.get(_source(init), ())}
        items = [c for c in facts.containers if c.init == init]
        if items:
            uid = pod["metadata"]["uid"]
            status[key] = [_container_status(uid, c, images[c.name], facts) for c in items]
    status["conditions"] = _conditions(old.get("conditions") or [], facts)
    return status


def differs(desired: Any, live: Any) -> bool:
    """Whether applying `desired` would change `live`. Conditions are compared by type."""
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            return True
        return any(differs(value, live.get(key)) for key, value in desired.items())
    if isinstance(desired, list):
        if not isinstance(live, list):
            return True
        if desired and isinstance(desired[0], dict) and "lastTransitionTime" in desired[0]:
            by_type = {item.get("type"): item for item in live}
            return any(differs(item, by_type.get(item["type"])) for item in desired)
        return len(desired) != len(live) or any(map(differs, desired, live))
    return bool(desired != live)


def _source(init: bool) -> str:
    return "initContainers" if init else "containers"


def _container_status(uid: str, item: Container, image: str, facts: Facts) -> Json:
    last = item.last
    status: Json = {
        "name": item.name,
        "image": image,
        "imageID": f"sandbox://{image}" if item.runs else "",
        "restartCount": last.attempt if last else 0,
        "ready": item.name in facts.ready if not item.init else bool(last and last.exit_code == 0),
        "started": item.name in facts.started,
        "state": _state(uid, item, last, facts),
        "lastState": {},
    }
    if last is not None:
        status["containerID"] = _container_id(uid, item.name, last.attempt)
    shown_as_waiting = "waiting" in status["state"]
    ended = [run for run in item.runs if not run.running]
    previous = ended if shown_as_waiting or (last and last.running) else ended[:-1]
    if previous:
        status["lastState"] = {"terminated": _terminated(uid, item.name, previous[-1], facts)}
    return status


def _state(uid: str, item: Container, last: Run | None, facts: Facts) -> Json:
    waiting = facts.waiting.get(item.name)
    if waiting is not None and not (last and last.running):
        shown = {"reason": waiting.reason, "message": waiting.message}
        return {"waiting": {key: value for key, value in shown.items() if value}}
    if last is None:
        has_init = any(c.init for c in facts.containers) and not item.init
        return {"waiting": {"reason": "PodInitializing" if has_init else "ContainerCreating"}}
    if last.running:
        return {"running": {"startedAt": timestamp(last.started_at)}}
    return {"terminated": _terminated(uid, item.name, last, facts)}


def _terminated(uid: str, name: str, run: Run, facts: Facts) -> Json:
    state: Json = {
        "exitCode": run.exit_code,
        "reason": run.reason or ("Completed" if run.exit_code == 0 else "Error"),
        "startedAt": timestamp(run.started_at),
        "finishedAt": timestamp(run.finished_at),
        "containerID": _container_id(uid, name, run.attempt),
    }
    message = facts.messages.get((name, run.attempt), "")
    if message:
        state["message"] = message
    return state


def _container_id(uid: str, name: str, attempt: int) -> str:
    return f"sandbox://{uid}/{name}/{attempt}"


def _conditions(old: Sequence[Json], facts: Facts) -> list[Json]:
    main = [item.name for item in facts.containers if not item.init]
    over = facts.phase in {Phase.SUCCEEDED, Phase.FAILED}
    initialized = all(c.last and c.last.exit_code == 0 for c in facts.containers if c.init)
    unready = [name for name in main if name not in facts.ready]
    ready = not unready and not over
    reason, message = "", ""
    if facts.phase is Phase.SUCCEEDED:
        reason = "PodCompleted"
    elif facts.phase is Phase.FAILED:
        reason = "PodFailed"
    elif unready:
        reason, message = "ContainersNotReady", f"containers with unready status: {unready}"
    wanted = [
        ("PodScheduled", True, "", ""),
        ("Initialized", initialized, "" if initialized else "ContainersNotInitialized", ""),
        ("ContainersReady", ready, reason, message),
        ("Ready", ready, reason, message),
    ]
    if facts.ignored:
        wanted.append((IGNORED_CONDITION, True, "LocalProcess", ", ".join(facts.ignored)))
    before = {item["type"]: item for item in old}
    found = []
    for kind, value, why, text in wanted:
        known = before.get(kind, {})
        word = "True" if value else "False"
        changed = known.get("status") != word
        since = timestamp(facts.now) if changed else known["lastTransitionTime"]
        item = {"type": kind, "status": word, "lastTransitionTime": since}
        # None takes away what an earlier state had said: the patch merges conditions by type.
        found.append({**item, "reason": why or None, "message": text or None})
    return found
