"""Arrays in a file that can do nothing but hold numbers.

The file is a zip of deflated `.npy` members, as numpy writes it, with a fixed date. Reading goes
member by member against the table of the manifest and never unfolds more than the table says, so a
small file cannot become a large one; nothing is allocated on the word of a header, and no object
array is ever read.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES = frozenset({"<f8", "<f4", "<i8", "<i4", "<i2", "<u8", "<u4", "<u2", "|i1", "|u1", "|b1"})
MAX_MEMBERS = 256
MAX_NAME = 128
MAX_UNFOLDED_BYTES = 256 * 1024 * 1024
"""Of all arrays together; far above any model, far below what a node lacks."""
_HEADER_ROOM = 256
"""An `.npy` header of ours is 128 bytes."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEADER = re.compile(
    # numpy's own reader evaluates the header as Python; this admits what numpy writes, no more.
    rb"\x93NUMPY\x01\x00.."
    rb"\{'descr': '([<|][a-z][1-8])', 'fortran_order': False, 'shape': \(([\d, ]{0,80})\), \} *\n",
    re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z0-9_]+([./-][A-Za-z0-9_]+)*")


_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)


class ArrayFileError(ValueError):
    """The file is not what the manifest describes."""


@dataclass(frozen=True, slots=True)
class ArrayEntry:
    """One row of the manifest's table; `sha256` is of the array's bytes in C order."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


def is_array_name(name: str) -> bool:
    """Whether `name` is words joined by dots, slashes or dashes; it never becomes a path."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def describe(arrays: dict[str, Array]) -> dict[str, ArrayEntry]:
    """The table of `arrays`; ArrayFileError for a name or a dtype that is never stored."""
    table = {}
    for name in sorted(arrays):
        array = arrays[name]
        if not is_array_name(name):
            raise ArrayFileError(f"array {name[:80]!r}: not a plain name")
        if array.dtype.str not in DTYPES:
            raise ArrayFileError(f"array {name!r}: dtype {array.dtype.str} is not stored")
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        table[name] = ArrayEntry(array.dtype.str, tuple(array.shape), digest)
    if len(table) > MAX_MEMBERS:
        raise ArrayFileError(f"{len(table)} arrays, at most {MAX_MEMBERS} are stored")
    return table


def write_arrays(file: BinaryIO, arrays: dict[str, Array]) -> None:
    """Write `arrays` to `file`. Equal arrays have equal digests; the bytes of the file also depend
    on the zlib at hand."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            npy.write_array(member, np.asarray(arrays[name], order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            archive.writestr(info, member.getvalue(), zipfile.ZIP_DEFLATED)


def read_arrays(file: BinaryIO, table: dict[str, ArrayEntry]) -> dict[str, Array]:
    """The arrays of `table` from `file`; ArrayFileError when anything differs from the table."""
    size = file.seek(0, io.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, table)
            if sum(member.compress_size for member in members) > size:
                raise ArrayFileError("members overlap")
            return {
                member.filename[:-4]: _read_member(archive, member, table[member.filename[:-4]])
                for member in members
            }
    except ArrayFileError:
        raise
    except _UNREADABLE as error:
        raise ArrayFileError(f"not a readable array file ({type(error).__name__})") from error


def _check_members(members: list[zipfile.ZipInfo], table: dict[str, ArrayEntry]) -> None:
    names = [member.filename for member in members]
    wanted = {f"{name}.npy" for name in table}
    if len(names) != len(set(names)) or set(names) != wanted:
        odd = sorted(set(names) ^ wanted) or sorted(names)
        raise ArrayFileError(f"members differ from the manifest, first {odd[0][:80]!r}")
    for member in members:
        entry = table[member.filename[:-4]]
        if member.file_size > _bytes_of(entry) + _HEADER_ROOM:
            raise ArrayFileError(
                f"member {member.filename!r} unfolds to {member.file_size} bytes, the manifest "
                f"says {_bytes_of(entry)}"
            )
    if sum(member.file_size for member in members) > MAX_UNFOLDED_BYTES:
        raise ArrayFileError(f"the arrays unfold to more than {MAX_UNFOLDED_BYTES} bytes")


def _bytes_of(entry: ArrayEntry) -> int:
    if entry.dtype not in DTYPES:
        raise ArrayFileError(f"the manifest says dtype {entry.dtype[:20]!r}, which is not stored")
    return math.prod(entry.shape) * np.dtype(entry.dtype).itemsize


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, entry: ArrayEntry) -> Array:
    # However much the member holds, no more is unfolded than it was allowed to announce.
    with archive.open(member) as stream:
        raw = stream.read(member.file_size)
    match = _HEADER.match(raw)
    if match is None or match.end() != 10 + int.from_bytes(raw[8:10], "little"):
        raise ArrayFileError(f"member {member.filename!r} is no plain array")
    found = (match[1].decode(), tuple(int(size) for size in match[2].split(b",") if size.strip()))
    if found != (entry.dtype, entry.shape):
        raise ArrayFileError(
            f"array {member.filename[:-4]!r} is {found}, the manifest says "
            f"{(entry.dtype, entry.shape)}"
        )
    body = memoryview(raw)[match.end() :]
    if _bytes_of(entry) != len(body):
        raise ArrayFileError(f"array {member.filename[:-4]!r} has {len(body)} bytes of data")
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise ArrayFileError(f"array {member.filename[:-4]!r} does not match its digest")
    return np.frombuffer(body, dtype=entry.dtype).reshape(entry.shape)
