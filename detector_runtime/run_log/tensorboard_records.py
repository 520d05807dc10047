"""Records of a TensorBoard event file, and the scalars in them.

The file is a sequence of records as TensorFlow's TFRecord defines them: length (uint64), its masked
CRC-32C, data, and its masked CRC-32C, all little endian. The data is a protocol buffer `Event`
(tensorflow/core/util/event.proto, summary.proto, tensor.proto); only its step, its time and values
of one number are read. Images, graphs and histograms are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, NamedTuple

MAX_RECORD = 1 << 16
"""Bytes of a record that is looked at: one with scalars has some dozens."""
_HEAD = 12
_FOOT = 4
_MASK = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, reversed."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Fields of Event, Summary, Summary.Value and TensorProto.
_WALL_TIME, _STEP, _SUMMARY = 1, 2, 5
_VALUE = 1
_TAG, _SIMPLE, _TENSOR = 1, 2, 8
_DTYPE, _CONTENT = 1, 4
_LAYOUT = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""How one element of a data type lies in `tensor_content`."""
_OWN_FIELD = {1: (5, "<f"), 2: (6, "<d")}
"""The field that a data type has for its elements instead, and how they lie in it."""


class Record(NamedTuple):
    """`data` is None where the record is too large to be of interest; `valid`: its checksum
    holds."""

    data: bytes | None
    start: int
    end: int
    valid: bool


class Event(NamedTuple):
    """`time` in unix seconds; `scalars` in the order of the event."""

    step: int
    time: float
    scalars: tuple[tuple[str, float], ...]


class FramingError(ValueError):
    """What follows is no record, and where the next one begins is not known."""


def records(stream: BinaryIO, offset: int, size: int) -> Iterator[Record]:
    """The records from `offset` on that are complete in the first `size` bytes. Raises
    FramingError."""
    stream.seek(offset)
    at = offset
    while at + _HEAD + _FOOT <= size:
        head = stream.read(_HEAD)
        if len(head) < _HEAD:
            return
        length, expected = struct.unpack("<QI", head)
        if _length_crc(length) != expected:
            raise FramingError(f"no record begins at byte {at}")
        end = at + _HEAD + length + _FOOT
        if end > size:
            return
        if length > MAX_RECORD:
            stream.seek(end)
            yield Record(None, at, end, True)
        else:
            body = stream.read(length + _FOOT)
            if len(body) < length + _FOOT:
                return
            data = body[:length]
            valid = masked_crc(data) == int.from_bytes(body[length:], "little")
            yield Record(data, at, end, valid)
        at = end


def is_record(head: bytes) -> bool:
    """Whether a file that begins so is one of records."""
    return len(head) >= _HEAD and masked_crc(head[:8]) == int.from_bytes(head[8:_HEAD], "little")


def _table() -> tuple[int, ...]:
    found = []
    for value in range(256):
        rest = value
        for _ in range(8):
            rest = rest >> 1 ^ (_POLYNOMIAL if rest & 1 else 0)
        found.append(rest)
    return tuple(found)


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted as TFRecord stores it."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return (crc >> 15 | crc << 17) + _MASK & 0xFFFFFFFF


@lru_cache(maxsize=1024)
def _length_crc(length: int) -> int:
    """Records of scalars have a few lengths."""
    return masked_crc(length.to_bytes(8, "little"))


def event(data: bytes) -> Event:
    """Raises ValueError for what is no Event."""
    step, time, scalars = 0, 0.0, list[tuple[str, float]]()
    for number, value in _fields(data):
        if number == _WALL_TIME and isinstance(value, bytes) and len(value) == 8:
            time = struct.unpack("<d", value)[0]
        elif number == _STEP and isinstance(value, int):
            step = value - (1 << 64) if value >> 63 else value
        elif number == _SUMMARY and isinstance(value, bytes):
            scalars.extend(_scalars(value))
    return Event(step, time, tuple(scalars))


def _scalars(summary: bytes) -> Iterator[tuple[str, float]]:
    for number, value in _fields(summary):
        if number == _VALUE and isinstance(value, bytes):
            tag, scalar = _scalar(value)
            if tag and scalar is not None:
                yield tag, scalar


def _scalar(value: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, part in _fields(value):
        if not isinstance(part, bytes):
            continue
        if number == _TAG:
            tag = part.decode("utf-8", "replace")
        elif number == _SIMPLE and len(part) == 4:
            scalar = float(struct.unpack("<f", part)[0])
        elif number == _TENSOR:
            scalar = _element(part)
    return tag, scalar


def _element(tensor: bytes) -> float | None:
    """The number of a tensor that holds just one."""
    found = dict(_fields(tensor))
    dtype, content = found.get(_DTYPE), found.get(_CONTENT)
    layout = _LAYOUT.get(dtype) if isinstance(dtype, int) else None
    if layout is None:
        return None
    if not content:
        own, layout = _OWN_FIELD.get(dtype if isinstance(dtype, int) else 0, (0, layout))
        content = found.get(own)
    if not isinstance(content, bytes) or len(content) != struct.calcsize(layout):
        return None
    return float(struct.unpack(layout, content)[0])


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or its bytes. Raises ValueError."""
    at, size = 0, len(data)
    while at < size:
        key = data[at]
        at += 1
        # Nearly all keys and lengths are one byte; a call for each would double the time.
        if key > 0x7F:
            key, at = _varint(data, at - 1)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length = data[at] if at < size else 0x80
            at += 1
            if length > 0x7F:
                length, at = _varint(data, at - 1)
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"has a field of the unknown type {wire}")
        end = at + length
        if end > size:
            raise ValueError("ends inside a field")
        yield key >> 3, data[at:end]
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("ends inside a number")
