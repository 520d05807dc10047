"""The tiny training: real gradients, deterministic, and each fault of it is found in its log."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaly_cli.__main__ import main as cli
from anomaly_sandbox.demo_training import breakage, checkpoints
from anomaly_sandbox.demo_training.breakage import GLITCH_FACTOR, Breakage
from anomaly_sandbox.demo_training.network import Network, losses
from anomaly_sandbox.demo_training.sums import make_sums, text
from anomaly_sandbox.demo_training.trainer import (
    BREAKAGE,
    CHECKPOINTS,
    INTERRUPTED,
    LOG,
    Plan,
    train,
)
from anomaly_sandbox.demo_training.training import PEAK_RATE, WARM_UP_STEPS, learning_rate

STEPS = 1800
AT = 1500
BEGAN = 1_700_000_000.0


def clock() -> Callable[[], float]:
    """A tenth of a second passes between two looks at it."""
    looks = iter(range(10**9))
    return lambda: BEGAN + next(looks) / 10


def run(folder: Path, **changes: Any) -> int:
    return train(Plan(folder, **{"total": STEPS, **changes}), clock(), lambda _: None)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and triggers above Normal of `kubectl-anomaly run replay`."""
    capsys.readouterr()
    code = cli(["run", "replay", str(folder / LOG), "-o", "json"])
    found = json.loads(capsys.readouterr().out)["triggers"]
    return code, [one for one in found if one["tier"] in {"Warning", "Critical"}]


@pytest.mark.parametrize("seed", [1, 7])
def test_a_quiet_run_learns_and_raises_nothing(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, seed=seed) == 0
    assert replayed(tmp_path, capsys) == (0, [])
    logged = [row for row in rows(tmp_path) if "accuracy" in row]
    assert logged[0]["accuracy"] < 0.1
    assert logged[-1]["accuracy"] > 0.75
    assert logged[-1]["loss"] < logged[0]["loss"] / 5


@pytest.mark.parametrize("seed", [1, 7])
def test_a_glitch_of_the_learning_rate_is_found_at_its_row(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, seed=seed, breakage=Breakage(rate_glitch=AT))
    code, alerts = replayed(tmp_path, capsys)
    assert code == 1
    first = [one for one in alerts if one["step"] == AT + 10]
    assert [one["name"].partition("_zscore_")[0] for one in first] == ["lr", "MULTIPLE_TRIGGERS"]
    assert {one["tier"] for one in first} == {"Critical"}
    assert first[-1]["action"] == "RollBack"
    assert alerts[0] == first[0]


@pytest.mark.parametrize("seed", [1, 7])
def test_a_bug_of_the_labels_is_found_at_its_row(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, seed=seed, breakage=Breakage(label_bug=AT))
    code, alerts = replayed(tmp_path, capsys)
    assert code == 1
    names = [one["name"] for one in alerts if one["step"] == AT + 10]
    assert any(name.startswith("loss_spike_") for name in names), names
    assert names[-1] == "MULTIPLE_TRIGGERS"
    assert min(one["step"] for one in alerts) == AT + 10


def test_a_resume_goes_back_to_the_checkpoint_and_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    assert run(broken, resume_at=1250) == INTERRUPTED
    assert rows(broken)[-1]["step"] == 1250
    assert run(broken, resume_at=1250) == 0
    code, alerts = replayed(broken, capsys)
    assert (code, alerts) == (0, [])
    # It goes the way of a run that was never interrupted.
    run(whole)
    before = len([None for row in rows(whole) if row["step"] <= 1250])
    again = rows(broken)[before:]
    assert again[0]["step"] == 1210
    assert [_timeless(row) for row in again] == [
        _timeless(row) for row in rows(whole) if row["step"] > 1200
    ]


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "time": ""}


def test_the_log_has_the_fields_that_trainers_write(tmp_path: Path) -> None:
    run(tmp_path, total=600)
    logged = rows(tmp_path)
    assert [row["step"] for row in logged if "accuracy" in row] == list(range(10, 601, 10))
    training = {"step", "time", "loss", "learning_rate", "accuracy"}
    example = {"step", "time", "prompt", "golden_answer", "model_answer", "matches", "loss"}
    assert {frozenset(row) for row in logged} == {frozenset(training), frozenset(example)}
    for row in logged:
        if "prompt" in row:
            assert row["matches"] == (row["golden_answer"] == row["model_answer"])


def test_a_checkpoint_is_written_every_100_steps(tmp_path: Path) -> None:
    run(tmp_path, total=400)
    names = sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir())
    assert names == [f"checkpoint-{step}.npz" for step in (100, 200, 300, 400)]
    found = checkpoints.newest(tmp_path / CHECKPOINTS)
    assert found is not None
    assert found[0] == 400


def test_a_running_training_can_be_broken_by_a_file(tmp_path: Path) -> None:
    breakage.write(tmp_path / BREAKAGE, Breakage(rate_glitch=300))
    run(tmp_path, total=400)
    rates = {row["step"]: row["learning_rate"] for row in rows(tmp_path) if "accuracy" in row}
    assert rates[300] == pytest.approx(learning_rate(300, 400), abs=1e-8)
    assert rates[310] == pytest.approx(GLITCH_FACTOR * learning_rate(310, 400), abs=1e-6)
    assert rates[320] == pytest.approx(learning_rate(320, 400), abs=1e-8)


def test_the_pace_is_kept_by_waiting_for_what_is_left(tmp_path: Path) -> None:
    waits: list[float] = []
    train(Plan(tmp_path, total=4, steps_per_second=2), lambda: BEGAN, waits.append)
    assert waits == [0.5, 1.0, 1.5, 2.0]


def test_the_rate_warms_up_and_falls_as_a_cosine() -> None:
    assert learning_rate(1, STEPS) == pytest.approx(PEAK_RATE / WARM_UP_STEPS)
    assert learning_rate(WARM_UP_STEPS, STEPS) == PEAK_RATE
    middle = (WARM_UP_STEPS + STEPS) // 2
    assert learning_rate(middle, STEPS) == pytest.approx(0.55 * PEAK_RATE)
    assert learning_rate(STEPS, STEPS) == pytest.approx(PEAK_RATE / 10)


def test_a_step_goes_down_the_gradient_of_the_loss() -> None:
    sums, network = make_sums(3), Network.fresh(3)
    batch = sums.train[:16]
    inputs, golden = sums.inputs[batch], sums.golden[batch]

    def loss() -> float:
        return float(losses(network.log_probabilities(inputs), golden).mean())

    slopes = {}
    for name in network.weights:
        flat = network.weights[name].reshape(-1)
        at, small = int(np.argmax(np.abs(flat))), 1e-6
        flat[at] += small
        above = loss()
        flat[at] -= 2 * small
        slopes[name] = (at, (above - loss()) / (2 * small))
        flat[at] += small
    network.descend(inputs, golden, rate=0.0)
    for name, (at, slope) in slopes.items():
        assert network.velocities[name].reshape(-1)[at] == pytest.approx(slope, abs=1e-7)


def test_the_sums_are_right_but_for_some_golden_answers() -> None:
    sums = make_sums(5)
    first, second = sums.addends[10]
    assert sums.prompt(10) == f"{first} + {second} ="
    assert text(sums.correct[10]) == str(first + second)
    wrong = (sums.golden != sums.correct).any(axis=1).mean()
    assert 0.05 < wrong < 0.1
    assert not set(sums.train) & set(sums.held_out)
    assert (sums.shuffled != sums.golden).any(axis=1).mean() > 0.9
