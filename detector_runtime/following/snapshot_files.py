"""Folders and files of the claim, reached so that no symbolic link leads out of it.

The trainer writes to the same claim and may put links there: a path is resolved, must lie inside,
and is then opened part by part without following anything. What is written is synced before it gets
its name, and what is removed loses its name first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

ASIDE, GONE = ".aside-", ".gone-"
ASIDE_AGE = 600
"""Seconds after which what a killed run left aside is removed; taking a snapshot is far shorter."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking, as the file may be a pipe that nobody writes to.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OutsideError(OSError):
    """A path that leads out of the claim, or a file that is no regular file."""


def parts(root: Path, relative: str) -> tuple[str, ...]:
    """The names from `root` to `relative`, its links resolved. Raises OutsideError."""
    base = Path(os.path.realpath(root))
    found = Path(os.path.realpath(base / relative))
    if not found.is_relative_to(base):
        raise OutsideError(f"{relative} leads out of the claim")
    return found.relative_to(base).parts


@contextlib.contextmanager
def folder(root: Path, names: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder `names` below `root`; `make`: it is made where it is not there.
    Raises OSError, also for a link that has come in the way."""
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=at)
            below = os.open(name, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


@contextlib.contextmanager
def inner(at: int, name: str) -> Iterator[int]:
    """A descriptor of the folder `name` in the folder `at`."""
    below = os.open(name, _FOLDER, dir_fd=at)
    try:
        yield below
    finally:
        os.close(below)


@contextlib.contextmanager
def readable(at: int, name: str) -> Iterator[int]:
    """A descriptor of the regular file `name` in the folder `at`."""
    file = os.open(name, _READ, dir_fd=at)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OutsideError(f"{name} is no regular file")
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def writable(at: int, name: str) -> Iterator[int]:
    """A descriptor of the new file `name` in the folder `at`; on disk when the block ends."""
    file = os.open(name, _NEW, 0o664, dir_fd=at)
    try:
        yield file
        os.fsync(file)
    finally:
        os.close(file)


def names_in(at: int) -> list[str]:
    """What the folder `at` holds."""
    return os.listdir(at)


def read(at: int, name: str, limit: int) -> bytes:
    """The whole file, empty where it is longer than `limit` bytes."""
    with readable(at, name) as file:
        found = bytearray()
        while len(found) <= limit and (piece := os.read(file, 1 << 16)):
            found += piece
    return bytes(found) if len(found) <= limit else b""


def write(file: int, data: bytes) -> None:
    """All of `data`."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def remove(at: int, name: str) -> None:
    """The folder `name` goes from the folder `at`: its name at once, then its content."""
    gone = GONE + name
    shutil.rmtree(gone, ignore_errors=True, dir_fd=at)
    with contextlib.suppress(OSError):
        os.rename(name, gone, src_dir_fd=at, dst_dir_fd=at)
        shutil.rmtree(gone, ignore_errors=True, dir_fd=at)


def sweep(at: int, now: float) -> None:
    """Remove what killed runs have left in the folder `at`."""
    for name in names_in(at):
        if name.startswith(GONE) or (name.startswith(ASIDE) and _age(at, name, now) > ASIDE_AGE):
            shutil.rmtree(name, ignore_errors=True, dir_fd=at)


def _age(at: int, name: str, now: float) -> float:
    try:
        return now - os.stat(name, dir_fd=at, follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
