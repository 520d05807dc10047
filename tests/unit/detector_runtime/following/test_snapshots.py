"""Snapshots of a training run: what they hold, and what disks and trainers do to them."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector_runtime.contract.training_run import Checkpoint, RunTrigger, SnapshotPlan
from detector_runtime.following import snapshot_model, snapshots
from detector_runtime.following.snapshots import How, take
from pretend.snapshots import EXTREME, NOW, PLAN, SPIKE, captured, checkpoint

COPYING = SnapshotPlan(checkpoints=PLAN.checkpoints, copy=True)


def metadata(claim: Path, path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((claim / path / "metadata.json").read_text())
    return document


def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system of another owner, or between two file systems."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A disk that has room for `after` more writes."""
    real = os.write
    left = after

    def write(file: int, data: bytes) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    monkeypatch.setattr(os, "write", write)


def test_a_snapshot_holds_what_people_look_for(tmp_path: Path) -> None:
    checkpoint(tmp_path, 14000)
    taken = take(PLAN, tmp_path, captured(), NOW)
    assert taken.path == "snapshots/anomaly_20231114_221220_loss_spike_87.3pct"
    assert (taken.new, taken.count, taken.notes) == (True, 1, ())
    document = metadata(tmp_path, taken.path)
    assert document["triggers"] == ["loss_spike_87.3pct"]
    assert document["findings"][0]["tier"] == "Warning"
    assert document["z_scores"] == {"loss": 12.45, "lr": -3.21, "grad_norm": "Infinity"}
    assert document["recent_examples"][0] == {
        "prompt": "What is 2+2?",
        "golden_answer": "4",
        "model_answer": "4",
        "matches": True,
        "loss": 2.34,
    }
    assert document["recent_examples"][2]["loss"] is None
    assert document["loss_history"] == [0.72, 0.71, "NaN", 1.15]
    assert document["accuracy_history"] == [81.0, 80.5]
    assert document["lr_history"] == [0.0002, 0.00019]
    assert (document["best_loss"], document["best_loss_step"]) == (0.6234, 12000)
    assert (document["step"], document["timestamp"]) == (15000, "2023-11-14T22:12:20Z")
    assert document["monitor_config"] == {"mode": "Standard", "zScore": 3.0}
    assert document["checkpoint"]["step"] == 14000
    assert document["checkpoint"]["path"] == "checkpoints/checkpoint-14000"
    assert document["checkpoint"]["how"] == "linked"


def test_a_script_for_other_monitors_reads_it(tmp_path: Path) -> None:
    meta = metadata(tmp_path, take(PLAN, tmp_path, captured(), NOW).path)
    known = [one for one in meta["recent_examples"] if one["loss"] is not None]
    right = [one["loss"] for one in known if one["matches"]]
    wrong = [one["loss"] for one in known if not one["matches"]]
    assert (sum(right) / len(right), sum(wrong) / len(wrong)) == (2.34, 0.12)


def test_several_triggers_share_one_snapshot(tmp_path: Path) -> None:
    both = take(PLAN, tmp_path, captured(triggers=(SPIKE, EXTREME)), NOW)
    assert both.path.endswith("_loss_zscore_12.45")
    many = RunTrigger(15500, "MULTIPLE_TRIGGERS", "Critical", "RollBack")
    taken = take(PLAN, tmp_path, captured(15500, (EXTREME, SPIKE, many)), NOW)
    assert taken.path.endswith("_MULTIPLE_TRIGGERS")
    assert metadata(tmp_path, taken.path)["triggers"][0] == "loss_zscore_12.45"


def test_a_checkpoint_is_linked(tmp_path: Path) -> None:
    original = checkpoint(tmp_path, 14000)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert (taken.how, taken.checkpoint) == (
        How.LINKED,
        Checkpoint(14000, "checkpoints/checkpoint-14000"),
    )
    model = tmp_path / taken.path / "model"
    for name in ("model.bin", "optimizer/state.bin"):
        assert (model / name).samefile(original / name)


def test_a_checkpoint_that_is_one_file_is_linked_too(tmp_path: Path) -> None:
    file = tmp_path / "step_100.pt"
    file.write_text("weights")
    os.utime(file, (NOW - 3600, NOW - 3600))
    taken = take(SnapshotPlan(checkpoints="step_{step}.pt"), tmp_path, captured(), NOW)
    assert (tmp_path / taken.path / "model/step_100.pt").samefile(file)


def test_a_checkpoint_that_cannot_be_linked_is_copied_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    original = checkpoint(tmp_path, 14000)
    real, lowered = os.setpriority, list[int]()
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def setpriority(which: int, who: int, priority: int) -> None:
        real(which, who, priority)
        lowered.append(os.getpriority(which, who))

    monkeypatch.setattr(os, "setpriority", setpriority)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert taken.how is How.COPIED
    assert lowered == [19], "the copying thread alone has stepped back"
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    copy = tmp_path / taken.path / "model/optimizer/state.bin"
    assert copy.read_text() == "weights"
    assert not copy.samefile(original / "optimizer/state.bin")


