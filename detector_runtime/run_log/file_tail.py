"""The lines of a file that grows, from where the last run stopped.

A position is more than an offset: it holds what the file is (device and inode) and checksums of its
beginning and of the last line. So a file that was rotated is found under its new name and read to
its end, one that was copied or mounted anew goes on, and one that was written anew is read from its
beginning. A line that the writer has not finished waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, BinaryIO, NamedTuple

from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log.file_open import Place

MAX_LINE = 1 << 20
"""Bytes of a line; of a longer one only the beginning is looked at, and it is a bad line."""
_HEAD = 4096
_LAST = 512
"""Bytes that the checksums cover, at most."""
_ROTATED = 9
"""`NAME.1` to `NAME.9` are looked at."""
_BUFFER = 1 << 16
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Followed:
    """One open file. `size` bounds this reading: what is written meanwhile is the next run's."""

    stream: BinaryIO
    device: int
    inode: int
    size: int
    head: bytes


class Line(NamedTuple):
    """`raw` as it is in the file; a line that is too long comes in parts of the same number.
    `ended`: its line feed is there. `last`: another file follows, this one is done with."""

    number: int
    raw: bytes
    end: int
    ended: bool
    too_long: bool
    last: bool
    file: Followed


@dataclass(frozen=True, slots=True)
class Mark:
    """Behind which line a run stopped. `head` and `last`: length and checksum of the beginning of
    the file and of the end of that line."""

    device: int
    inode: int
    offset: int
    number: int
    inside: bool
    too_long: bool
    head: tuple[int, str]
    last: tuple[int, str]

    @classmethod
    def behind(cls, line: Line) -> Mark:
        file = line.file
        return cls(
            file.device,
            file.inode,
            line.end,
            line.number,
            not line.ended,
            line.too_long and not line.ended,
            _checked(file.head[: line.end]),
            _checked(line.raw[-_LAST:]),
        )

    @classmethod
    def parse(cls, raw: object) -> Mark | None:
        """What `stored` gave; None for anything else."""
        match raw:
            case [
                int(device), int(inode), int(offset), int(number), bool(inside), bool(too_long),
                [int(first), str(head)], [int(length), str(last)],
            ] if 0 < length <= min(_LAST, offset) and 0 < first <= _HEAD:  # fmt: skip
                ends = (first, head), (length, last)
                return cls(device, inode, offset, number, inside, too_long, *ends)
        return None

    def stored(self) -> list[Any]:
        """As plain JSON."""
        return [
            self.device, self.inode, self.offset, self.number, self.inside, self.too_long,
            list(self.head), list(self.last),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """Where the reading of one file begins. `inside`: the line `number` has a rest, which is not
    read if the line is `too_long`."""

    file: Followed
    offset: int = 0
    number: int = 0
    inside: bool = False
    too_long: bool = False


def lines(start: Start, last: bool) -> Iterator[Line]:
    """What `start` has to give; `last`: another file follows this one, which is done with."""
    file, at, number = start.file, start.offset, start.number
    inside, skipped = start.inside, start.too_long
    if not at:
        at = _first_byte(file)
    file.stream.seek(at)
    while at < file.size and (piece := file.stream.readline(MAX_LINE)):
        at += len(piece)
        ended = piece[-1] == 10
        long = not ended and len(piece) >= MAX_LINE
        if piece[0] == 0:
            # A log that was cut under its writer begins with a hole.
            piece = piece.lstrip(b"\0")
            if not piece:
                continue
        if not inside:
            number += 1
        yield Line(number, piece, at, ended, skipped or long, last, file)
        skipped = (skipped or long) and not ended
        inside = skipped


def _first_byte(file: Followed) -> int:
    if file.head.startswith(_BOM):
        return len(_BOM)
    if file.head[:1] == b"\0":
        try:
            return os.lseek(file.stream.fileno(), 0, os.SEEK_DATA)
        except OSError:
            return 0
    return 0


def starts(place: Place, before: Mark | None, opened: ExitStack) -> tuple[list[Start], str]:
    """The files to read, oldest first, and what is odd: `rotated`, `rewritten` or nothing. Files
    stay open as long as `opened`."""
    current = _open(place, place.name, opened)
    if before is None:
        return ([Start(current)] if current else []), ""
    known = (before.device, before.inode)
    if current and (current.device, current.inode) == known and _goes_on(current, before):
        return [_from(current, before)], ""
    moved = next((one.name for one in place.files() if _is(place, one, known)), None)
    if moved is not None and moved != place.name:
        found = _rest(place, moved, before, opened)
        if found:
            return _with(found, place, moved, current, opened), "rotated"
    if current and _goes_on(current, before):
        return [_from(current, before)], ""
    for number in range(1, _ROTATED + 1):
        name = f"{place.name}.{number}"
        found = _rest(place, name, before, opened)
        if found:
            return _with(found, place, name, current, opened), "rotated"
    return ([Start(current)], "rewritten") if current else ([], "")


def _is(place: Place, entry: os.DirEntry[str], known: tuple[int, int]) -> bool:
    if entry.inode() != known[1]:
        return False
    found = os.stat(entry.name, dir_fd=place.folder, follow_symlinks=False)
    return (found.st_dev, found.st_ino) == known


def _rest(place: Place, name: str, before: Mark, opened: ExitStack) -> Start | None:
    old = _open(place, name, opened)
    return _from(old, before) if old and _goes_on(old, before) else None


def _with(
    rest: Start, place: Place, name: str, current: Followed | None, opened: ExitStack
) -> list[Start]:
    """The rest of the old file, the files that were rotated since, and the current one."""
    suffix = name.removeprefix(f"{place.name}.")
    newer = range(int(suffix) - 1, 0, -1) if suffix.isascii() and suffix.isdigit() else range(0)
    between = (_open(place, f"{place.name}.{one}", opened) for one in newer[-_ROTATED:])
    return [rest, *(Start(one) for one in (*between, current) if one)]


def _open(place: Place, name: str, opened: ExitStack) -> Followed | None:
    try:
        descriptor = place.open(name)
    except ConfigInvalidError:
        if name == place.name:
            raise
        descriptor = None  # no log, whatever lies there under the name of a rotated one
    if descriptor is None:
        return None
    stream = opened.enter_context(os.fdopen(descriptor, "rb", _BUFFER))
    found = os.fstat(descriptor)
    head = os.pread(descriptor, _HEAD, 0)
    return Followed(stream, found.st_dev, found.st_ino, found.st_size, head)


def _from(file: Followed, before: Mark) -> Start:
    return Start(file, before.offset, before.number, before.inside, before.too_long)


def _goes_on(file: Followed, before: Mark) -> bool:
    """Whether what was read is still there."""
    if file.size < before.offset:
        return False
    length = before.last[0]
    last = os.pread(file.stream.fileno(), length, before.offset - length)
    head = file.head[: before.head[0]]
    return _checked(last) == before.last and _checked(head) == before.head


def _checked(data: bytes) -> tuple[int, str]:
    return len(data), blake2b(data, digest_size=8).hexdigest()
