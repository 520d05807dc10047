"""Writes samples into Prometheus by remote write 1.0, encoded by hand.

The protobuf message is three fields deep and snappy allows uncompressed blocks, so neither
needs a library. https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from __future__ import annotations

import math
import struct
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence

_BATCH_SAMPLES = 100_000
"""Samples in one request: about 2 MB, well under the receiver's limit of 32 MB."""
_SNAPPY_LITERAL = 1 << 16


class RemoteWriteError(RuntimeError):
    """Prometheus refused the samples; the message holds its answer."""


Series = tuple[Mapping[str, str], Sequence[int], Sequence[float]]
"""Labels with `__name__`, times in Unix milliseconds, values; NaN is left out as missing."""


def write(url: str, series: Iterable[Series], *, timeout: float = 30.0) -> int:
    """Sends all samples to the Prometheus at `url`; returns how many were sent.

    `url` is the base address (`http://host:port`). Times of one series ascend. A series
    longer than a batch is sent in parts. Raises RemoteWriteError or OSError.
    """
    sent = 0
    pending: list[bytes] = []
    samples = 0
    for labels, times, values in series:
        if len(times) != len(values):
            raise ValueError(f"{dict(labels)}: {len(times)} times but {len(values)} values")
        for start in range(0, len(times), _BATCH_SAMPLES):
            end = start + _BATCH_SAMPLES
            encoded, count = _time_series(labels, times[start:end], values[start:end])
            if count == 0:
                continue
            pending.append(_delimited(1, encoded))
            samples += count
            if samples >= _BATCH_SAMPLES:
                _post(url, b"".join(pending), timeout)
                sent, samples, pending = sent + samples, 0, []
    if pending:
        _post(url, b"".join(pending), timeout)
    return sent + samples


def _post(url: str, message: bytes, timeout: float) -> None:
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own Prometheus
        url.rstrip("/") + "/api/v1/write",
        data=snappy_literal(message),
        headers={
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        },
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(500).decode(errors="replace").strip()
        raise RemoteWriteError(f"{url}: {error.code}: {text}") from error


def snappy_literal(data: bytes) -> bytes:
    """Snappy's block format with literals only: valid, not smaller.

    https://github.com/google/snappy/blob/main/format_description.txt, section 2.1.
    """
    parts = [_varint(len(data))]
    for start in range(0, len(data), _SNAPPY_LITERAL):
        block = data[start : start + _SNAPPY_LITERAL]
        # Tag 61: the length minus one follows in two bytes.
        parts += [bytes([61 << 2]), struct.pack("<H", len(block) - 1), block]
    return b"".join(parts)


def _time_series(
    labels: Mapping[str, str], times: Sequence[int], values: Sequence[float]
) -> tuple[bytes, int]:
    parts = []
    for name in sorted(labels):  # the receiver refuses labels out of order
        pair = _delimited(1, name.encode()) + _delimited(2, labels[name].encode())
        parts.append(_delimited(1, pair))
    count = 0
    for time_ms, value in zip(times, values, strict=True):
        number = float(value)
        if math.isnan(number):
            continue
        # Sample: field 1 the value as a double, field 2 the time as a varint.
        sample = b"\x09" + struct.pack("<d", number) + b"\x10" + _varint(int(time_ms))
        parts.append(_delimited(2, sample))
        count += 1
    return b"".join(parts), count


def _delimited(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < 0:  # protobuf writes negative int64 as ten bytes
        number += 1 << 64
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
