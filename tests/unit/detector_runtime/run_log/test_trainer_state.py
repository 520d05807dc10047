"""The state that Hugging Face's Trainer saves with each checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from detector_runtime.contract.training_run import LogFile, LogFormat
from detector_runtime.run_log import trainer_state
from pretend.followed_log import Follower, whole


def entry(step: int, loss: float = 1.0) -> dict[str, Any]:
    return {"epoch": 0.1, "grad_norm": 2.0, "learning_rate": 1e-4, "loss": loss, "step": step}


def save(file: Path, history: Iterable[dict[str, Any]], when: int = 0) -> None:
    file.parent.mkdir(exist_ok=True)
    history = list(history)
    state = {"best_metric": None, "epoch": 1.0, "global_step": 9, "log_history": history, "z": 1}
    file.write_text(json.dumps(state, indent=2, sort_keys=True) + "\n")
    if when:
        os.utime(file, (when, when))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trainer_state.json"


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path, LogFile("trainer_state.json"))


def test_an_entry_is_a_row(follower: Follower, file: Path) -> None:
    evaluated = {
        "epoch": 1.0,
        "eval_loss": 0.9,
        "eval_accuracy": 0.5,
        "eval_runtime": 12.0,
        "step": 2,
    }
    save(file, [entry(1), entry(2, 0.5), evaluated])
    first, second, third = follower.read()
    assert (first.step, first.loss, first.learning_rate) == (1, 1.0, 1e-4)
    assert first.metrics == {"grad_norm": 2.0}
    assert (second.loss, second.time) == (0.5, None)
    assert (third.step, third.loss) == (2, None)
    assert third.metrics == {"eval_loss": 0.9, "eval_accuracy": 0.5}


def test_only_new_entries_are_read(follower: Follower, file: Path) -> None:
    save(file, map(entry, (1, 2)))
    follower.read()
    save(file, map(entry, (1, 2, 3, 4)))
    follower.read(most=1)
    follower.read()
    assert follower.read() == []
    assert follower.steps == [1, 2, 3, 4]


def test_a_history_that_went_another_way_after_a_resume(follower: Follower, file: Path) -> None:
    save(file, map(entry, (1, 2, 3, 4)))
    follower.read()
    save(file, map(entry, (1, 2)))
    assert follower.read() == []
    save(file, [entry(1), entry(2), entry(3, 7.0)])
    follower.read()
    assert follower.steps == [1, 2, 3, 4, 3]
    assert follower.rows[-1].loss == 7.0


def test_a_long_history_is_found_again_by_its_end(
    follower: Follower, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_state, "KEPT", 4)
    save(file, map(entry, range(100)))
    follower.read()
    assert len(follower.position["sums"]) == 4
    save(file, map(entry, (*range(98), 200, 201)))
    follower.read()
    assert follower.steps == [*range(100), 200, 201]


def test_the_checkpoint_that_was_written_last(tmp_path: Path) -> None:
    follower = Follower(tmp_path, LogFile("."))
    save(tmp_path / "checkpoint-500" / "trainer_state.json", map(entry, (1, 2)), when=1000)
    save(tmp_path / "checkpoint-1000" / "trainer_state.json", map(entry, (1, 2, 3)), when=2000)
    follower.read()
    # Gone back to 500, and on from there.
    save(tmp_path / "checkpoint-600" / "trainer_state.json", map(entry, (1, 2, 4)), when=3000)
    follower.read()
    assert follower.steps == [1, 2, 3, 4]


def test_the_checkpoints_beside_a_state_that_is_written_at_the_end(tmp_path: Path) -> None:
    follower = Follower(tmp_path, LogFile("out/trainer_state.json"))
    assert follower.read() == []
    (tmp_path / "out").mkdir()
    save(tmp_path / "out" / "checkpoint-5" / "trainer_state.json", map(entry, (1, 2)), when=1000)
    follower.read()
    save(tmp_path / "out" / "trainer_state.json", map(entry, (1, 2, 3)), when=2000)
    follower.read()
    assert follower.steps == [1, 2, 3]


def test_a_checkpoint_that_is_a_link_is_passed_over(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere" / "trainer_state.json", [entry(9)])
    save(tmp_path / "out" / "trainer_state.json", [entry(1)], when=1000)
    (tmp_path / "out" / "checkpoint-9").symlink_to(tmp_path / "elsewhere")
    assert whole(tmp_path, LogFile("out")).steps == [1]


def test_a_state_that_is_being_written(follower: Follower, file: Path) -> None:
    save(file, map(entry, range(50)))
    text = file.read_text()
    for at in range(0, len(text), 97):
        file.write_text(text[:at])
        follower.read()
    file.write_text(text)
    follower.read()
    assert follower.steps == list(range(50))


def test_a_history_larger_than_a_piece(
    follower: Follower, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_state, "_CHUNK", 64)
    save(file, [{**entry(n), "note": "ü" * 40} for n in range(20)])
    follower.read()
    assert follower.steps == list(range(20))


def test_entries_that_cannot_be_used(follower: Follower, file: Path) -> None:
    save(file, [entry(1), {"loss": 2.0}, 7, entry(2, float("nan"))])  # type: ignore[list-item]
    follower.read()
    assert follower.steps == [1, 2]
    assert [f"{one.where} {one.reason}" for one in follower.bad] == [
        "entry 2 of log_history has no step",
        "entry 3 of log_history is no JSON object",
    ]


@pytest.mark.parametrize(
    "text", ["", "{", '{"log_history": [', '{"log_history": [{"step": 1,', "{}"]
)
def test_nothing_to_read_yet(follower: Follower, file: Path, text: str) -> None:
    file.write_text(text)
    assert follower.read() == []


def test_by_its_content(tmp_path: Path) -> None:
    save(tmp_path / "state.json", [entry(1)])
    assert whole(tmp_path, LogFile("state.json")).steps == [1]
    assert whole(tmp_path, LogFile("state.json", LogFormat.TRAINER_STATE)).steps == [1]
