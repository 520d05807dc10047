"""A checkpoint in a snapshot: linked, else copied, else only named.

The trainer is never waited for and never locked out: no file of its own is opened for writing, the
work ends at a deadline, and runs at the lowest priority of the processor and the disk. A copy of a
checkpoint that an earlier snapshot holds is linked from there.

A link shares its bytes with the trainer's file. A trainer that later writes into the same file
changes the snapshot too; size and time of the change are recorded, so that this can be noticed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from detector_runtime.following.checkpoints import Content, content_of
from detector_runtime.following.snapshot_files import (
    OutsideError,
    folder,
    inner,
    parts,
    readable,
    writable,
    write,
)

MODEL = "model"
SECONDS = 30.0
"""For one checkpoint; a run comes every minute."""
_CHUNK = 1 << 20
_LOWEST = 19
Clock = Callable[[], float]
Place = Callable[[int, int, str, Callable[[], None]], None]
"""Puts a file of a folder into another one under its name; calls the last argument now and then,
which raises LateError."""


class How(StrEnum):
    """How a snapshot holds its checkpoint."""

    LINKED = "linked"
    COPIED = "copied"
    REFERENCED = "referenced"


class LateError(OSError):
    """The work was not done by its deadline."""


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint at `path`, relative to the claim at `root`."""

    root: Path
    path: str
    content: Content


def linked(source: Source, aside: int, clock: Clock = time.monotonic) -> bool:
    """Whether `model/` in the folder `aside` now holds hard links to all files of `source`; nothing
    is left there if not."""
    return _made(aside, lambda: _placed(source, aside, _link, clock)) is None


def relinked(folder: int, name: str, aside: int, clock: Clock = time.monotonic) -> bool:
    """Whether `model/` in the folder `aside` now links to all files of the copy that the snapshot
    `name` in `folder` holds."""

    def link() -> None:
        with inner(folder, name) as earlier, inner(earlier, MODEL) as model:
            _each((earlier, MODEL), content_of(model), aside, _link, clock)

    return _made(aside, link) is None


def copied(source: Source, aside: int, clock: Clock = time.monotonic) -> OSError | None:
    """Why `model/` in the folder `aside` holds no copy of `source`, None where it does."""
    # It costs 10 ms, and most runs take no snapshot.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(1, initializer=_step_back) as alone:
        work = alone.submit(_made, aside, lambda: _placed(source, aside, _copy, clock))
        return work.result()


def _step_back() -> None:
    """The lowest priority, for this thread alone: one that gave it up cannot have it back. The disk
    follows it, where its scheduler knows priorities."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)


def _made(aside: int, make: Callable[[], None]) -> OSError | None:
    try:
        make()
    except OSError as error:
        shutil.rmtree(MODEL, ignore_errors=True, dir_fd=aside)
        return error
    return None


def _placed(source: Source, aside: int, place: Place, clock: Clock) -> None:
    *above, name = parts(source.root, source.path)
    with folder(source.root, tuple(above)) as there:
        _each((there, name), source.content, aside, place, clock)


def _each(
    source: tuple[int, str], content: Content, aside: int, place: Place, clock: Clock
) -> None:
    """Place all files of `source`, which is a folder and a name in it."""
    deadline = clock() + SECONDS

    def in_time() -> None:
        if clock() > deadline:
            raise LateError(errno.ETIMEDOUT, "it took too long")

    there, name = source
    os.mkdir(MODEL, dir_fd=aside)
    with inner(aside, MODEL) as model:
        for names in content.files:
            in_time()
            *way, file = (name, *names)
            with _down(there, way) as from_, _down(model, way[1:], make=True) as to:
                place(from_, to, file, in_time)
        for names in _folders(content):
            with _down(model, list(names)) as made:
                os.fsync(made)


def _folders(content: Content) -> list[tuple[str, ...]]:
    """Those of a checkpoint, the inner ones first."""
    every = {names[:depth] for names in content.files for depth in range(len(names) or 1)}
    return sorted(every, key=len, reverse=True)


@contextlib.contextmanager
def _down(at: int, names: list[str], *, make: bool = False) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=at)
            at = stack.enter_context(inner(at, name))
        yield at


def _link(from_: int, to: int, name: str, _: Callable[[], None]) -> None:
    try:
        os.link(name, name, src_dir_fd=from_, dst_dir_fd=to, follow_symlinks=False)
    except NotImplementedError as error:
        raise OSError(errno.ENOTSUP, str(error)) from error


def _copy(from_: int, to: int, name: str, in_time: Callable[[], None]) -> None:
    with readable(from_, name) as source, writable(to, name) as target:
        before = os.fstat(source)
        while piece := os.read(source, _CHUNK):
            write(target, piece)
            in_time()
        after = os.fstat(source)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise OutsideError(errno.EBUSY, "it changed while it was copied")
