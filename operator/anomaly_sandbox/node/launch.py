"""Turns a container into the command line, environment and folder of a local process."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_sandbox.node import images
from anomaly_sandbox.node.environment import expand
from anomaly_sandbox.node.images import Image
from anomaly_sandbox.node.paths import Mount, Rewriter

Json = dict[str, Any]
NOT_STARTED = 128
"""Exit code of a container whose program does not exist, as a container runtime reports it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A process ready to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    termination_file: Path
    rewriter: Rewriter

    def command(self, words: list[str]) -> list[str]:
        """A command of a probe in this container's terms."""
        rewritten = self.rewriter.words(words)
        program = images.executable(rewritten[0], self.env)
        return [program or rewritten[0], *rewritten[1:]]


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one container."""

    root: Path

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def termination_file(self) -> Path:
        return self.root / "termination-log"

    def make(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        # The last run's message must not be taken for the next one's.
        self.termination_file.write_bytes(b"")


def base_environment(pod: Json, image: Image, folders: Folders, server: tuple[str, str]) -> Json:
    """What a container runtime and the kubelet give to every container. `server`: host, port."""
    host, port = server
    return {
        "PATH": images.search_path(),
        "HOME": str(folders.work),
        "HOSTNAME": pod["metadata"]["name"],
        "TMPDIR": str(folders.temporary),
        "LANG": "C.UTF-8",
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
        # Where our packages are not installed but lie on the path, so they do for the pods.
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        **image.env,
    }


def prepare(
    container: Json,
    image: Image,
    env: Mapping[str, str],
    mounts: list[Mount],
    folders: Folders,
) -> Launch:
    """The process of a container. `env` is expanded; paths in it are rewritten here."""
    termination = container.get("terminationMessagePath", "/dev/termination-log")
    rewriter = Rewriter.of([*mounts, Mount(termination, folders.termination_file)])
    values = rewriter.mapping(env)
    for mount in mounts:
        if mount.path.rstrip("/") == "/tmp" and env["TMPDIR"] == str(folders.temporary):  # noqa: S108
            values["TMPDIR"] = str(mount.target)
    command = container.get("command") or image.entrypoint
    words = [expand(word, env) for word in [*command, *container.get("args", ())]]
    return Launch(
        argv=tuple(_runnable(rewriter.words(words), values)),
        env=values,
        cwd=_working_dir(container.get("workingDir", ""), rewriter, folders),
        termination_file=folders.termination_file,
        rewriter=rewriter,
    )


def _runnable(words: list[str], env: Mapping[str, str]) -> list[str]:
    """The words with the program found; else a shell that says so and ends with NOT_STARTED."""
    program = images.executable(words[0], env) if words else None
    if program is not None:
        return [program, *words[1:]]
    name = shlex.quote(words[0] if words else "(the image has no command)")
    return ["/bin/sh", "-c", f"echo exec: {name}: not found in the sandbox >&2; exit {NOT_STARTED}"]


def _working_dir(asked: str, rewriter: Rewriter, folders: Folders) -> str:
    if not asked:
        return str(folders.work)
    rewritten = rewriter.text(asked)
    if rewritten != asked:
        return rewritten
    inner = folders.root / "root" / asked.lstrip("/")
    inner.mkdir(parents=True, exist_ok=True)
    return str(inner)
