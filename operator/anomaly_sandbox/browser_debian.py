"""Debian's headless Chromium, unpacked into the cache by an ordinary user.

apt itself says which packages are missing and checks what it downloads; dpkg-deb unpacks them.
Nothing is installed: packages that are there stay as they are, and none is replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from anomaly_sandbox import download
from anomaly_sandbox.browser_error import BrowserError
from anomaly_sandbox.resolve import Say

PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
NEEDED = re.compile(r"(chromium|lib|fonts-)(?!.*-perl$)")
"""Names of packages that a headless browser loads something from; scripts are left out."""
DOWNLOAD_SECONDS = 900
_MISSING = re.compile(r"^Inst (\S+) \(", re.MULTILINE)
"""A line of `apt-get --simulate`; one that is replaced has its old version in brackets before."""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{root}/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
  <selectfont><rejectfont><glob>*/DejaVuMathTeXGyre.ttf</glob></rejectfont></selectfont>
  <alias binding="same"><family>system-ui</family>
    <prefer><family>DejaVu Sans</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family>
    <prefer><family>DejaVu Sans</family></prefer></alias>
  <alias binding="same"><family>monospace</family>
    <prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""
_START = """#!/bin/sh
# Starts the Chromium beside this file with the libraries and fonts that were unpacked with it.
here=$(dirname "$(readlink -f "$0")")
export FONTCONFIG_FILE="$here/fonts.conf"
export LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
exec "$here/root/{program}" "$@"
"""


def program(cache: Path) -> Path | None:
    """The one that was unpacked before."""
    found = _place(cache) / "chromium"
    return found if os.access(found, os.X_OK) else None


def fetch(cache: Path, say: Say) -> Path:
    """Download and unpack it; BrowserError where this is no Debian or its packages are not had."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise BrowserError("this system has no apt-get")
    say("sandbox: unpacking Debian's headless Chromium into the cache (about 75 MB)")
    with download.scratch(cache) as folder:
        root = folder / "root"
        root.mkdir()
        for package in _packages(folder):
            _run(["dpkg-deb", "--extract", str(package), str(root)], folder)
        _dress(folder, _place(cache))
        _keep(folder, _place(cache))
    return _place(cache) / "chromium"


def _place(cache: Path) -> Path:
    return cache / "debian"


def _packages(folder: Path) -> list[Path]:
    """The downloaded files of what is missing, with the lists of the system or else with new ones,
    as the versions in old lists may have left the mirror."""
    try:
        return _download(folder, [])
    except BrowserError:
        lists = _own_lists(folder)
        _run(["apt-get", *lists, "--quiet", "update"], folder)
        return _download(folder, lists)


def _own_lists(folder: Path) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [
        *("-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"),
        *("-o", "APT::Update::Post-Invoke::=true", "-o", "APT::Update::Post-Invoke-Success::=true"),
    ]


def _download(folder: Path, lists: list[str]) -> list[Path]:
    # Nothing of the system is written, so there is nothing to lock.
    options = [*lists, "-o", "Debug::NoLocking=1", "-o", "Acquire::Retries=2"]
    simulated = ["install", "--simulate", "--no-install-recommends", *PACKAGES]
    said = _run(["apt-get", *options, *simulated], folder)
    missing = [name for name in _MISSING.findall(said) if NEEDED.match(name)]
    wanted = dict.fromkeys(["chromium-headless-shell", "chromium-common", *missing])
    packages = folder / "packages"
    packages.mkdir(exist_ok=True)
    _run(["apt-get", *options, "--quiet", "download", *wanted], packages)
    return sorted(packages.glob("*.deb"))


def _dress(folder: Path, place: Path) -> None:
    """The fonts and the program that starts the browser, for the time when it lies at `place`."""
    root = folder / "root"
    found = sorted(root.glob("usr/lib/chromium*/*headless*shell"))
    if not found:
        raise BrowserError("Debian's package holds no headless Chromium")
    with_libraries = {path.parent.relative_to(root) for path in root.glob("**/*.so*")}
    libraries = ":".join(f"$here/root/{path}" for path in sorted(with_libraries))
    fonts = _FONTS.format(root=place / "root", cache=place / "fonts")
    (folder / "fonts.conf").write_text(fonts)
    start = folder / "chromium"
    start.write_text(_START.format(libraries=libraries, program=found[0].relative_to(root)))
    start.chmod(0o755)


def _keep(folder: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    # The program last: whoever finds it finds all of it.
    for name in ("root", "fonts.conf", "chromium"):
        shutil.move(folder / name, place / name)


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BrowserError(f"{command[0]} took more than {DOWNLOAD_SECONDS} s") from error
    if ended.returncode:
        lines = [line for line in ended.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        why = lines[0] if lines else f"exit code {ended.returncode}"
        raise BrowserError(f"{command[0]}: {why}")
    return ended.stdout
