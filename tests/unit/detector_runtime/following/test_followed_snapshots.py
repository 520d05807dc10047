"""A run that is followed leaves snapshots on its claim, once each, with its checkpoints."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from anomaly_cli.__main__ import main
from detector_runtime.contract.training_run import SnapshotPlan
from pretend.followed_run import START, STEP, FollowedRun
from pretend.snapshots import PLAN, checkpoint
from pretend.training_run import noisy

ROWS = 120
BAD = 110


@pytest.fixture
def followed(tmp_path: Path) -> FollowedRun:
    """Ten rows a minute, of which one is far off, and two checkpoints before it."""
    found = FollowedRun(tmp_path, snapshots=PLAN)
    for at, loss in enumerate(noisy(ROWS)):
        moment = START + 6 * at
        value = 9.0 if at == BAD else loss
        found.log.write(moment, step=at, time=moment, loss=value, learning_rate=1e-3)
    for step in (50, 100):
        folder = checkpoint(tmp_path / "run", step)
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (START, START))
    return found


def test_a_trigger_leaves_a_snapshot_once(
    followed: FollowedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    end = START + 6 * ROWS
    followed.run(end)
    report = followed.report
    assert report.snapshots == 1
    claim = followed.folder / "run"
    metadata = json.loads((claim / report.snapshot / "metadata.json").read_text())
    assert (metadata["step"], metadata["tier"]) == (BAD, "Critical")
    assert metadata["loss_history"][-1] == 9.0
    assert metadata["checkpoint"]["step"] == 100
    weights = claim / report.snapshot / "model/model.bin"
    assert weights.samefile(claim / "checkpoints/checkpoint-100/model.bin")
    before = weights.stat().st_ino
    # Its state is lost: the log is read again, and nothing is taken twice.
    followed.state_file.unlink()
    followed.run(end + STEP)
    assert followed.report.snapshots == 1
    assert weights.stat().st_ino == before
    assert len(list((claim / "snapshots").iterdir())) == 1
    assert main(["run", "timeline", str(claim / "snapshots")]) == 0
    assert f"\n{BAD} " in capsys.readouterr().out


def test_a_claim_that_cannot_hold_snapshots_is_a_note(followed: FollowedRun) -> None:
    (followed.folder / "run/snapshots").write_text("a file in the way")
    followed.run(START + 6 * ROWS)
    assert followed.report.snapshots == 0
    assert any("No snapshot in snapshots: not a directory" in one for one in followed.report.notes)
    assert followed.found()


def test_without_snapshots_none_is_taken(tmp_path: Path) -> None:
    found = FollowedRun(tmp_path, snapshots=SnapshotPlan(enabled=False))
    for at, loss in enumerate([*noisy(100), 9.0]):
        found.log.write(START + 6 * at, step=at, time=START + 6 * at, loss=loss)
    found.run(START + 6 * 110)
    assert found.found()
    assert not (tmp_path / "run/snapshots").exists()
