"""The state on a volume: written aside, then renamed, so that a reader finds the old or the new.

`prepare` does all that can fail for want of room or of a right before the service's status is
written; what is left is a rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.errors import ConfigInvalidError, RunError, StorageFullError
from detector_runtime.following.memory import MAX_BYTES

NAME = "follow.json"
ASIDE = ".aside-"
ASIDE_SECONDS = 3600
"""Age from which on a file aside belongs to a run that was killed."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A state that only needs its name."""

    aside: Path
    path: Path

    def commit(self) -> None:
        """Put it in the place of the one before; ConfigInvalidError where that cannot be."""
        try:
            self.aside.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            self.discard()
            raise _refused(self.path.parent, error) from error

    def discard(self) -> None:
        """Leave the one before."""
        with contextlib.suppress(OSError):
            self.aside.unlink()


def read(folder: Path) -> bytes | None:
    """The document in `folder`; None where there is none or it is no file of ours."""
    try:
        handle = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        # A read of a regular file is only short at its end.
        data = os.read(handle, MAX_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(handle)
    return data if len(data) <= MAX_BYTES else None


def prepare(folder: Path, data: bytes, now: float) -> Prepared:
    """Write `data` aside. StorageFullError or ConfigInvalidError where the volume does not take it.
    `now` in unix seconds."""
    aside = folder / f"{ASIDE}{os.getpid()}-{os.urandom(4).hex()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder, now)
        with aside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        Prepared(aside, aside).discard()
        raise _refused(folder, error) from error
    return Prepared(aside, folder / NAME)


def _refused(folder: Path, error: OSError) -> RunError:
    if error.errno in _FULL:
        return StorageFullError(
            f"volume of {folder.parent}: no room for the state of the training run; enlarge the "
            "claim or remove old snapshots and checkpoints"
        )
    return ConfigInvalidError(
        f"volume of {folder.parent}: the state of the training run cannot be written "
        f"({error.strerror}); make the claim writable for the pod's group, or set "
        "spec.trainingRun.snapshots.enabled to false"
    )


def _sweep(folder: Path, now: float) -> None:
    """Remove what killed runs left aside."""
    for one in folder.glob(f"{ASIDE}*"):
        with contextlib.suppress(OSError):
            if now - one.lstat().st_mtime > ASIDE_SECONDS:
                one.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems do not sync folders; the rename is done all the same.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(handle)
