"""The mounted file that names the revision to serve.

The kubelet replaces the file some time after the operator has changed its ConfigMap. A file that
cannot be read names nothing: the server then keeps what it serves and says why.
"""

from __future__ import annotations

import json
from pathlib import Path

from detector_runtime.contract.codec import decode
from detector_runtime.contract.serving import Served
from detector_runtime.contract.vocabulary import ContractError
from detector_runtime.store.names import is_revision

MAX_BYTES = 16 * 1024


class ServedFileError(ValueError):
    """The file names no revision; the message says why, in one line."""


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
        served = decode(Served, json.loads(text))
    except ContractError as error:
        raise ServedFileError(f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ServedFileError(f"{path}: not JSON") from error
    if not is_revision(served.revision):
        raise ServedFileError(f"{path}: revision {served.revision[:60]!r} is not a revision name")
    return served
