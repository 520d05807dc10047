"""How every demo ends as a command: one line with the seconds that it took, and an exit code."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from anomaly_sandbox.build import BuildError
from anomaly_sandbox.demo.recording import RecordingError
from anomaly_sandbox.demo.stage import DemoError
from anomaly_sandbox.download import DownloadRefusedError
from anomaly_sandbox.folders import FolderError
from anomaly_sandbox.rest import ApiError
from anomaly_sandbox.waiting import SandboxError

INTERRUPTED = 130
"""As shells report a program that Ctrl-C ended."""


def to_the_end(course: Callable[[float], None]) -> int:
    """0, or 1 with the reason on standard error; INTERRUPTED when it was. `course` gets the moment
    at which it began (time.monotonic)."""
    began = time.monotonic()
    try:
        course(began)
    except KeyboardInterrupt:
        print("\ndemo: interrupted; all its processes were stopped", file=sys.stderr)
        return INTERRUPTED
    except (
        DemoError,
        SandboxError,
        RecordingError,
        BuildError,
        DownloadRefusedError,
        FolderError,
        ApiError,
        OSError,
        subprocess.TimeoutExpired,
    ) as error:
        print(f"demo: FAILED after {time.monotonic() - began:.0f} s: {error}", file=sys.stderr)
        return 1
    print(f"demo: done in {time.monotonic() - began:.0f} s")
    return 0
