"""What is kept between two runs: exact, bounded, and refused where it is not what was written."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest

from detector_runtime.contract.training_run import LogFile, TrainingRunSpec
from detector_runtime.errors import StorageFullError
from detector_runtime.following import memory, state_file
from detector_runtime.following.advance import Span, advance
from detector_runtime.following.followed import Followed, Judging
from detector_runtime.following.progress import Patience
from detector_runtime.training_run.rows import row_of
from detector_runtime.training_run.thresholds import STANDARD
from pretend.followed_run import START, STEP, follow_config

SPEC = TrainingRunSpec(log=LogFile("train.jsonl"))
CONFIG = follow_config(SPEC)
OWNER = memory.belonging(CONFIG, SPEC)


def followed(rows: int, **more: object) -> Followed:
    """A run after so many rows of which every fifth is bad news."""
    found = Followed()
    raw = [
        {"step": at, "time": START + at, "loss": 9.0 + at if at % 5 == 0 else 2.0, **more}
        for at in range(rows)
    ]
    judging = Judging(STEP, STANDARD, Patience())
    end = START + rows // STEP * STEP + STEP
    advance(found, map(row_of, raw), Span(end, end), judging, lambda: True)
    return found


def test_a_state_is_what_it_was():
    found = followed(700, accuracy=0.5, learning_rate=1e-4, prompt="a", golden_answer="b",
                     model_answer="c")  # fmt: skip
    found.recent.losses.append(float("nan"))
    data = memory.dump(memory.Kept(found, {"offset": 12}), OWNER)
    again = memory.load(data, OWNER)
    assert again.position == {"offset": 12}
    assert memory.dump(again, OWNER) == data


def test_a_state_with_full_windows_and_the_longest_texts_fits():
    metrics = {f"{at:02}" + 98 * "m": 1.0 + at for at in range(30)}
    texts = dict.fromkeys(("prompt", "golden_answer", "model_answer"), 500 * "\U0001f600")
    data = memory.dump(memory.Kept(followed(1500, **metrics, **texts), {}), OWNER)
    assert 150 * 1024 < len(data) <= memory.MAX_BYTES


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-1], "not JSON"),
        (lambda data: b"[]", "version"),
        (lambda data: data.replace(b'"version":1', b'"version":2', 1), "version|checksum"),
        (lambda data: data.replace(b'"counts":[10,0]', b'"counts":[11,0]'), "checksum"),
        (lambda data: b"\0" * 100, "not JSON"),
    ],
)
def test_a_damaged_state_is_refused(damage, said):
    data = memory.dump(memory.Kept(followed(10), {}), OWNER)
    assert damage(data) != data
    with pytest.raises(memory.StateRefusedError, match=said):
        memory.load(damage(data), OWNER)


def test_a_state_belongs_to_its_log_and_its_thresholds():
    data = memory.dump(memory.Kept(followed(10), {}), OWNER)
    other = replace(SPEC, log=LogFile("other.jsonl"))
    with pytest.raises(memory.OtherLogError):
        memory.load(data, memory.belonging(CONFIG, other))
    stricter = replace(SPEC, thresholds=(("zScore", 4.0),))
    with pytest.raises(memory.StateRefusedError, match="thresholds"):
        memory.load(data, memory.belonging(CONFIG, stricter))
    longer = replace(SPEC, total_steps=9, stall_seconds=9, stall_factor=9.0)
    assert memory.load(data, memory.belonging(CONFIG, longer)).followed.rows == 10


def test_a_state_file_is_whole_or_the_one_before(tmp_path):
    first = state_file.prepare(tmp_path / "state", b"one", START)
    assert state_file.read(tmp_path / "state") is None
    first.commit()
    second = state_file.prepare(tmp_path / "state", b"two", START)
    assert state_file.read(tmp_path / "state") == b"one"
    second.discard()
    assert [one.name for one in (tmp_path / "state").iterdir()] == ["follow.json"]


def test_what_a_killed_run_left_aside_is_removed_and_another_runs_is_not(tmp_path):
    old = state_file.prepare(tmp_path, b"old", START)
    young = state_file.prepare(tmp_path, b"young", START)
    os.utime(old.aside, (START, START))
    os.utime(young.aside, (START + 3000, START + 3000))
    state_file.prepare(tmp_path, b"new", START + 3700).commit()
    assert not old.aside.exists()
    assert young.aside.exists()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "large"])
def test_what_is_no_state_file_of_ours_is_none(tmp_path, kind):
    path, elsewhere = tmp_path / "follow.json", tmp_path / "elsewhere"
    if kind == "link":
        elsewhere.write_text("{}")
        path.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b" " * (memory.MAX_BYTES + 1))
    assert state_file.read(tmp_path) is None


def test_a_full_volume_leaves_the_state_as_it_was(tmp_path, monkeypatch):
    state_file.prepare(tmp_path, b"one", START).commit()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="enlarge the claim"):
        state_file.prepare(tmp_path, b"two", START)
    assert state_file.read(tmp_path) == b"one"
    assert [one.name for one in tmp_path.iterdir()] == ["follow.json"]
