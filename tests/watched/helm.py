"""helm as a process, with its folders aside, so that nothing of the person who runs it counts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from anomaly_sandbox.resolve import Resolver

CHART = Path(__file__).parents[2] / "helm" / "anomaly-operator"


def helm(
    home: Path, *arguments: str, values: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """The finished process; `values` are given on standard input."""
    program = Resolver().resolve(["helm"])["helm"]
    folders = {f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    given = ("--values", "-") if values is not None else ()
    return subprocess.run(
        [str(program), *arguments, *given],
        input=json.dumps(values or {}),
        env={**os.environ, **folders},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
