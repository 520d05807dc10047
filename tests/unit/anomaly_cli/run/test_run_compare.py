"""`run compare`: an anomaly beside a normal checkpoint, and what follows from the difference."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from anomaly_cli.__main__ import main
from anomaly_cli.run.compare import changed_config, sentence
from anomaly_cli.run.compare_side import Answers, Side
from detector_runtime.contract.training_run import RunExample
from detector_runtime.following.snapshots import take
from pretend.snapshots import EXTREME, NOW, PLAN, SPIKE, captured

GOOD = Side("a", 14000, 0.72, 0.0002, 81.0, Answers(20, 0.45), Answers(10, 1.23))
BAD = Side("b", 15000, 1.15, 0.0005, 70.0, Answers(12, 1.45), Answers(8, 0.67))
GOLDEN = Path(__file__).parent / "golden/compare.txt"


def answers(correct: float, wrong: float) -> tuple[RunExample, ...]:
    return (
        RunExample("p", "4", "4", True, str(correct)),
        RunExample("q", "4", "5", False, str(wrong)),
        RunExample("r", "", "", None, ""),
    )


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    good = replace(
        captured(14000),
        z_scores={"loss": 0.5},
        examples=answers(0.45, 1.23),
        loss_history=(0.7, 0.72),
        learning_rate_history=(0.0002,),
        accuracy_history=(81.0,),
    )
    bad = replace(
        captured(15000, (SPIKE, EXTREME)),
        z_scores={"loss": 12.45},
        examples=answers(1.45, 0.67),
        loss_history=(0.72, 1.15),
        learning_rate_history=(0.0005,),
        accuracy_history=(80.5,),
        config={"mode": "Standard", "zScore": 4.0},
    )
    monkeypatch.chdir(tmp_path)
    for name, one in (("good", good), ("bad", bad)):
        (tmp_path / taken_path(tmp_path, one)).rename(tmp_path / name)
    return "bad", "good"


def taken_path(folder: Path, one: Any) -> str:
    return take(PLAN, folder, one, NOW).path


def test_the_text(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "compare", *two]) == 0
    assert capsys.readouterr().out == GOLDEN.read_text()


def test_the_document(two: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "compare", two[0] + "/metadata.json", two[1], "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["snapshot"]["meanLossWhenCorrect"] == 1.45
    assert document["checkpoint"]["meanLossWhenWrong"] == 1.23
    assert document["snapshot"]["zScores"] == {"loss": 12.45}
    assert document["conclusion"].startswith("Compared with step 14000")


@pytest.mark.parametrize(
    ("snapshot", "checkpoint", "told"),
    [
        (GOOD, replace(GOOD, step=13000), "nothing has changed much; going back would win little."),
        (Side("a", 2), Side("b", 1), "one side has no loss. Give a log with --step."),
        (replace(GOOD, rate=0.0005, step=15000), GOOD, "Check the schedule of the learning rate"),
        (replace(GOOD, rate=0.00002, step=15000), GOOD, "the learning rate is 10 times as low."),
        (replace(GOOD, loss=inf, step=15000), GOOD, "the loss is no number any more. Find out"),
        (
            replace(GOOD, loss=nan, step=15000, triggers=("loss_nan",)),
            GOOD,
            "the loss is no number any more. Find out what changed since then, and go back to step",
        ),
        (replace(GOOD, loss=0.3, step=15000), GOOD, "58.3 % lower. The run has got better since"),
        (replace(GOOD, accuracy=70.0, step=15000), GOOD, "the accuracy is 11.0 points lower. Find"),
        (GOOD, replace(BAD, step=16000), "The checkpoint is the later one of the two."),
        (BAD, GOOD, "Stop, go back to step 14000, and check the loss function and the labels."),
    ],
)
def test_the_sentence(snapshot: Side, checkpoint: Side, told: str) -> None:
    assert told in sentence(snapshot, checkpoint)


def test_settings_of_one_side_alone_are_no_change() -> None:
    assert changed_config(replace(BAD, config={"zScore": 3}), GOOD) == []


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(raw) + "\n" for raw in rows))
    return str(path)


def test_a_log_is_read_up_to_the_step(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"step": step, "loss": 0.7 + step / 1e6, "learning_rate": 0.0002, "accuracy": 0.8}
        for step in range(10, 20000, 10)
    ]
    # The run went back: what counts is what it has logged the last time.
    again = [{**raw, "loss": 0.9} for raw in rows if raw["step"] >= 13000]
    log = written(tmp_path / "log.jsonl", [*rows, *again])
    assert main(["run", "compare", two[0], log, "--step", "14005", "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["checkpoint"]["step"] == 14000
    assert document["checkpoint"]["loss"] == 0.9
    assert document["checkpoint"]["accuracy"] == 80.0
    assert set(document["checkpoint"]["zScores"]) == {"loss", "accuracy"}
    assert main(["run", "compare", two[0], log, "--step", "5"]) == 2
    assert "has no row up to step 5" in capsys.readouterr().err
    assert main(["run", "compare", two[0], log]) == 2
    assert "say with --step which step" in capsys.readouterr().err


def test_a_checkpoint_with_its_trainer_state(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "checkpoint-14000"
    folder.mkdir()
    history = [
        {"step": step, "loss": 0.7, "learning_rate": 0.0002, "epoch": 1.0}
        for step in (13500, 14000)
    ]
    state = {"global_step": 14000, "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    for given in (folder, folder / "trainer_state.json"):
        assert main(["run", "compare", two[0], str(given), "-o", "json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["checkpoint"]["step"], document["checkpoint"]["loss"]) == (14000, 0.7)


def test_what_is_no_snapshot_is_refused(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "compare", "none", two[1]]) == 2
    assert "none: no such file" in capsys.readouterr().err
    (tmp_path / "metadata.json").write_text('{"a": 1}')
    assert main(["run", "compare", "metadata.json", two[1]]) == 2
    assert "is no snapshot: it has no step and triggers" in capsys.readouterr().err
    (tmp_path / "metadata.json").write_text("{")
    assert main(["run", "compare", "metadata.json", two[1]]) == 2
    assert "is no JSON" in capsys.readouterr().err
    (tmp_path / "checkpoint-7").mkdir()
    assert main(["run", "compare", two[0], "checkpoint-7"]) == 2
    assert "give the log of the run in its place" in capsys.readouterr().err


def test_a_folder_of_several_snapshots_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in (1, 2):
        take(PLAN, tmp_path, captured(step), NOW)
    folder = str(tmp_path / "snapshots")
    assert main(["run", "compare", folder, folder]) == 2
    assert "holds 2 snapshots; name one of them" in capsys.readouterr().err
