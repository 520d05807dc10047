"""The nearest checkpoint below a step, as trainers leave them on a claim."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detector_runtime.contract.training_run import Checkpoint, SnapshotPlan
from detector_runtime.following.checkpoints import checkpoint_below

NOW = 1_700_000_000.0
FOLDERS = SnapshotPlan(checkpoints="checkpoints/checkpoint-{step}")


def file(path: Path, age: float = 3600, text: str = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    for one in (path, *path.parents[:2]):
        os.utime(one, (NOW - age, NOW - age))
    return path


def folder_of(root: Path, step: int, age: float = 3600) -> Path:
    return file(root / f"checkpoints/checkpoint-{step}/model.bin", age).parent


def test_the_largest_step_below_is_taken(tmp_path: Path) -> None:
    for step in (500, 1000, 9, 1500):
        folder_of(tmp_path, step)
    found = checkpoint_below(FOLDERS, tmp_path, 1500, NOW)
    assert found == Checkpoint(1000, "checkpoints/checkpoint-1000")
    assert checkpoint_below(FOLDERS, tmp_path, 9, NOW) is None


def test_one_that_is_still_written_is_passed_over(tmp_path: Path) -> None:
    folder_of(tmp_path, 500)
    folder_of(tmp_path, 1000, age=5)
    file(folder_of(tmp_path, 900) / "optimizer.pt.tmp")
    file(folder_of(tmp_path, 800) / "model.bin", text="")
    (tmp_path / "checkpoints/tmp-checkpoint-950").mkdir()
    found = checkpoint_below(FOLDERS, tmp_path, 2000, NOW)
    assert found == Checkpoint(500, "checkpoints/checkpoint-500")


def test_a_checkpoint_settles(tmp_path: Path) -> None:
    folder_of(tmp_path, 1000, age=5)
    assert checkpoint_below(FOLDERS, tmp_path, 2000, NOW) is None
    assert checkpoint_below(FOLDERS, tmp_path, 2000, NOW + 60) is not None


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("step_{step}.pt", "step_00500.pt"),
        ("runs/{step}/model.safetensors", "runs/500/model.safetensors"),
        ("./ckpt/epoch-{step}/step-{step}.bin", "ckpt/epoch-500/step-500.bin"),
        ("a+b/({step})-{step}", "a+b/(500)-500"),
    ],
)
def test_templates(tmp_path: Path, template: str, path: str) -> None:
    file(tmp_path / path)
    found = checkpoint_below(SnapshotPlan(checkpoints=template), tmp_path, 501, NOW)
    assert found == Checkpoint(500, path)


@pytest.mark.parametrize(
    "template", ["", "checkpoints/last", "missing/{step}", "{step}/../../{step}"]
)
def test_no_checkpoints_are_none(tmp_path: Path, template: str) -> None:
    folder_of(tmp_path, 500)
    assert checkpoint_below(SnapshotPlan(checkpoints=template), tmp_path, 501, NOW) is None


def test_a_link_inside_the_claim_is_followed_and_one_out_of_it_is_not(tmp_path: Path) -> None:
    claim, outside = tmp_path / "claim", tmp_path / "outside"
    folder_of(outside, 500)
    folder_of(claim / "runs", 300)
    (claim / "checkpoints").symlink_to(claim / "runs/checkpoints")
    assert checkpoint_below(FOLDERS, claim, 1000, NOW) == Checkpoint(
        300, "checkpoints/checkpoint-300"
    )
    (claim / "runs/checkpoints/checkpoint-500").symlink_to(outside / "checkpoints/checkpoint-500")
    assert checkpoint_below(FOLDERS, claim, 1000, NOW) == Checkpoint(
        300, "checkpoints/checkpoint-300"
    )
    (claim / "checkpoints").unlink()
    (claim / "checkpoints").symlink_to(outside / "checkpoints")
    assert checkpoint_below(FOLDERS, claim, 1000, NOW) is None


def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    folder_of(tmp_path, 300)
    os.mkfifo(tmp_path / "checkpoints/checkpoint-500")
    assert checkpoint_below(FOLDERS, tmp_path, 1000, NOW) == Checkpoint(
        300, "checkpoints/checkpoint-300"
    )
