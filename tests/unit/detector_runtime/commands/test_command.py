"""The pods' command as a process: exit codes, last words, signals, and what it imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from detector_runtime.commands.config import load_config
from detector_runtime.contract.codec import dumps, loads
from detector_runtime.contract.run_config import ModelRef, RunConfig, SourceSpec
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import (
    AuthType,
    ExitCode,
    Role,
    RunKind,
    SourceType,
    Unit,
)
from loopback.api_server import FakeAPIServer
from loopback.events import objective
from loopback.prometheus import FakePrometheus
from loopback.server import Answer, make_certificate
from loopback.settings import STEP, UID, ending, prometheus_source, run_config
from loopback.shop import this_week

REF = ModelRef("20260101-000000-abcdef", "sha256:" + "0" * 64)
TOKEN = "canary-7f3a91"
HEAVY = (
    "sklearn",
    "scipy",
    "kubernetes",
    "kopf",
    "argparse",
    "logging",
    "asyncio",
    "urllib.request",
)


class Pod:
    """A folder with all the mounts of a pod."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("models", "identity", "auth", "ca", "data"):
            (folder / name).mkdir(exist_ok=True)

    def command(self, verb: str) -> list[str]:
        arguments = [f"--{name}={self.folder / name}" for name in
                     ("models", "identity", "auth", "ca", "data")]  # fmt: skip
        config, report = self.folder / "run.json", self.folder / "report.json"
        return [verb, "--config", str(config), "--report", str(report), *arguments]

    def run(
        self, verb: str, config: RunConfig | str, prelude: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        text = config if isinstance(config, str) else dumps(config)
        (self.folder / "run.json").write_text(text)
        module = "runpy.run_module('detector_runtime', run_name='__main__', alter_sys=True)"
        code = f"import runpy\n{prelude}\n{module}"
        return subprocess.run(
            [sys.executable, "-c", code, *self.command(verb)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @property
    def report(self) -> TrainReport:
        return loads(TrainReport, (self.folder / "report.json").read_bytes())


@pytest.fixture
def pod(tmp_path) -> Pod:
    return Pod(tmp_path)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def api(pod, certificate) -> Iterator[FakeAPIServer]:
    (pod.folder / "identity" / "token").write_text("pod-token")
    (pod.folder / "identity" / "ca.crt").write_bytes(certificate[0].read_bytes())
    with FakeAPIServer(UID, certificate) as running:
        yield running


def address(api: FakeAPIServer) -> dict[str, str]:
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}


def csv_config(**changes: object) -> RunConfig:
    source = SourceSpec("files", SourceType.CSV, file="shop.csv")
    return replace(run_config(RunKind.TRAIN, source), **changes)  # type: ignore[arg-type]


def shop_csv(folder: Path, days: float) -> int:
    """Writes the shop's last days; returns the end of the newest window."""
    newest, shop = this_week(time.time())
    moments = range(newest - int(days * 86400), newest + 1, STEP)
    rows = (f"{t},{','.join(repr(shop[name](t)) for name in shop)}" for t in moments)
    (folder / "data" / "shop.csv").write_text(",".join(["time", *shop]) + "\n" + "\n".join(rows))
    return newest


def test_a_training_leaves_a_model_and_a_report(pod):
    newest = shop_csv(pod.folder, 2)
    done = pod.run("train", ending(csv_config(), newest))
    assert done.returncode == ExitCode.OK, done.stderr
    report = pod.report
    assert (report.outcome.value, report.validation, report.grade) == ("Succeeded", "Passed", "A")
    assert (pod.folder / "models" / UID / report.revision / "manifest.json").exists()
    assert report.provisional
    assert report.samples >= 500


def test_equal_data_and_seed_give_equal_arrays(pod):
    newest = shop_csv(pod.folder, 2)
    digests = set()
    for _ in range(2):
        pod.run("train", ending(csv_config(), newest))
        digests.add(pod.report.arrays_digest)
    assert len(digests) == 1


def test_too_little_history_is_a_state_with_a_date_and_no_failure(pod):
    newest = shop_csv(pod.folder, 0.5)
    done = pod.run("train", ending(csv_config(), newest))
    report = pod.report
    assert done.returncode == ExitCode.OK
    assert report.outcome.value == "Learning"
    assert 0 < report.samples < report.needed
    assert report.message == (
        f"{report.samples} of {report.needed} samples, enough at about {report.enough_at}"
    )
    assert report.enough_at > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert list((pod.folder / "models").rglob("*.npz")) == []


def test_a_unit_that_the_history_contradicts_is_the_first_warning_of_the_report(pod):
    newest = shop_csv(pod.folder, 0.5)
    config = csv_config()
    wrong = tuple(
        replace(one, unit=Unit.SECONDS) if one.role is Role.LATENCY else one
        for one in config.metrics
    )
    pod.run("train", ending(replace(config, metrics=wrong), newest))
    assert pod.report.warnings[0].startswith("UnitMismatch: application_latency has the unit Secon")
    pod.run("train", ending(config, newest))
    assert not any(text.startswith("UnitMismatch") for text in pod.report.warnings)


def test_no_value_at_all_is_no_data(pod):
    (pod.folder / "data" / "shop.csv").write_text("time,rate,latency,errors\n60,1,1,1\n")
    done = pod.run("train", csv_config())
    assert done.returncode == ExitCode.SOURCE_UNAVAILABLE
    assert pod.report.outcome.value == "NoData"
    assert "check the queries" in pod.report.message


def test_a_config_of_an_older_operator_is_read_without_what_no_run_needs(tmp_path):
    document = json.loads(dumps(csv_config()))
    document["service"]["generation"] = 3
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document))
    assert load_config(path, RunKind.TRAIN) == csv_config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "expected an object"),
        ("{", "not JSON"),
        (dumps(csv_config()).replace('"formatVersion":1', '"formatVersion":9'), "formatVersion"),
        (dumps(csv_config()).replace('"stepSeconds":120', '"stepSeconds":0'), "stepSeconds 0"),
        (dumps(csv_config()).replace('"stepSeconds":120', '"stepSeconds":"2m"'), "expected int"),
        (dumps(csv_config()).replace('"seed":42', '"seed":42,"more":1'), "unknown field 'more'"),
        (dumps(csv_config(kind=RunKind.SCORE)), "kind is Score"),
        (dumps(csv_config(metrics=())), "metrics is empty"),
        (dumps(csv_config(metrics=csv_config().metrics[:1] * 2)), "listed twice"),
        (dumps(csv_config(periods=())), "belongs to no period"),
        (dumps(csv_config(time_zone="Mars/Olympus")), "Mars/Olympus"),
        (dumps(csv_config()).replace("shop.csv", "../shop.csv"), "plain file name"),
        (dumps(csv_config()).replace(UID, "../../up"), "is not an object uid"),
        (dumps(csv_config(objectives=(objective(target=1.0),))), "target 1.0 must lie between"),
    ],
)
def test_a_config_that_cannot_be_carried_out_ends_the_job_at_once(pod, text, said):
    shop_csv(pod.folder, 0.1)
    done = pod.run("train", text)
    assert done.returncode == ExitCode.INVALID, done.stderr
    assert pod.report.outcome.value == "InvalidConfig"
    assert said in pod.report.message


