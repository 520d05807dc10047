"""Writes TensorBoard event files, by the published format and with nothing of the reader."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path


def crc(data: bytes) -> int:
    """CRC-32C bit by bit, rotated and shifted as TFRecord stores it."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = (rest >> 1) ^ (0x82F63B78 * (rest & 1))
    rest ^= 0xFFFFFFFF
    return (((rest >> 15) | (rest << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", crc(length)) + data + struct.pack("<I", crc(data))


def number(value: int) -> bytes:
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def part(field: int, data: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(data)) + data


def simple(tag: str, value: float) -> bytes:
    return part(1, tag.encode()) + number(2 << 3 | 5) + struct.pack("<f", value)


def tensor(tag: str, dtype: int, field: int, data: bytes, shape: bytes = b"") -> bytes:
    inside = number(1 << 3) + number(dtype) + part(2, shape) + part(field, data)
    return part(1, tag.encode()) + part(8, inside)


def event(step: int, time: float, *values: bytes) -> bytes:
    summary = part(5, b"".join(part(1, value) for value in values)) if values else b""
    told = number(2 << 3) + number(step) if step else b""
    return record(number(1 << 3 | 1) + struct.pack("<d", time) + told + summary)


def opening(time: float = 1000.0) -> bytes:
    return record(number(1 << 3 | 1) + struct.pack("<d", time) + part(3, b"brain.Event:2"))


def scalars(step: int, time: float, values: Mapping[str, float]) -> bytes:
    """One event for each value, as writers do it."""
    return b"".join(event(step, time, simple(tag, value)) for tag, value in values.items())


def append(file: Path, data: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(data)
