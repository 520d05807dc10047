"""A served model beside scikit-learn and joblib behind the same application, in one run.

Both servers are processes of their own and get the same requests from this one. The peer's factor
keeps as many rows as ours does, so that neither has the smaller task.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler

from detector_runtime.contract.members import MemberName, MemberSpec, VoteRule, VoteSpec
from detector_runtime.contract.run_config import DetectorSpec, MetricSpec, ServiceIdentity
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import read_history
from detector_runtime.store.revisions import save
from tests.benchmarks.serving_peer import ARTEFACTS

pytestmark = pytest.mark.benchmark

UID = "11111111-0000-4000-8000-000000000001"
ROOT = Path(__file__).resolve().parents[2]
NAMES = tuple(f"sensor{n}" for n in range(8))
ROWS, REFERENCES, STEP, START = 8000, 2000, 60, 1_704_067_200
TURNS, CLIENTS, CLIENT_SECONDS = 5, 8, 1.0
REVISION = "20260101-000000-abcdef"


def history() -> Floats:
    """Eight correlated sensors without anomalies."""
    rng = np.random.default_rng(42)
    return rng.normal(size=(ROWS, 8)) @ (np.eye(8) + 0.3) + 50


@dataclass(frozen=True)
class Figures:
    """`model`, `p50`, `p99`: ms of a request of one client; `batch`: rows a second; `clients`:
    requests a second of CLIENTS at once; `rss`: MiB; `ready`: s from the process's start."""

    model: float
    p50: float
    p99: float
    batch: float
    clients: float
    rss: float
    ready: float

    def __str__(self) -> str:
        return (
            f"model {self.model:7.3f} ms, /predict p50 {self.p50:7.3f} p99 {self.p99:7.3f} ms, "
            f"batch {self.batch:8.0f} rows/s, {CLIENTS} clients {self.clients:6.0f} requests/s, "
            f"{self.rss:4.0f} MiB, ready after {self.ready:.2f} s"
        )


def ours(folder: Path, *members: MemberName) -> list[str]:
    """Train, store, name: the command of our server."""
    metrics = tuple(MetricSpec(n, Role.CUSTOM, n, Unit.NONE, Direction.BOTH) for n in NAMES)
    detector = DetectorSpec(
        1.0,
        0.05,
        42,
        members=tuple(MemberSpec(name, references=REFERENCES) for name in members),
        vote=VoteSpec(VoteRule.MAJORITY),
    )
    settings = EngineSettings(metrics, STEP, "Etc/UTC", (), Category.STANDARD, detector, 500, 1000)
    times = START + STEP * np.arange(1, ROWS + 1, dtype=np.int64)
    frame = Frame(times, history(), NAMES, STEP)
    arrays, engine = fit_model(read_history(frame, metrics), settings).to_arrays()
    service = ServiceIdentity("shop", "sensors", UID)
    stored = save(folder, service, arrays=arrays, engine=engine, libraries={}, now=START)
    _name(folder, stored.ref.revision, stored.ref.digest)
    command = ["-m", "detector_runtime", "serve", "--uid", UID, "--models", str(folder)]
    command += ["--served", str(folder / "served.json"), "--host", "127.0.0.1"]
    return [*command, "--rate", "1000000", "--drain-seconds", "0", "--port"]


def peer(folder: Path, *, factor: bool) -> list[str]:
    """The notebook's artefacts, and the command that serves them."""
    table = history()
    fitted: dict[str, Any] = {"names": NAMES}
    fitted["forest"] = IsolationForest(n_estimators=200, contamination=0.05, random_state=42)
    fitted["forest"].fit(table)
    if factor:
        lof = LocalOutlierFactor(n_neighbors=20, contamination=0.05, novelty=True)
        fitted["factor"] = lof.fit(table[:REFERENCES])
    fitted["scaler"] = StandardScaler().fit(table)
    folder.mkdir(exist_ok=True)
    joblib.dump(fitted, folder / ARTEFACTS)
    _name(folder, REVISION, "sha256:0")
    return ["-m", "tests.benchmarks.serving_peer", str(folder)]


def _name(folder: Path, revision: str, digest: str) -> None:
    document = {"revision": revision, "digest": digest, "since": "2026-01-01T00:00:00Z"}
    folder.mkdir(exist_ok=True)
    (folder / "served.json").write_text(json.dumps(document))


