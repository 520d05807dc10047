"""The demo's receiver keeps what it is sent, and says where it listens."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from anomaly_sandbox.demo.inbox import Inbox, Letter, read_address, read_letters


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with Inbox(tmp_path) as inbox:
        thread = threading.Thread(target=inbox.serve_forever, args=(0.01,))
        thread.start()
        yield read_address(tmp_path)
        inbox.shutdown()
        thread.join()


def send(address: str, body: bytes) -> int:
    request = urllib.request.Request(address, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def test_messages_are_kept_in_their_order(address: str, tmp_path: Path) -> None:
    opened = {
        "event": "Opened",
        "service_name": "payments",
        "text": "Requests are slow.",
        "incident": {"symptoms": [{"service": "checkout", "anomaly": "checkout-1"}]},
    }
    assert send(address, json.dumps(opened).encode()) == 200
    assert send(address, b'{"event": "Digest"}') == 200
    first = Letter("Opened", "payments", ("checkout",), "Requests are slow.")
    assert list(read_letters(tmp_path)) == [first, Letter("Digest", "", (), "")]


def test_what_is_no_message_is_refused_and_not_kept(address: str, tmp_path: Path) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        send(address, b"hello")
    refused.value.close()
    assert list(read_letters(tmp_path)) == []


def test_before_the_first_message_there_is_none(tmp_path: Path) -> None:
    assert read_address(tmp_path) == ""
    assert list(read_letters(tmp_path)) == []
