"""Where the sandbox keeps things: the program cache and the state of each sandbox.

Follows the XDG base directory specification; nothing is ever written elsewhere in the
user's home, least of all to ~/.kube.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

CACHE = "XDG_CACHE_HOME"
STATE = "XDG_STATE_HOME"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


class FolderError(RuntimeError):
    """A folder cannot be made; the message says how to choose another place."""


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Programs by name and version, shared by all sandboxes of the user."""
    return _xdg(environ, CACHE, ".cache") / "anomaly-operator"


def state_dir(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The state folder of the sandbox called `name` (lower case, digits, dashes)."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"sandbox name {name!r}: use lowercase letters, digits and dashes")
    return _xdg(environ, STATE, ".local/state") / "anomaly-sandbox" / name


def make(folder: Path, variable: str, mode: int = 0o777) -> None:
    """The folder and those above it, for writing; `variable` decides where it lies."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=mode)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise FolderError(
            f"cannot write to {folder} ({error.strerror}); set {variable} to another folder"
        ) from error


def _xdg(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    # The specification says to ignore a relative path.
    value = environ.get(variable, "")
    if value.startswith("/"):
        return Path(value)
    return Path(environ.get("HOME") or Path.home()) / fallback
