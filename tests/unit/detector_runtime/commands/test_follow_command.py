"""`python -m detector_runtime follow` as a process: kill -9, half-written logs, last words and
imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detector_runtime.contract.codec import dumps
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import LogFile, SnapshotPlan, TrainingRunSpec
from detector_runtime.contract.vocabulary import ExitCode
from loopback.api_server import FakeAPIServer
from loopback.server import make_certificate
from loopback.settings import UID, ending
from pretend.followed_run import STEP, follow_config
from pretend.training_run import noisy

HEAVY = {"numpy", "sklearn", "scipy", "argparse", "logging", "asyncio", "urllib.request"}
MINUTES = 9
RUN = "import runpy; runpy.run_module('detector_runtime', run_name='__main__', alter_sys=True)"
DIES_READING = """
import os, signal
from detector_runtime.training_run import watch
step = watch.step
def dying(state, row, thresholds):
    if row.step >= %d:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(state, row, thresholds)
watch.step = dying
"""


class Followed:
    """A service, its API server, and the mounts of its pod."""

    def __init__(self, folder: Path, certificate: tuple[Path, Path]) -> None:
        self.folder = folder
        for name in ("models", "identity", "run"):
            (folder / name).mkdir(parents=True)
        (folder / "identity" / "token").write_text("pod-token")
        (folder / "identity" / "ca.crt").write_bytes(certificate[0].read_bytes())
        self.api = FakeAPIServer(UID, certificate)
        self.config = follow_config(TrainingRunSpec(log=LogFile("train.jsonl")))

    @property
    def log(self) -> Path:
        return self.folder / "run" / "train.jsonl"

    def start(self, config: RunConfig, prelude: str = "") -> subprocess.Popen[str]:
        (self.folder / "run.json").write_text(dumps(config))
        arguments = [
            "follow",
            *(f"--{name}={self.folder / name}" for name in ("models", "identity")),
            f"--run-data={self.folder / 'run'}",
            f"--config={self.folder / 'run.json'}",
            f"--report={self.folder / 'report.json'}",
        ]
        environment = {
            **os.environ,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.api.port),
        }
        return subprocess.Popen(
            [sys.executable, "-c", f"{prelude}\n{RUN}", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, end: int, prelude: str = "", config: RunConfig | None = None) -> tuple[int, str]:
        """A run whose newest window ends at `end`: its exit code and its log."""
        process = self.start(ending(config or self.config, end), prelude)
        _, said = process.communicate(timeout=120)
        return process.returncode, said

    @property
    def status(self) -> dict[str, Any]:
        assert self.api.service is not None
        found: dict[str, Any] = self.api.service["status"]
        return found

    @property
    def last_words(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def service(tmp_path, certificate) -> Iterator[Followed]:
    followed = Followed(tmp_path / "one", certificate)
    with followed.api:
        yield followed


def begin() -> int:
    return (int(time.time()) - 3600) // STEP * STEP


def lines(start: int) -> list[tuple[float, str]]:
    """Six rows a minute, with a spike, a line that is no JSON and a resume."""
    found = []
    for at, loss in enumerate(noisy(6 * MINUTES)):
        moment, step = start + 10.0 * at, 10 * at
        raw = {
            "step": step - 300 if at >= 40 else step,
            "time": moment,
            "loss": 5.0 if at in {33, 45} else loss,
            "learning_rate": 1e-4,
        }
        row = json.dumps(raw)
        found.append((moment, row if at != 20 else row[:-5]))
    return found


def told(status: dict[str, Any]) -> dict[str, Any]:
    """Of the training run; without what depends on when a pod looked."""
    return {name: value for name, value in status["trainingRun"].items() if name != "since"}


def test_kill_9_at_any_moment_tells_what_an_undisturbed_run_tells(service, tmp_path, certificate):
    start = begin()
    rows = lines(start)
    processes: list[subprocess.Popen[str]] = []

    def kill() -> None:
        processes[-1].kill()

    for minute in range(1, MINUTES + 1):
        end = start + minute * STEP
        text = "".join(f"{row}\n" for moment, row in rows if moment < end)
        half = next((row for moment, row in rows if moment >= end), "")
        # The trainer is in the middle of a line whenever a pod reads.
        service.log.write_text(text + half[: len(half) // 2])
        if minute % 4 == 1:
            service.api.before_apply.append(kill)
        elif minute % 4 == 2:
            service.api.after_apply.append(kill)
        prelude = DIES_READING % (10 * 6 * minute - 40) if minute % 4 == 3 else ""
        processes.append(service.start(ending(service.config, end), prelude))
        processes[-1].communicate(timeout=120)
        died = processes[-1].returncode == -signal.SIGKILL
        assert died == (minute % 4 in {1, 2, 3}), (minute, processes[-1].returncode)
        service.api.before_apply.clear()
        service.api.after_apply.clear()
    service.log.write_text("".join(f"{row}\n" for _, row in rows))
    assert service.run(start + (MINUTES + 1) * STEP)[0] == ExitCode.OK

    whole = Followed(tmp_path / "other", certificate)
    whole.log.write_text(service.log.read_text())
    with whole.api:
        assert whole.run(start + (MINUTES + 1) * STEP)[0] == ExitCode.OK
    assert told(service.status) == told(whole.status)
    assert service.api.detection["windows"] == whole.api.detection["windows"]
    assert service.api.detection["anomaly"] == whole.api.detection["anomaly"]
    assert service.status["trainingRun"]["resumes"] == 1
    assert service.status["trainingRun"]["badLines"] == 1
    timeline = service.status["trainingRun"]["timeline"]
    assert next(one["step"] for one in timeline if one["tier"] == "Critical") == 330


def test_two_runs_at_once_add_nothing_twice(service):
    start = begin()
    service.log.write_text("".join(f"{row}\n" for _, row in lines(start)))
    end = start + MINUTES * STEP
    second: list[subprocess.Popen[str]] = []

    def another() -> None:
        second.append(service.start(ending(service.config, end)))

    service.api.before_apply.append(another)
    assert service.run(end)[0] == ExitCode.OK
    second[0].communicate(timeout=120)
    assert second[0].returncode == ExitCode.OK
    assert service.api.detection["scoredThrough"] == iso(end)
    counts = {one["kind"]: one["count"] for one in service.status["trainingRun"]["counts"]}
    assert service.status["trainingRun"]["rows"] == 6 * MINUTES - 1
    assert service.run(end + STEP)[0] == ExitCode.OK
    again = {one["kind"]: one["count"] for one in service.status["trainingRun"]["counts"]}
    assert again == counts


def test_a_log_that_is_not_there_yet_is_no_data_with_a_next_step(service):
    code, said = service.run(begin())
    assert code == ExitCode.OK, said
    run = service.api.detection["run"]
    assert run["outcome"] == "NoData"
    assert run["message"] == (
        "log 'train.jsonl' has no row yet; check that the trainer runs and writes there"
    )
    assert service.status["trainingRun"]["state"] == "Waiting"
    assert service.api.detection["report"]["reason"] == "NoData"


def test_rows_without_a_step_name_the_columns_to_set(service):
    start = begin()
    service.log.write_text('{"iteration_": 1, "loss": 2.0}\n')
    service.run(start + STEP)
    message = service.api.detection["run"]["message"]
    assert "has no step" in message
    assert "spec.trainingRun.log.columns" in message
    assert service.status["trainingRun"]["badLines"] == 1


def test_a_log_that_leads_out_of_the_claim_is_refused_once(service):
    service.log.symlink_to("/etc/passwd")
    for run in (1, 2):
        code, said = service.run(begin() + run * STEP)
        assert code == ExitCode.INVALID, said
    assert service.api.detection["run"]["outcome"] == "InvalidConfig"
    assert len(service.api.applied) == 1
    assert service.last_words["outcome"] == "InvalidConfig"


@pytest.mark.parametrize(
    ("error", "outcome", "code", "said"),
    [
        ("ENOSPC", "StorageFull", ExitCode.STORAGE_FULL, "no room for the state"),
        ("EROFS", "InvalidConfig", ExitCode.INVALID, "make the claim writable"),
    ],
)
def test_a_claim_that_takes_no_state_is_said_and_loses_no_window(
    service, error, outcome, code, said
):
    start = begin()
    service.log.write_text("".join(f"{row}\n" for _, row in lines(start)))
    prelude = (
        "import errno, os, pathlib\n"
        "opened = pathlib.Path.open\n"
        "def refused(self, mode='r', *more, **named):\n"
        "    if self.name.startswith('.aside-'):\n"
        f"        raise OSError(errno.{error}, os.strerror(errno.{error}))\n"
        "    return opened(self, mode, *more, **named)\n"
        "pathlib.Path.open = refused"
    )
    runs = []
    for minute in (MINUTES, MINUTES + 1):
        found, stderr = service.run(start + minute * STEP, prelude)
        assert found == code, stderr
        assert service.api.detection["scoredThrough"] == iso(start + minute * STEP)
        runs.append(service.api.detection["run"])
    assert runs[0] == runs[1]
    assert runs[0]["outcome"] == outcome
    assert said in runs[0]["message"]
    assert service.status["trainingRun"]["rows"] == 6 * MINUTES - 1


def test_without_snapshots_the_claim_is_only_read(service):
    start = begin()
    service.log.write_text("".join(f"{row}\n" for _, row in lines(start)))
    run = TrainingRunSpec(log=LogFile("train.jsonl"), snapshots=SnapshotPlan(enabled=False))
    service.run(start + MINUTES * STEP, config=follow_config(run))
    assert [one.name for one in (service.folder / "run").iterdir()] == ["train.jsonl"]
    assert (service.folder / "models" / UID / "follow" / "follow.json").exists()


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (None, "trainingRun is missing"),
        (TrainingRunSpec(log=LogFile("../x")), "must be relative to the root of the claim"),
        (TrainingRunSpec(log=LogFile("/x")), "must be relative to the root of the claim"),
        (TrainingRunSpec(log=LogFile("x"), stall_factor=0.0), "stallFactor 0.0"),
        (TrainingRunSpec(log=LogFile("x"), thresholds=(("zScore", 0.0),)), "threshold zScore is 0"),
        (TrainingRunSpec(), "names no source of rows"),
    ],
)
def test_a_config_that_cannot_be_carried_out_is_said(service, run, said):
    config = replace(service.config, training_run=run)
    code, _ = service.run(begin(), config=config)
    assert code == ExitCode.INVALID
    assert said in service.last_words["message"]


def test_a_following_run_imports_nothing_heavy(service):
    start = begin()
    service.log.write_text("".join(f"{row}\n" for _, row in lines(start)))
    out = service.folder / "modules.json"
    prelude = (
        "import atexit, json, sys\n"
        f"atexit.register(lambda: open({str(out)!r}, 'w').write(json.dumps(list(sys.modules))))"
    )
    assert service.run(start + MINUTES * STEP, prelude)[0] == ExitCode.OK
    found = set(json.loads(out.read_text()))
    assert "detector_runtime.following.advance" in found
    assert found.isdisjoint(HEAVY), found & HEAVY
