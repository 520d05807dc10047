"""Where the sandbox keeps things: the program cache and the state of each sandbox.

Follows the XDG base directory specification; nothing is ever written elsewhere in the
user's home, least of all to ~/.kube.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Programs by name and version, shared by all sandboxes of the user."""
    return _xdg(environ, "XDG_CACHE_HOME", ".cache") / "anomaly-operator"


def state_dir(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The state folder of the sandbox called `name` (lower case, digits, dashes)."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"sandbox name {name!r}: use lower case letters, digits and dashes")
    return _xdg(environ, "XDG_STATE_HOME", ".local/state") / "anomaly-sandbox" / name


def _xdg(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    # The specification says to ignore a relative path.
    value = environ.get(variable, "")
    if value.startswith("/"):
        return Path(value)
    return Path(environ.get("HOME") or Path.home()) / fallback