def test_without_leave_to_copy_it_is_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    checkpoint(tmp_path, 14000)
    taken = take(PLAN, tmp_path, captured(), NOW)
    assert (taken.how, taken.notes) == (How.REFERENCED, ())
    assert not (tmp_path / taken.path / "model").exists()
    assert metadata(tmp_path, taken.path)["checkpoint"]["how"] == "referenced"


def test_a_second_copy_of_one_checkpoint_takes_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(tmp_path, 14000)
    plan = SnapshotPlan(checkpoints=PLAN.checkpoints, copy=True, max_bytes=14)
    with monkeypatch.context() as once:
        no_links(once)
        first = take(plan, tmp_path, captured(), NOW)
    real, refused = os.link, iter([True])

    def link(*given: Any, **named: Any) -> None:
        if next(refused, False):  # the trainer's own file
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        real(*given, **named)

    monkeypatch.setattr(os, "link", link)
    second = take(plan, tmp_path, captured(15500), NOW)
    assert (first.how, second.how, second.count) == (How.COPIED, How.COPIED, 2)
    held = [tmp_path / one.path / "model/model.bin" for one in (first, second)]
    assert held[0].samefile(held[1])


def test_older_copies_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_links(monkeypatch)
    plan = SnapshotPlan(checkpoints=PLAN.checkpoints, copy=True, max_bytes=30)
    for step in (1000, 2000, 3000):
        checkpoint(tmp_path, step)
        taken = take(plan, tmp_path, captured(step + 1, at=NOW + step), NOW)
    assert taken.how is How.COPIED
    assert taken.count == 2
    left = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert [metadata(tmp_path, f"snapshots/{name}")["step"] for name in left] == [2001, 3001]


def test_a_copy_that_would_go_at_once_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    plan = SnapshotPlan(checkpoints=PLAN.checkpoints, copy=True, max_bytes=14)
    checkpoint(tmp_path, 1000)
    worst = take(plan, tmp_path, captured(1001, (EXTREME,), at=NOW - 30), NOW)
    take(SnapshotPlan(), tmp_path, captured(3001, at=NOW - 10), NOW)
    checkpoint(tmp_path, 2000)
    between = take(plan, tmp_path, captured(2001, at=NOW - 20), NOW)
    assert (worst.how, between.how, between.count) == (How.COPIED, How.REFERENCED, 3)
    assert "has no room" in between.notes[0]


def test_a_checkpoint_that_the_trainer_deletes_meanwhile_is_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = checkpoint(tmp_path, 14000)
    real = snapshots.checkpoint_below

    def below(*given: Any) -> Checkpoint | None:
        found = real(*given)
        shutil.rmtree(original)
        return found

    monkeypatch.setattr(snapshots, "checkpoint_below", below)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert (taken.new, taken.how, taken.notes) == (True, How.REFERENCED, ())


def test_the_checkpoint_of_an_old_trigger_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    checkpoint(tmp_path, 14000)
    taken = take(COPYING, tmp_path, captured(at=NOW - 7200), NOW)
    assert (taken.how, taken.notes) == (How.REFERENCED, ())


def test_a_checkpoint_larger_than_all_room_is_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    checkpoint(tmp_path, 14000)
    plan = SnapshotPlan(checkpoints=PLAN.checkpoints, copy=True, max_bytes=13)
    taken = take(plan, tmp_path, captured(), NOW)
    assert taken.how is How.REFERENCED
    assert "snapshots.maxSize has no room" in taken.notes[0]


def test_a_copy_ends_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_links(monkeypatch)
    checkpoint(tmp_path, 14000)
    monkeypatch.setattr(snapshot_model, "SECONDS", -1.0)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert taken.how is How.REFERENCED
    assert taken.notes == ("A checkpoint was not copied: it took too long.",)
    assert not (tmp_path / taken.path / "model").exists()


def test_a_checkpoint_that_changes_under_the_copy_is_only_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    original = checkpoint(tmp_path, 14000)
    real = os.read

    def read(file: int, count: int) -> bytes:
        found = real(file, count)
        if found == b"weights":
            with (original / "model.bin").open("a") as more:
                more.write("!")
        return found

    monkeypatch.setattr(os, "read", read)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert taken.how is How.REFERENCED
    assert taken.notes == ("A checkpoint was not copied: it changed while it was copied.",)


def test_the_same_trigger_of_the_same_step_is_not_taken_twice(tmp_path: Path) -> None:
    first = take(PLAN, tmp_path, captured(), NOW)
    again = take(PLAN, tmp_path, captured(at=NOW), NOW + 60)
    assert (again.path, again.new, again.count) == (first.path, False, 1)


def test_two_steps_of_one_second_have_a_snapshot_each(tmp_path: Path) -> None:
    take(PLAN, tmp_path, captured(15000), NOW)
    second = take(PLAN, tmp_path, captured(15001), NOW)
    assert second.path.endswith("_loss_spike_87.3pct_step15001")
    assert second.count == 2


