"""Finds a Chromium for tests of pages in a browser, and gets one that is not there yet.

Order: the program named by ANOMALY_BROWSER, one on PATH, our cache, the packages of Debian, the
download of Playwright. The first three cost nothing; the last two write into the cache under a file
lock. Nothing is installed on the system, and no right of an administrator is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from anomaly_sandbox import browser_debian, browser_playwright, folders
from anomaly_sandbox.browser_error import BrowserError
from anomaly_sandbox.locks import file_lock
from anomaly_sandbox.resolve import Say, say_on_stderr

VARIABLE = "ANOMALY_BROWSER"
PROGRAMS = (
    "chromium",
    "chromium-headless-shell",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
)
START_SECONDS = 60
"""A browser that says no version within that does not start; a busy machine takes 10."""


def find_browser(
    *, environ: Mapping[str, str] = os.environ, say: Say = say_on_stderr, fetch: bool = True
) -> Path:
    """The executable of a Chromium that starts; without `fetch` only one that is already there.

    Raises BrowserError that names ANOMALY_BROWSER, or FolderError.
    """
    named = environ.get(VARIABLE, "")
    if named:
        return _named(Path(named))
    cache = folders.cache_dir(environ) / "browser"
    found = _on_path(environ) or _cached(cache)
    if found is not None:
        return found
    if not fetch:
        raise BrowserError(f"no Chromium is here; set {VARIABLE} to the path of one")
    return _fetch(cache, say)


def arguments() -> list[str]:
    """Command-line arguments that this account needs: Chromium refuses to sandbox root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def complaint(program: Path) -> str:
    """Why the program cannot be started, empty where it can."""
    command = [str(program), "--headless", *arguments(), "--version"]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=START_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode == 0:
        return ""
    lines = [*ended.stderr.splitlines(), *ended.stdout.splitlines()]
    return lines[-1] if lines else f"exit code {ended.returncode}"


def _named(program: Path) -> Path:
    if why := complaint(program):
        raise BrowserError(f"{VARIABLE}={program} does not start: {why}")
    return program


def _on_path(environ: Mapping[str, str]) -> Path | None:
    for name in PROGRAMS:
        found = shutil.which(name, path=environ.get("PATH"))
        # Ubuntu's chromium-browser is a stub that says how to get a snap.
        if found and not complaint(Path(found)):
            return Path(found)
    return None


def _cached(cache: Path) -> Path | None:
    for program in (browser_debian.program(cache), browser_playwright.program(cache)):
        if program is not None and not complaint(program):
            return program
    return None


def _fetch(cache: Path, say: Say) -> Path:
    folders.make(cache, folders.CACHE)

    def waiting() -> None:
        say("sandbox: another process is fetching a browser; waiting for it")

    with file_lock(cache / "fetch.lock", waiting=waiting):
        # Another process may have done it while this one waited.
        if found := _cached(cache):
            return found
        causes = []
        for fetch in (browser_debian.fetch, browser_playwright.fetch):
            try:
                program = fetch(cache, say)
            except BrowserError as error:
                causes.append(str(error))
                continue
            if why := complaint(program):
                causes.append(f"{program} does not start: {why}")
                continue
            return program
    told = "; ".join(causes)
    raise BrowserError(f"no Chromium could be had: {told}. Set {VARIABLE} to the path of one")
