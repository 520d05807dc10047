"""Keeps a `Health` for every running container of a pod."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_sandbox.node import probes
from anomaly_sandbox.node.health import Health
from anomaly_sandbox.node.lifecycle import Run
from anomaly_sandbox.node.pod_start import Starter

Json = dict[str, Any]
_log = logging.getLogger("anomaly_sandbox.node")


@dataclass(slots=True)
class PodHealth:
    """Probes of one pod; `changed` wakes its worker."""

    starter: Starter
    changed: Callable[[], None]
    _known: dict[tuple[str, int], Health] = field(default_factory=dict)

    def follow(self, running: Mapping[str, Run], status: Json) -> None:
        """Begins and ends probing so that exactly the running containers are probed. `status`
        is the pod's, from which an agent that was restarted takes over."""
        current = {(name, run.attempt): run for name, run in running.items()}
        for key in [key for key in self._known if key not in current]:
            self._known.pop(key).end()
        for (name, attempt), run in current.items():
            if (name, attempt) not in self._known:
                self._known[name, attempt] = self._begin(name, run, status)

    def end(self) -> None:
        for health in self._known.values():
            health.end()

    def ready(self) -> frozenset[str]:
        return frozenset(name for (name, _), health in self._known.items() if health.ready)

    def started(self) -> frozenset[str]:
        return frozenset(name for (name, _), health in self._known.items() if health.started)

    def unhealthy(self, running: Mapping[str, Run]) -> list[str]:
        """Running containers whose startup or liveness probe has failed for good."""
        return [
            name
            for (name, attempt), health in self._known.items()
            if health.unhealthy and name in running and running[name].attempt == attempt
        ]

    def _begin(self, name: str, run: Run, status: Json) -> Health:
        starter = self.starter
        container = starter.containers[name]

        async def check(probe: Json) -> str:
            launch = await starter.launch(name)
            if launch is None:
                return f"image {container['image']!r} is not known any more"
            address, http = starter.files.pod_ip, starter.node.http
            return await probes.check(probe, container, launch, address, http)

        def failed(kind: str, cause: str) -> None:
            _log.info("%s probe of %s (%s) failed: %s", kind, name, run.pid, cause)

        health = Health(container, run.started_at, check, self.changed, failed)
        before = container_status(status, name)
        same = before.get("containerID", "").endswith(f"/{name}/{run.attempt}")
        health.begin(
            was_started=same and bool(before.get("started")),
            was_ready=same and bool(before.get("ready")),
        )
        return health


def container_status(status: Json, name: str) -> Json:
    """What a pod's status says of a container; empty when nothing."""
    known = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    found: Json = next((item for item in known if item["name"] == name), {})
    return found