@pytest.mark.parametrize(
    "arguments", [[], ["serves"], ["train", "--nope", "x"], ["train", "--config"], ["--help"]]
)
def test_a_command_line_that_cannot_be_read_shows_the_usage(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "detector_runtime", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.INVALID
    assert "usage: python -m detector_runtime train|score" in done.stderr


def test_the_version_is_shown_without_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "detector_runtime", "--version"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert done.stdout == f"detector-runtime {version('anomaly-operator')}\n"


def test_an_unwritable_termination_log_does_not_change_the_outcome(pod):
    newest = shop_csv(pod.folder, 2)
    (pod.folder / "report.json").mkdir()
    done = pod.run("train", ending(csv_config(), newest))
    assert done.returncode == ExitCode.OK
    assert "termination message not written" in done.stderr


def test_what_nobody_foresaw_is_reported_too(pod):
    newest = shop_csv(pod.folder, 2)
    prelude = "import detector_runtime.commands.train as t; t.assess = lambda *a: 1 / 0"
    done = pod.run("train", ending(csv_config(), newest), prelude)
    assert done.returncode == ExitCode.INTERNAL
    assert pod.report.outcome.value == "InternalError"
    assert "ZeroDivisionError" in pod.report.message


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_event_is_one_line_of_json_whatever_a_server_says(pod):
    evil = 'no\n{"level":"info","message":"all is well"}\r\n\u2028'
    with FakePrometheus({}) as metrics:
        metrics.script = [Answer(400, json.dumps({"error": evil}).encode())]
        done = pod.run("train", run_config(RunKind.TRAIN, prometheus_source(metrics.url)))
    assert done.returncode == ExitCode.INVALID
    assert [line["message"] for line in lines(done.stderr)] == ["run failed"]
    assert "\n" not in pod.report.message


def test_a_secret_is_in_no_log_no_report_and_no_file(pod, api):
    (pod.folder / "auth" / "token").write_text(TOKEN)
    newest, shop = this_week(time.time())
    with FakePrometheus(dict(shop)) as metrics:
        source = replace(prometheus_source(metrics.url), auth=AuthType.BEARER)
        good = pod.run("train", ending(run_config(RunKind.TRAIN, source), newest))
        ref = ModelRef(pod.report.revision, pod.report.digest)
        config = replace(run_config(RunKind.SCORE, source), model=ref)
        scored = pod.run("score", ending(config, newest), **address(api))
        reflected = json.dumps({"error": f"who is {TOKEN}?"}).encode()
        metrics.script = [Answer(500, reflected) for _ in range(4)]
        bad = pod.run("train", run_config(RunKind.TRAIN, source))
    assert [good.returncode, scored.returncode, bad.returncode] == [0, 0, 69]
    assert "who is ***?" in pod.report.message
    said = good.stderr + scored.stderr + bad.stderr + json.dumps(api.service)
    assert TOKEN not in said
    for path in pod.folder.rglob("*"):
        if path.is_file() and path.parent.name != "auth":
            assert TOKEN.encode() not in path.read_bytes()


def test_sigterm_while_training_leaves_no_torn_model(pod):
    newest = shop_csv(pod.folder, 2)
    (pod.folder / "run.json").write_text(dumps(ending(csv_config(), newest)))
    prelude = (
        "import detector_runtime.store.revisions as s, os, time, runpy, pathlib\n"
        "def slow(folder):\n"
        f"    pathlib.Path({str(pod.folder / 'writing')!r}).touch()\n"
        "    time.sleep(200)\n"
        "s._sync_folder = slow\n"
        "runpy.run_module('detector_runtime', run_name='__main__', alter_sys=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", prelude, *pod.command("train")],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    deadline = time.monotonic() + 120
    while not (pod.folder / "writing").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "nothing half done is left" in said
    assert list((pod.folder / "models" / UID).iterdir()) == []


def score_config(metrics: FakePrometheus) -> RunConfig:
    return replace(run_config(RunKind.SCORE, prometheus_source(metrics.url)), model=REF)


def test_a_service_that_is_gone_ends_with_zero(pod, api):
    api.service = None
    with FakePrometheus({}) as metrics:
        done = pod.run("score", score_config(metrics), **address(api))
    assert done.returncode == ExitCode.OK
    assert lines(done.stderr)[0]["reason"] == "AnomalyService shop/checkout is gone"
    assert not (pod.folder / "report.json").exists()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([Answer(403, b'{"message":"no"}')], ExitCode.INVALID),
        ([Answer(422, b'{"message":"no"}')], ExitCode.INVALID),
        ([Answer(503)] * 4, ExitCode.API_UNAVAILABLE),
        ([], ExitCode.MODEL_REFUSED),
    ],
)
def test_the_exit_code_says_whether_another_try_can_help(pod, api, script, code):
    api.script = list(script)
    with FakePrometheus({}) as metrics:
        done = pod.run("score", score_config(metrics), **address(api))
    assert done.returncode == code, done.stderr