@contextmanager
def running(command: list[str]) -> Iterator[tuple[int, int, float]]:
    """The server: its port, its process and the seconds until it was ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command, str(port)], cwd=ROOT, env=os.environ)
    try:
        while not _ready(port):
            assert process.poll() is None
            assert time.perf_counter() - begun < 60
            time.sleep(0.01)
        yield port, process.pid, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(30)


def _ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Asking:
    """One client of the server at `port`; times in seconds, in `singles` and `batches`."""

    def __init__(self, port: int, rows: Floats) -> None:
        self.port = port
        self.bodies = [json.dumps({"features": _features(row)}).encode() for row in rows[:64]]
        listed = [{"features": _features(row)} for row in rows]
        self._batch = json.dumps({"observations": listed}).encode()
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.singles: list[float] = []
        self.batches: list[float] = []
        self.model: list[float] = []
        self.served = 0

    def some(self, count: int) -> None:
        for body in self.bodies[:count]:
            took, answer = self._ask("/predict", body)
            self.singles.append(took)
            self.model.append(answer["inference_ms"])

    def batch(self) -> None:
        self.batches.append(self._ask("/predict/batch", self._batch)[0])

    def at_once(self) -> None:
        self.served += asyncio.run(_clients(self.port, self.bodies))

    def _ask(self, path: str, body: bytes) -> tuple[float, Any]:
        begun = time.perf_counter()
        self._connection.request("POST", path, body)
        reply = self._connection.getresponse()
        found = reply.read()
        assert reply.status == 200, found
        return time.perf_counter() - begun, json.loads(found)

    def close(self) -> None:
        self._connection.close()

    def figures(self, rows: int, rss: float, ready: float) -> Figures:
        took = np.array(self.singles) * 1000
        return Figures(
            float(np.median(self.model)),
            float(np.median(took)),
            float(np.percentile(took, 99)),
            rows / float(np.median(self.batches)),
            self.served / (TURNS * CLIENT_SECONDS),
            rss,
            ready,
        )


def measure(first: list[str], second: list[str], rows: Floats) -> tuple[Figures, Figures]:
    """Both servers at once, asked in turns, so that other load on the machine meets both alike."""
    with running(first) as one, running(second) as other:
        asking = [Asking(port, rows) for port, _, _ in (one, other)]
        for each in asking:
            each.some(8)
            each.singles.clear()
            each.model.clear()
        for _ in range(TURNS):
            for each in asking:
                each.some(40)
                each.batch()
                each.at_once()
        for each in asking:
            each.close()
        mine, theirs = (
            each.figures(len(rows), _rss(process), ready)
            for each, (_, process, ready) in zip(asking, (one, other), strict=True)
        )
        return mine, theirs


async def _clients(port: int, bodies: list[bytes]) -> int:
    """Requests answered in CLIENT_SECONDS by CLIENTS that each wait for their answer."""
    until = time.perf_counter() + CLIENT_SECONDS

    async def client(number: int) -> int:
        body = bodies[number]
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.perf_counter() < until:
            writer.write(head.encode() + body)
            said = await reader.readuntil(b"\r\n\r\n")
            assert said.startswith(b"HTTP/1.1 200")
            length = int(said.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            count += 1
        writer.close()
        await writer.wait_closed()
        return count

    return sum(await asyncio.gather(*(client(number) for number in range(CLIENTS))))


def _features(row: Floats) -> dict[str, float]:
    return dict(zip(NAMES, row.tolist(), strict=True))


def _rss(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@pytest.mark.parametrize("factor", [True, False], ids=["with LOF", "without LOF"])
def test_a_served_model_answers_sooner_than_scikit_learn(tmp_path: Path, factor: bool) -> None:
    rows = history()[-1000:]
    members = [MemberName.ISOLATION_FOREST, MemberName.Z_SCORE]
    members += [MemberName.LOCAL_OUTLIER_FACTOR] if factor else []
    commands = ours(tmp_path / "ours", *members), peer(tmp_path / "peer", factor=factor)
    mine, theirs = measure(*commands, rows)
    print(f"\n{'with' if factor else 'without'} the local outlier factor")
    print(f"  detector-runtime serve   {mine}")
    print(f"  scikit-learn and joblib  {theirs}")
    print(
        f"  ratios: model {theirs.model / mine.model:.1f}, "
        f"{CLIENTS} clients {mine.clients / theirs.clients:.1f}, "
        f"batch {mine.batch / theirs.batch:.2f}"
    )
    assert theirs.model >= 20 * mine.model
    assert mine.clients >= 5 * theirs.clients
