"""The Chromium that Playwright publishes, downloaded into the cache, for systems without apt."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from anomaly_sandbox.browser_error import BrowserError
from anomaly_sandbox.resolve import Say

DOWNLOAD_SECONDS = 900
_NAMES = ("headless_shell", "chrome-headless-shell")


def program(cache: Path) -> Path | None:
    """The one that was downloaded before."""
    found = [path for name in _NAMES for path in cache.glob(f"playwright/*/*/{name}")]
    return max(found) if found else None


def fetch(cache: Path, say: Say) -> Path:
    """Download it; BrowserError where Playwright is not installed or its host not reached."""
    if importlib.util.find_spec("playwright") is None:
        raise BrowserError("the Python package playwright is not installed")
    say("sandbox: downloading Playwright's headless Chromium into the cache (about 110 MB)")
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(cache / "playwright")}
    try:
        ended = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BrowserError(f"playwright install took more than {DOWNLOAD_SECONDS} s") from error
    found = program(cache)
    if ended.returncode or found is None:
        lines = [line for line in ended.stderr.splitlines() if line.startswith("Error")]
        why = lines[0] if lines else f"exit code {ended.returncode}"
        raise BrowserError(f"playwright install: {why}")
    return found
