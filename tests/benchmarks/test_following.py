"""A pod that follows a training run, cold: 600 new rows and a full state, beside the obvious way to
write it: the kubernetes package, and the whole log read anew each minute.

The peer does less: z-scores over all rows, no window, no time line. Ratios count, not seconds; both
run in turn, so that a busy machine hurts both. Ten times as many rows must cost no more memory.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.pod_cost import OURS, Cost, cost
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.training_run import LogFile, TrainingRunSpec
from loopback.api_server import FakeAPIServer
from loopback.server import make_certificate
from loopback.settings import UID, ending
from pretend.followed_run import STEP, follow_config

pytestmark = pytest.mark.benchmark

ROUNDS = 5
ROWS_A_SECOND = 10
BEFORE = 60_000
METRICS = 20
MIN_CPU_RATIO = 3
MAX_MEBIBYTES = 40
CORE_SHARE = 0.01
"""Of a core, at a run a minute. Said, not asserted: it depends on the machine."""
PEER = """
import json, statistics, sys
from kubernetes import client
host, folder = sys.argv[1:3]
configuration = client.Configuration()
configuration.host = host
configuration.ssl_ca_cert = folder + "/ca.crt"
configuration.api_key = {"authorization": "Bearer pod-token", "BearerToken": "Bearer pod-token"}
api = client.CustomObjectsApi(client.ApiClient(configuration))
where = ("anomaly-operator.dev", "v1alpha1", "shop", "anomalyservices", "checkout")
service = api.get_namespaced_custom_object(*where)
columns = {}
with open(folder + "/run/train.jsonl") as log:
    for line in log:
        for name, value in json.loads(line).items():
            columns.setdefault(name, []).append(value)
found = {name: (values[-1] - statistics.fmean(values)) / (statistics.stdev(values) or 1)
         for name, values in columns.items()}
metadata = {key: service["metadata"][key] for key in ("name", "uid", "resourceVersion")}
body = {"apiVersion": "/".join(where[:2]), "kind": "AnomalyService", "metadata": metadata,
        "status": {"detection": {"scores": found}}}
api.patch_namespaced_custom_object_status(
    *where, body, field_manager="anomaly-runtime", force=True,
    _content_type="application/apply-patch+yaml")
"""


class Trainer:
    """Writes ten rows a second from `start` on, each with an accuracy and twenty metrics."""

    def __init__(self, log: Path, start: int) -> None:
        self._log, self._start, self._rows = log, start, 0
        self._random = random.Random(1)

    def write(self, rows: int) -> int:
        """Write on; the end of the newest complete window."""
        with self._log.open("a") as log:
            for at in range(self._rows, self._rows + rows):
                noise = self._random.gauss
                row = {
                    "step": at,
                    "time": self._start + at / ROWS_A_SECOND,
                    "loss": noise(2, 0.02),
                    "learning_rate": 3e-4,
                    "accuracy": noise(0.6, 0.01),
                    **{f"metric_{one}": noise(1, 0.1) for one in range(METRICS)},
                }
                log.write(json.dumps(row) + "\n")
        self._rows += rows
        return self._start + self._rows // ROWS_A_SECOND // STEP * STEP


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeAPIServer]:
    certificate = make_certificate(tmp_path)
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "run").mkdir()
    with FakeAPIServer(UID, certificate) as running:
        yield running


def followed(folder: Path, api: FakeAPIServer, end: int) -> Cost:
    config = follow_config(TrainingRunSpec(log=LogFile("train.jsonl")))
    (folder / "run.json").write_text(dumps(ending(config, end)))
    arguments = ["follow", "--config", "run.json", "--models", "models", "--run-data", "run",
                 "--identity", ".", "--report", "report.json"]  # fmt: skip
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    return cost(OURS, arguments, folder, environment)


def start(rows: int) -> int:
    """A start by which all of `rows` and ten minutes more lie in the past."""
    return int(time.time() - rows / ROWS_A_SECOND - 3600) // STEP * STEP


def test_a_cold_run_that_follows_is_lean(api, tmp_path, capsys):
    trainer = Trainer(tmp_path / "run" / "train.jsonl", start(BEFORE))
    followed(tmp_path, api, trainer.write(BEFORE))
    ours, peers = [], []
    for run in range(1, ROUNDS + 1):
        end = trainer.write(STEP * ROWS_A_SECOND)
        ours.append(followed(tmp_path, api, end))
        assert api.service is not None
        assert api.service["status"]["trainingRun"]["rows"] == BEFORE + run * 600
        status = dict(api.service["status"])
        peers.append(cost(PEER, [f"https://127.0.0.1:{api.port}", "."], tmp_path, {}))
        api.service["status"] = status
    mine = Cost(min(one.cpu for one in ours), max(one.mebibytes for one in ours))
    peer = Cost(min(one.cpu for one in peers), min(one.mebibytes for one in peers))
    state = next((tmp_path / "run").rglob("follow.json")).stat().st_size
    with capsys.disabled():
        print(
            f"\nfollowing 600 rows of {METRICS + 3} metrics: {mine.cpu:.2f} s CPU "
            f"({100 * mine.cpu / STEP:.1f} % of a core at a run a minute, the bar is "
            f"{100 * CORE_SHARE:.0f} %), {mine.mebibytes:.1f} MiB, state {state / 1024:.0f} KiB; "
            f"peer: {peer.cpu:.2f} s CPU, {peer.mebibytes:.1f} MiB"
        )
    assert peer.cpu / mine.cpu >= MIN_CPU_RATIO
    assert mine.mebibytes <= MAX_MEBIBYTES


def test_memory_does_not_grow_with_the_log(api, tmp_path, capsys):
    found = []
    for rows in (12_000, 120_000):
        for old in (tmp_path / "run").rglob("*"):
            if old.is_file():
                old.unlink()
        assert api.service is not None
        api.service["status"] = {}
        trainer = Trainer(tmp_path / "run" / "train.jsonl", start(rows))
        end = trainer.write(rows)
        found.append(followed(tmp_path, api, end))
        assert api.service["status"]["trainingRun"]["rows"] == rows
    with capsys.disabled():
        print("\nfirst reading: " + ", ".join(f"{one.mebibytes:.1f} MiB" for one in found))
    assert found[1].mebibytes <= 1.1 * found[0].mebibytes