def test_outside_a_cluster_scoring_says_what_is_missing(pod):
    with FakePrometheus({}) as metrics:
        done = pod.run("score", score_config(metrics), KUBERNETES_SERVICE_HOST="")
    assert done.returncode == ExitCode.INVALID
    assert "KUBERNETES_SERVICE_HOST" in pod.report.message


def imported(pod: Pod, config: RunConfig, api: FakeAPIServer) -> set[str]:
    out = pod.folder / "modules.json"
    prelude = (
        "import atexit, json, sys\n"
        f"atexit.register(lambda: open({str(out)!r}, 'w').write(json.dumps(list(sys.modules))))"
    )
    pod.run("score", config, prelude, **address(api))
    return set(json.loads(out.read_text()))


def test_a_run_without_a_new_window_imports_no_numpy(pod, api):
    api.put({"formatVersion": 1, "modelRevision": "x", "run": {"outcome": "Succeeded"},
             "scoredThrough": "2999-01-01T00:00:00Z"})  # fmt: skip
    with FakePrometheus({}) as metrics:
        found = imported(pod, score_config(metrics), api)
        assert metrics.asked == []
    assert api.applied == []
    assert "detector_runtime.commands.score" in found
    assert found.isdisjoint({"numpy", *HEAVY})


def test_a_scoring_run_imports_nothing_heavy(pod, api):
    newest, shop = this_week(time.time())
    with FakePrometheus(dict(shop)) as metrics:
        training = run_config(RunKind.TRAIN, prometheus_source(metrics.url))
        pod.run("train", ending(training, newest))
        ref = ModelRef(pod.report.revision, pod.report.digest)
        config = replace(score_config(metrics), model=ref)
        found = imported(pod, ending(config, newest), api)
    assert api.detection["run"]["outcome"] == "Succeeded"
    assert "numpy" in found
    assert found.isdisjoint(HEAVY)
