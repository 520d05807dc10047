"""The mounted file that names the revision to serve: `{"revision", "digest", "since"}`.

The kubelet replaces the file some time after the operator has changed its ConfigMap. A file that
cannot be read names nothing: the server then keeps what it serves and says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector_runtime.contract.run_config import ModelRef
from detector_runtime.store.names import is_revision

MAX_BYTES = 16 * 1024


class ServedFileError(ValueError):
    """The file names no revision; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Served:
    """`since`: when the operator named this revision, RFC 3339, for people."""

    model: ModelRef
    since: str


def stamp(path: Path) -> tuple[int, int] | None:
    """What changes when the file does (inode, modified ns); None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def read_served(path: Path) -> Served:
    """The revision that `path` names; ServedFileError where it names none."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ServedFileError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if len(text) > MAX_BYTES:
        raise ServedFileError(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ServedFileError(f"{path}: not JSON") from error
    if not isinstance(document, dict):
        raise ServedFileError(f"{path}: no JSON object")
    revision, digest = _text(path, document, "revision"), _text(path, document, "digest")
    if not is_revision(revision):
        raise ServedFileError(f"{path}: revision {revision[:60]!r} is not a revision name")
    return Served(ModelRef(revision, digest), str(document.get("since", ""))[:64])


def _text(path: Path, document: dict[str, Any], field: str) -> str:
    found = document.get(field)
    if not isinstance(found, str) or not found:
        raise ServedFileError(f"{path}: {field} is missing")
    return found
