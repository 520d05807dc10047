"""A trained model answers for one observation as the scoring pod does for one window."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector_runtime.contract.members import MemberName, MemberSpec, VoteRule, VoteSpec
from detector_runtime.contract.run_config import DetectorSpec, MetricSpec, ServiceIdentity
from detector_runtime.contract.serving import Served
from detector_runtime.contract.vocabulary import Category, Direction, ExitCode, Role, Unit
from detector_runtime.errors import ModelMissingError, ModelRefusedError
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import CleanRows, read_history
from detector_runtime.serving.row_scorer import RowScorer, loaded
from detector_runtime.store.revisions import save
from loopback.settings import UID

STEP, START, ROWS = 300, 1_704_067_200, 2016
NAMES = ("rate", "latency", "errors")
METRICS = tuple(MetricSpec(n, Role.CUSTOM, n, Unit.NONE, Direction.BOTH) for n in NAMES)
VOTING = (MemberName.ISOLATION_FOREST, MemberName.LOCAL_OUTLIER_FACTOR, MemberName.Z_SCORE)


def history(rows: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal([100, 0.2, 5], [5, 0.02, 1], (rows, 3))


def trained(*names: MemberName, rule: VoteRule = VoteRule.MAJORITY) -> FittedModel:
    members = tuple(MemberSpec(name, trees=50, references=500) for name in names)
    detector = DetectorSpec(1.0, 0.05, 42, members=members, vote=VoteSpec(rule))
    settings = EngineSettings(
        METRICS, STEP, "Europe/Berlin", (), Category.STANDARD, detector, 500, 1000
    )
    times = START + STEP * np.arange(1, ROWS + 1, dtype=np.int64)
    return fit_model(read_history(Frame(times, history(ROWS, 0), NAMES, STEP), METRICS), settings)


@pytest.fixture(scope="module")
def voting() -> FittedModel:
    return trained(*VOTING)


def fresh(rows: int) -> tuple[Floats, Any]:
    """Usual rows, every tenth of them far out, at times in no order."""
    values = history(rows, 1)
    values[::10, 1] *= 5
    values[::10, 2] += 20
    times = START + STEP * (ROWS + np.random.default_rng(2).permutation(rows))
    return values, times.astype(np.int64)


def test_an_observation_is_judged_as_a_window_without_a_past(voting: FittedModel) -> None:
    scorer = RowScorer(voting, "one", "")
    values, times = fresh(40)
    found = scorer.judge(values, times)
    rules = scorer._rules
    for row in range(len(values)):
        frame = Frame(times[row : row + 1], values[row : row + 1], NAMES, STEP)
        clean = CleanRows(frame, np.zeros((1, 3), dtype=np.int8), rules)
        alone = score_rows(voting, clean, int(times[row]) - STEP)
        assert alone.ballots is not None
        assert found.score[row] == pytest.approx(alone.score[0], abs=1e-9)
        assert found.surprise[:, row] == pytest.approx(alone.ballots.scores[:, 0], abs=1e-9)
        assert found.voted[:, row].tolist() == alone.ballots.voted[:, 0].tolist()
        assert bool(found.anomalous[row]) == bool(alone.anomalous[0])
    assert found.anomalous[::10].all()


def test_the_verdict_is_what_the_votes_say(voting: FittedModel) -> None:
    values, times = fresh(400)
    found = RowScorer(voting, "one", "").judge(values, times)
    assert (found.anomalous == (2 * found.voted.sum(axis=0) > 3)).all()
    assert found.present.all()


def test_a_batch_says_of_each_row_what_the_row_alone_gets(voting: FittedModel) -> None:
    scorer = RowScorer(voting, "one", "")
    values, times = fresh(30)
    whole = scorer.judge(values, times)
    for row in range(30):
        one = scorer.judge(values[row : row + 1], times[row : row + 1])
        assert one.score[0] == pytest.approx(whole.score[row], abs=1e-9)


def test_members_that_read_windows_before_abstain_until_they_have_them() -> None:
    scorer = RowScorer(trained(MemberName.Z_SCORE, MemberName.LEVEL), "one", "")
    told = {one["name"]: one["votes_without_history"] for one in scorer.info()["members"]}
    assert told == {"z-score": True, "level": False}
    values, times = fresh(10)
    alone = scorer.judge(values, times)
    assert dict(zip(alone.members, alone.present.all(axis=1), strict=True)) == told
    after = scorer.judge_after(history(60, 3), values[0], int(times[0]))
    assert after.present.all()
    assert after.anomalous[0]


def test_the_usual_members_ask_for_the_history() -> None:
    scorer = RowScorer(trained(), "one", "")
    assert scorer.needs_history
    assert not any(one["votes_without_history"] for one in scorer.info()["members"])
    usual = scorer.judge_after(history(200, 3), history(1, 4)[0], START + ROWS * STEP)
    assert not usual.anomalous[0]
    far = scorer.judge_after(history(200, 3), np.array([100, 2.0, 50]), START + ROWS * STEP)
    assert far.anomalous[0]
    assert far.voted.sum() > len(far.members) / 2


@dataclass(frozen=True)
class Stored:
    root: Path
    served: Served


@pytest.fixture
def stored(tmp_path: Path, voting: FittedModel) -> Stored:
    arrays, engine = voting.to_arrays()
    service = ServiceIdentity("shop", "checkout", UID)
    ref = save(tmp_path, service, arrays=arrays, engine=engine, libraries={}, now=START).ref
    return Stored(tmp_path, Served(ref.revision, ref.digest, "2026-11-26T02:00:00Z"))


def test_a_model_that_is_not_what_was_named_is_refused(stored: Stored) -> None:
    served = stored.served
    assert loaded(stored.root, UID, served).version == served.revision
    with pytest.raises(ModelRefusedError, match="digest"):
        loaded(stored.root, UID, Served(served.revision, "sha256:" + "0" * 64, ""))
    with pytest.raises(ModelMissingError, match="not on the volume"):
        loaded(stored.root, UID, Served("20200101-000000-abcdef", served.digest, ""))


def test_the_level_is_raised_as_scoring_raises_it(stored: Stored) -> None:
    plain = loaded(stored.root, UID, stored.served)
    raised = loaded(stored.root, UID, replace(stored.served, level_offset=0.5))
    assert raised.info()["alert_level"] == pytest.approx(plain.info()["alert_level"] + 0.5)


@pytest.fixture
def process(stored: Stored) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`detector-runtime serve` with the model loaded: the process and its port."""
    named = stored.root / "served.json"
    named.write_text(
        json.dumps(
            {"revision": stored.served.revision, "digest": stored.served.digest, "since": ""}
        )
    )
    command = [sys.executable, "-m", "detector_runtime", "serve", "--uid", UID, "--port", "0"]
    command += ["--models", str(stored.root), "--served", str(named), "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--drain-seconds", "0"], stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        told: dict[str, Any] = {}
        while not {"listening", "model loaded"} <= set(told):
            line = json.loads(running.stderr.readline())
            told[line["message"]] = line
        yield running, told["listening"]["port"]
        running.kill()


def test_a_process_serves_a_stored_model_and_ends_cleanly(
    process: tuple[subprocess.Popen[str], int], stored: Stored
) -> None:
    running, port = process
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = {"features": {"errors": 50, "latency": 2, "rate": 100}, "observation_id": "far"}
    connection.request("POST", "/predict", json.dumps(body))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert (answer["is_anomaly"], answer["votes"], answer["voters"]) == (True, 3, 3)
    assert answer["model_version"] == stored.served.revision
    running.terminate()
    assert running.wait(30) == 0


def test_a_command_line_that_cannot_be_read_ends_with_a_code_of_its_own() -> None:
    command = [sys.executable, "-m", "detector_runtime", "serve"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == ExitCode.INVALID
    assert "--uid is missing" in done.stderr
