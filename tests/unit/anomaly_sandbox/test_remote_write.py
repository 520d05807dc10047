"""Remote write, encoded by hand, against a stand-in receiver that decodes it by the format."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from anomaly_sandbox import remote_write

Decoded = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def uncompress(data: bytes) -> bytes:
    """Snappy blocks of literals, by the format description."""
    size, at = varint(data, 0)
    out = b""
    while at < len(data):
        tag = data[at] >> 2
        assert data[at] & 3 == 0
        assert tag == 61
        length = struct.unpack_from("<H", data, at + 1)[0] + 1
        out += data[at + 3 : at + 3 + length]
        at += 3 + length
    assert len(out) == size
    return out


def varint(data: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, bytes | int | float]]:
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 2:
            length, at = varint(data, at)
            yield key >> 3, data[at : at + length]
            at += length
        elif key & 7 == 1:
            yield key >> 3, struct.unpack_from("<d", data, at)[0]
            at += 8
        else:
            value, at = varint(data, at)
            yield key >> 3, value - (1 << 64) if value >> 63 else value


def decode(message: bytes) -> Decoded:
    found: Decoded = {}
    for _, series in fields(message):
        assert isinstance(series, bytes)
        labels, samples = [], []
        for number, part in fields(series):
            assert isinstance(part, bytes)
            values = dict(fields(part))
            if number == 1:
                labels.append((values[1].decode(), values[2].decode()))  # type: ignore[union-attr]
            else:
                samples.append((int(values[2]), float(values[1])))  # type: ignore[arg-type]
        found.setdefault(tuple(labels), []).extend(samples)
    return found


class Receiver:
    def __init__(self) -> None:
        self.status = 204
        self.requests: list[Decoded] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/api/v1/write"
                assert self.headers["Content-Encoding"] == "snappy"
                receiver.requests.append(decode(uncompress(body)))
                self.send_response(receiver.status)
                self.end_headers()
                if receiver.status >= 400:
                    self.wfile.write(b"out of bounds")

            def log_message(self, *args: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.thread.join()
    found.server.server_close()


def test_samples_arrive_with_sorted_labels_and_without_the_missing(receiver: Receiver) -> None:
    nan = float("nan")
    labels = {"service": "č", "__name__": "up"}
    sent = remote_write.write(
        receiver.url, [(labels, [1_000, 2_000, 3_000], [1.5, nan, -2.0]), (labels, [4_000], [nan])]
    )
    assert sent == 2
    assert receiver.requests == [
        {(("__name__", "up"), ("service", "č")): [(1_000, 1.5), (3_000, -2.0)]}
    ]


def test_many_samples_go_in_several_requests_and_none_is_lost(receiver: Receiver) -> None:
    count = 250_000
    times = list(range(0, count * 15_000, 15_000))
    values = [float(number) for number in range(count)]
    assert remote_write.write(receiver.url, [({"__name__": "m"}, times, values)]) == count
    assert len(receiver.requests) == 3
    arrived = [sample for request in receiver.requests for sample in next(iter(request.values()))]
    assert arrived == list(zip(times, values, strict=True))


def test_nothing_to_send_is_no_request(receiver: Receiver) -> None:
    assert remote_write.write(receiver.url, []) == 0
    assert receiver.requests == []


def test_a_refusal_carries_the_receivers_words(receiver: Receiver) -> None:
    receiver.status = 400
    with pytest.raises(remote_write.RemoteWriteError, match="400: out of bounds"):
        remote_write.write(receiver.url, [({"__name__": "m"}, [1], [1.0])])


def test_times_and_values_must_pair_up(receiver: Receiver) -> None:
    with pytest.raises(ValueError, match="2 times but 1 values"):
        remote_write.write(receiver.url, [({"__name__": "m"}, [1, 2], [1.0])])
