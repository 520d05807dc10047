"""The feed against a stand-in for Prometheus on loopback, on a clock of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from anomaly_sandbox.demo.feed import Feed, Phase, main, read_progress
from anomaly_sandbox.demo.recording import Recording
from anomaly_sandbox.demo.replay import RecordingPlayer
from anomaly_sandbox.remote_write import RemoteWriteError


class _Receiver(ThreadingHTTPServer):
    """Answers each request with the next of `answers`, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.accepted = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _Receiver)
        self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.server.accepted += status == 204
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[_Receiver]:
    server = _Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class _Clock:
    """Time that passes only by sleeping."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _feed(url: str, folder: Path, live: int = 4) -> Feed:
    clock = _Clock(1_000_005.0)
    recording = Recording(("a", "b"), np.ones((100, 2)), 300)
    player = RecordingPlayer(recording, 15, live, int(clock()))
    return Feed(player, url, folder, clock=clock, sleep=clock.sleep)


def test_history_goes_first_and_the_progress_says_when_live_began(
    receiver: _Receiver, tmp_path: Path
) -> None:
    assert read_progress(tmp_path) is None
    _feed(receiver.url, tmp_path).run()
    progress = read_progress(tmp_path)
    assert progress is not None
    assert progress.phase is Phase.FINISHED
    assert progress.samples == 200
    assert progress.live_from == 1_000_005


def test_a_tick_that_prometheus_refused_is_sent_again(receiver: _Receiver, tmp_path: Path) -> None:
    receiver.answers = [204, 503, 503]
    _feed(receiver.url, tmp_path).run()
    progress = read_progress(tmp_path)
    assert progress is not None
    assert progress.samples == 200


def test_the_feed_ends_when_prometheus_stays_away(receiver: _Receiver, tmp_path: Path) -> None:
    receiver.answers = [204] + [503] * 1000
    with pytest.raises(RemoteWriteError, match="503"):
        _feed(receiver.url, tmp_path, live=50).run()


def test_without_a_prometheus_the_command_says_so_and_fails(
    receiver: _Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.server_close()
    argv = ["--prometheus", receiver.url, "--folder", str(tmp_path), "--history-seconds", "60"]
    assert main(argv) == 1
    assert "feed: " in capsys.readouterr().err
