"""Starts the containers of a pod, or says why one has to wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_sandbox.control import ControlError, ProcessSpec
from anomaly_sandbox.node import images, logs
from anomaly_sandbox.node.context import Node
from anomaly_sandbox.node.launch import Launch
from anomaly_sandbox.node.lookup import MissingReference
from anomaly_sandbox.node.pod_files import PodFiles
from anomaly_sandbox.node.runs import ROLE, process_name
from anomaly_sandbox.node.status import Waiting

Json = dict[str, Any]
_RETRY_SECONDS = 1.0
_IMAGE_RETRY_SECONDS = 10.0


@dataclass(slots=True)
class Starter:
    """`waiting`: why containers do not run, and when the next try is due."""

    node: Node
    pod: Json
    files: PodFiles
    containers: Mapping[str, Json]
    waiting: dict[str, tuple[Waiting, float]] = field(default_factory=dict)
    _launches: dict[str, Launch] = field(default_factory=dict)

    async def start(self, wanted: Mapping[str, int], now: float) -> None:
        """Starts the runs (container to attempt) that can be started and are due."""
        try:
            if not self.files.laid_out:
                await self.files.lay_out()
        except MissingReference as error:
            await self.node.event(self.pod, "FailedMount", str(error), now=now)
            cause = Waiting("ContainerCreating", str(error))
            self.waiting = dict.fromkeys(wanted, (cause, now + _RETRY_SECONDS))
            return
        for name, attempt in wanted.items():
            known = self.waiting.get(name)
            if known is not None and now < known[1]:
                continue
            problem = await self._start(name, attempt, now)
            if problem is None:
                self.waiting.pop(name, None)
            else:
                slow = problem.reason == "ImagePullBackOff"
                pause = _IMAGE_RETRY_SECONDS if slow else _RETRY_SECONDS
                self.waiting[name] = (problem, now + pause)
        for forgotten in self.node.runs.old(self.pod["metadata"]["uid"]):
            await self.node.control.remove(forgotten)

    async def launch(self, name: str) -> Launch | None:
        """The process of a running container; made anew after the agent was restarted."""
        if name not in self._launches:
            image = self._image(name)
            if image is None:
                return None
            if not self.files.laid_out:
                await self.files.lay_out()
            self._launches[name] = await self.files.prepare(self.containers[name], image)
        return self._launches[name]

    async def refresh(self, now: float) -> None:
        """Brings changed ConfigMaps, Secrets and tokens to a running pod when it is time."""
        if not self.files.laid_out or now < self.files.refresh_at:
            return
        try:
            await self.files.lay_out()
        except MissingReference as error:
            # What a running pod already has, it keeps.
            await self.node.event(self.pod, "FailedMount", str(error), now=now)
            self.files.refresh_at = now + _IMAGE_RETRY_SECONDS

    def _image(self, name: str) -> images.Image | None:
        return images.find(self.containers[name]["image"], images.load(self.node.state))

    async def _start(self, name: str, attempt: int, now: float) -> Waiting | None:
        container = self.containers[name]
        image = self._image(name)
        if image is None:
            message = f"the sandbox has no local program for image {container['image']!r}"
            await self.node.event(self.pod, "Failed", message, now=now)
            again = name in self.waiting and "Image" in self.waiting[name][0].reason
            return Waiting("ImagePullBackOff" if again else "ErrImagePull", message)
        try:
            launch = await self.files.prepare(container, image)
        except (MissingReference, ValueError) as error:
            await self.node.event(self.pod, "Failed", str(error), now=now)
            return Waiting("CreateContainerConfigError", str(error))
        self.files.container(name).make()
        try:
            record = await self.node.control.start(self._process(name, attempt, launch))
        except ControlError as error:
            await self.node.event(self.pod, "Failed", str(error), now=now)
            return Waiting("RunContainerError", str(error))
        self._launches[name] = launch
        self.node.runs.observe(record)
        return None

    def _process(self, name: str, attempt: int, launch: Launch) -> ProcessSpec:
        meta = self.pod["metadata"]
        folder = logs.folder(self.node.state, meta["namespace"], meta["name"], meta["uid"])
        folder.mkdir(parents=True, exist_ok=True)
        return ProcessSpec(
            name=process_name(meta["uid"], name, attempt),
            argv=list(launch.argv),
            env=dict(launch.env),
            cwd=launch.cwd,
            log=str(folder / f"{name}.{attempt}.log"),
            labels={
                "role": ROLE,
                "uid": meta["uid"],
                "namespace": meta["namespace"],
                "pod": meta["name"],
                "container": name,
                "attempt": str(attempt),
                "ip": self.files.pod_ip,
            },
        )
