"""Lays out a pod's volumes and prepares its containers: everything before the first process."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anomaly_sandbox.node import environment, images, launch, volumes
from anomaly_sandbox.node.context import Node
from anomaly_sandbox.node.launch import Folders, Launch
from anomaly_sandbox.node.references import PodReferences

Json = dict[str, Any]
REFRESH_SECONDS = 60.0
"""Running pods see a changed ConfigMap, Secret or token within this, as with the kubelet."""


@dataclass(slots=True)
class PodFiles:
    """The folder of one pod."""

    node: Node
    pod: Json
    pod_ip: str
    refresh_at: float = 0.0
    _references: PodReferences = field(init=False)
    _targets: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._references = PodReferences(self.node.api, self.pod)

    @property
    def folder(self) -> Path:
        return self.node.state / "pods" / str(self.pod["metadata"]["uid"])

    @property
    def laid_out(self) -> bool:
        return self.refresh_at > 0.0

    def container(self, name: str) -> Folders:
        return Folders(self.folder / "containers" / name)

    async def lay_out(self) -> None:
        """Writes or refreshes the volumes; MissingReference when something is not there yet."""
        for volume in self.pod["spec"].get("volumes", ()):
            name = volume["name"]
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                self._targets[name] = Path(await self._references.claim_path(claim))
                continue
            target = self.folder / "volumes" / name
            self._targets[name] = target
            files = await volumes.render(
                volume,
                self.pod,
                self._references,
                pod_ip=self.pod_ip,
                host_ip=self.node.host_ip,
            )
            if files is None:
                target.mkdir(parents=True, exist_ok=True)
            else:
                volumes.write(target, files)
        self.refresh_at = time.time() + REFRESH_SECONDS

    async def prepare(self, container: Json, image: images.Image) -> Launch:
        """The process of a container; MissingReference when its environment is not complete."""
        folders = self.container(container["name"])
        env = await environment.resolve(
            self.pod,
            container,
            self._references,
            base=launch.base_environment(self.pod, image, folders, self.node.server),
            pod_ip=self.pod_ip,
            host_ip=self.node.host_ip,
        )
        found = volumes.mounts(container, self._targets, env)
        return launch.prepare(container, image, env, found, folders)

    def remove(self) -> None:
        volumes.remove(self.folder)
