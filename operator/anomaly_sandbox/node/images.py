"""Which local command stands for which image. There are no containers here, so the name of an
image is a promise about what is installed in this environment; an unknown name is an unknown
image, and the pod is told so as by a registry.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from anomaly_sandbox.control import write_file

FILE = "images.json"
"""In the state folder: images of this sandbox besides the built-in ones; read at each start."""

HOST_IMAGE = "anomaly-sandbox/host:latest"
"""An image that has the programs of this machine: sh, sleep, python."""


@dataclass(frozen=True, slots=True)
class Image:
    """`pattern` is matched (fnmatch) against NAME:TAG, with or without a registry before it."""

    pattern: str
    entrypoint: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)


BUILT_IN = (
    Image("anomaly-operator/operator:*", ["python", "-m", "anomaly_operator"]),
    Image("anomaly-operator/runtime*:*", ["python", "-m", "detector_runtime"]),
    Image("anomaly-sandbox/host:*"),
)


def find(reference: str, extra: tuple[Image, ...]) -> Image | None:
    """The image behind a reference, or None when nothing here stands for it."""
    name = reference.split("@", 1)[0]
    if ":" not in name.rsplit("/", 1)[-1]:
        name += ":latest"
    for image in (*extra, *BUILT_IN):
        if fnmatchcase(name, image.pattern) or fnmatchcase(name, f"*/{image.pattern}"):
            return image
    return None


def load(state: Path) -> tuple[Image, ...]:
    try:
        return tuple(Image(**item) for item in json.loads((state / FILE).read_text()))
    except FileNotFoundError:
        return ()


def add(state: Path, image: Image) -> None:
    """Makes an image known to a running sandbox; the newest wins."""
    images = [image, *(known for known in load(state) if known.pattern != image.pattern)]
    write_file(state / FILE, json.dumps([asdict(item) for item in images]))


def search_path() -> str:
    """PATH of every container: the scripts of this Python first."""
    return os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])


def executable(program: str, env: Mapping[str, str]) -> str | None:
    """Where a program is; `python` is always this one. None when there is none."""
    if program in {"python", "python3", "/usr/bin/python3", "/usr/local/bin/python"}:
        return sys.executable
    return shutil.which(program, path=env.get("PATH", search_path()))
