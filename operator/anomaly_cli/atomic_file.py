"""A file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO


def written(path: Path) -> AbstractContextManager[TextIO]:
    """A text file to write; it takes the place of `path` when the block ends, and nothing does if
    the block fails. A device or a pipe is written to as it is. Raises OSError at once where `path`
    cannot be written.
    """
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    if target.exists() and not target.is_file():
        return target.open("w", newline="", encoding="utf-8")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    return _moved(aside.open("x", newline="", encoding="utf-8"), aside, target)


@contextlib.contextmanager
def _moved(file: TextIO, aside: Path, target: Path) -> Iterator[TextIO]:
    try:
        with file:
            yield file
        if target.exists():
            shutil.copymode(target, aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