def test_what_is_older_than_all_that_are_kept_is_not_taken(tmp_path: Path) -> None:
    plan = SnapshotPlan(keep=2)
    for step in (1, 2):
        take(plan, tmp_path, captured(step, at=NOW + step), NOW)
    late = take(plan, tmp_path, captured(3, at=NOW - 100), NOW)
    assert (late.path, late.count) == ("", 2)
    assert late.notes == ("Triggers older than all snapshots have none.",)


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    for name, age in ((".aside-old", 3600), (".aside-new", 5), (".gone-any", 5)):
        (folder / name / "model").mkdir(parents=True)
        os.utime(folder / name, (NOW - age, NOW - age))
    take(PLAN, tmp_path, captured(), NOW)
    assert {path.name for path in folder.iterdir() if path.name.startswith(".")} == {".aside-new"}


def test_what_others_have_put_there_is_neither_counted_nor_removed(tmp_path: Path) -> None:
    mine = tmp_path / "snapshots/anomaly_20200101_mine"
    mine.mkdir(parents=True)
    (mine / "metadata.json").write_text('{"step": 1, "triggers": ["loss_spike_50.0pct"]}')
    for step in (1, 2, 3):
        taken = take(SnapshotPlan(keep=1), tmp_path, captured(step, at=NOW + step), NOW)
    assert (mine.exists(), taken.count) == (True, 1)


@pytest.mark.parametrize("name", ["../../escape", "a/b c\n", "x" * 300, ".."])
def test_names_of_triggers_are_made_safe(tmp_path: Path, name: str) -> None:
    claim = tmp_path / "claim"
    claim.mkdir()
    trigger = RunTrigger(1, f"{name}_zscore_4.00", "Warning", "Investigate")
    taken = take(PLAN, claim, captured(1, (trigger,)), NOW)
    assert taken.new
    assert Path(taken.path).parent == Path("snapshots")
    assert [path.name for path in tmp_path.iterdir()] == ["claim"]


@pytest.mark.parametrize("path", ["../outside", "link", "link/deeper"])
def test_no_snapshot_leaves_the_claim(tmp_path: Path, path: str) -> None:
    claim, outside = tmp_path / "claim", tmp_path / "outside"
    claim.mkdir()
    outside.mkdir()
    (claim / "link").symlink_to(outside)
    taken = take(SnapshotPlan(path=path), claim, captured(), NOW)
    assert "leads out of the claim" in taken.notes[0]
    assert not list(outside.iterdir())


def test_links_in_a_checkpoint_are_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    secret = tmp_path / "token"
    secret.write_text("secret")
    claim = tmp_path / "claim"
    original = checkpoint(claim, 14000)
    (original / "stolen").symlink_to(secret)
    os.utime(original / "stolen", (NOW - 3600, NOW - 3600), follow_symlinks=False)
    os.utime(original, (NOW - 3600, NOW - 3600))
    taken = take(COPYING, claim, captured(), NOW)
    assert taken.how is How.COPIED
    assert not (claim / taken.path / "model/stolen").exists()
    assert metadata(claim, taken.path)["checkpoint"]["links_left_out"] == 1


def test_a_full_disk_gives_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(PLAN, tmp_path, captured(100), NOW)
    full(monkeypatch, 0)
    taken = take(PLAN, tmp_path, captured(), NOW)
    assert (taken.path, taken.count) == ("", 1)
    (note,) = taken.notes
    assert note.startswith("No snapshot in snapshots: no space left on device; make room on the")
    assert len(list((tmp_path / "snapshots").iterdir())) == 1


def test_a_disk_that_is_too_full_for_the_copy_takes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    checkpoint(tmp_path, 14000)
    real = os.write

    def write(file: int, data: bytes) -> int:
        if bytes(data) == b"weights":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    monkeypatch.setattr(os, "write", write)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert taken.how is How.REFERENCED
    assert taken.notes == ("A checkpoint was not copied: no space left on device.",)


def test_a_copy_that_leaves_no_room_for_the_metadata_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_links(monkeypatch)
    checkpoint(tmp_path, 14000)
    real = os.write

    def write(file: int, data: bytes) -> int:
        if b'"copied"' in bytes(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    monkeypatch.setattr(os, "write", write)
    taken = take(COPYING, tmp_path, captured(), NOW)
    assert (taken.new, taken.how) == (True, How.REFERENCED)
    assert taken.notes == ("A checkpoint was not copied: no space left on device.",)
    assert not (tmp_path / taken.path / "model").exists()
    assert metadata(tmp_path, taken.path)["checkpoint"]["how"] == "referenced"


def refused(number: int) -> Callable[..., None]:
    def mkdir(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return mkdir


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EROFS, "read-only file system; mount the claim read-write"),
        (errno.EACCES, "permission denied; let the group of the follow pod write"),
        (errno.EIO, "input/output error; check snapshots.path"),
    ],
)
def test_a_claim_that_cannot_be_written_gives_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    monkeypatch.setattr(os, "mkdir", refused(number))
    taken = take(PLAN, tmp_path, captured(), NOW)
    assert told in taken.notes[0]


def test_a_claim_that_is_gone_gives_a_note(tmp_path: Path) -> None:
    taken = take(PLAN, tmp_path / "none", captured(), NOW)
    assert "no such file or directory" in taken.notes[0]
