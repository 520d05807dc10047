"""TensorBoard event files: those of other writers, folders of them, and what a crash leaves."""

from __future__ import annotations

import struct
from math import isnan, nan
from pathlib import Path

import pytest

from detector_runtime.contract.training_run import LogFile, LogFormat
from detector_runtime.errors import ConfigInvalidError
from pretend.event_file import append, event, opening, part, record, scalars, simple, tensor
from pretend.followed_log import Follower, whole

FIRST = "events.out.tfevents.1700000000.host.1.0"
SECOND = "events.out.tfevents.1700000900.host.2.0"
# Four records of SummaryWriter(...) of tensorboardX 2.6.5: the version, and three add_scalar of
# step 0: Loss/train 2, lr 0.0003, eval/x NaN.
TENSORBOARDX = """
1800000000000000a37f4b220949c7d645f2c1da411a0d627261696e2e4576656e743a327529f9fd
1e00000000000000d9dc12320900002040fc54d9412a130a110a0a4c6f73732f747261696e1500000040dea1471d
16000000000000004f61be280900003040fc54d9412a0b0a090a026c721552499d39ba0f30bc
1a00000000000000129bd82d0900004040fc54d9412a0f0a0d0a066576616c2f78150000c07f26d467d1
"""
# Of EventFileWriter of tensorboard 2.21.0, which PyTorch's SummaryWriter writes with: a scalar as
# a tensor with float_val and one with tensor_content at step 0, and one at step 1.
TENSORBOARD = """
4800000000000000fe92489d0945af1a49f2c1da411a0d627261696e2e4576656e743a32522e0a2c74656e736f72626f6172642e73756d6d6172792e7772697465722e6576656e745f66696c655f77726974657221873b6a
2c00000000000000f4aecc450900002040fc54d9412a210a1f0a046c6f7373420a080112002a04000000404a0b0a090a077363616c6172738b70bdd1
290000000000000037ff5f000900003040fc54d9412a1e0a1c0a0e747261696e2f6163637572616379420a0801120022040000003fc1576da8
2e00000000000000c5cb57fa0900006040fc54d94110012a210a1f0a046c6f7373420a080112002a040000e03f4a0b0a090a077363616c617273012c908f
"""


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path, LogFile("."))


def test_what_tensorboardx_writes(tmp_path: Path) -> None:
    (tmp_path / FIRST).write_bytes(bytes.fromhex(TENSORBOARDX))
    [row] = whole(tmp_path, LogFile(".")).rows
    assert (row.step, row.loss, row.time) == (0, 2.0, 1700000000.5)
    assert row.learning_rate == pytest.approx(0.0003)
    assert list(row.metrics) == ["eval/x"]
    assert isnan(row.metrics["eval/x"])


def test_what_tensorboard_writes(tmp_path: Path) -> None:
    (tmp_path / FIRST).write_bytes(bytes.fromhex(TENSORBOARD))
    first, second = whole(tmp_path, LogFile(".")).rows
    assert (first.step, first.loss, first.accuracy) == (0, 2.0, 0.5)
    assert (second.step, second.loss, second.accuracy) == (1, 1.75, None)


def test_scalars_of_one_step_are_one_row(follower: Follower, tmp_path: Path) -> None:
    append(tmp_path / FIRST, opening())
    for step in range(3):
        append(tmp_path / FIRST, scalars(step, 1000.0 + step, {"train/loss": 2, "x": step}))
    rows = follower.read()
    assert [(row.step, row.loss, dict(row.metrics)) for row in rows] == [
        (0, 2.0, {"x": 0.0}), (1, 2.0, {"x": 1.0}), (2, 2.0, {"x": 2.0}),
    ]  # fmt: skip
    assert follower.read() == []


@pytest.mark.parametrize(
    ("tag", "field"),
    [
        ("loss", "loss"), ("Loss/train", "loss"), ("train/loss", "loss"), ("train_loss", "loss"),
        ("epoch_loss", "loss"), ("train_loss_step", "loss"), ("lr", "learning_rate"),
        ("train/learning_rate", "learning_rate"), ("lr-AdamW", "learning_rate"),
        ("Accuracy/train", "accuracy"), ("train_acc", "accuracy"),
    ],
)  # fmt: skip
def test_tags_that_are_fields(follower: Follower, tmp_path: Path, tag: str, field: str) -> None:
    append(tmp_path / FIRST, scalars(7, 1000.0, {tag: 0.5}))
    [row] = follower.read()
    assert getattr(row, field) == 0.5
    assert row.metrics == {}


@pytest.mark.parametrize("tag", ["Loss/test", "eval/loss", "val_loss", "loss_scale_x", "step"])
def test_tags_that_are_none(follower: Follower, tmp_path: Path, tag: str) -> None:
    append(tmp_path / FIRST, scalars(7, 1000.0, {tag: 0.5}))
    [row] = follower.read()
    assert (row.step, row.loss) == (7, None)


def test_tags_that_the_service_names(tmp_path: Path) -> None:
    append(tmp_path / FIRST, scalars(1, 1000.0, {"loss": 9, "lm": 2, "tokens": 3, "resume": 4}))
    log = LogFile(".", columns=(("loss", "lm"),), ignore=("tokens", "loss"))
    [row] = whole(tmp_path, log).rows
    assert (row.loss, row.metrics) == (2.0, {})


def test_the_tag_that_was_chosen_stays(follower: Follower, tmp_path: Path) -> None:
    append(tmp_path / FIRST, scalars(1, 1000.0, {"train/loss": 1}))
    append(tmp_path / FIRST, scalars(2, 1001.0, {"loss": 9, "train/loss": 2}))
    follower.read()
    append(tmp_path / FIRST, scalars(3, 1002.0, {"loss": 9, "train/loss": 3}))
    follower.read()
    assert [row.loss for row in follower.rows] == [1.0, 2.0, 3.0]


def test_the_last_step_waits_for_the_rest_of_its_scalars(
    follower: Follower, tmp_path: Path
) -> None:
    append(tmp_path / FIRST, scalars(1, 1000.0, {"loss": 1, "lr": 2}))
    append(tmp_path / FIRST, scalars(2, 1010.0, {"loss": 1}))
    follower.read(until=1060.0)
    assert follower.steps == [1]
    append(tmp_path / FIRST, scalars(2, 1010.0, {"lr": 3}))
    follower.read(until=1120.0)
    assert [row.learning_rate for row in follower.rows] == [2.0, 3.0]


def test_the_last_step_waits_no_longer_than_a_writer_does(
    follower: Follower, tmp_path: Path
) -> None:
    append(tmp_path / FIRST, scalars(1, 1000.0, {"loss": 1}))
    assert follower.read(until=1100.0) == []
    assert len(follower.read(until=1200.0)) == 1


def test_steps_that_are_not_due_wait(follower: Follower, tmp_path: Path) -> None:
    for step in range(5):
        append(tmp_path / FIRST, scalars(step, 1000.0 + step, {"loss": 1}))
    follower.read(until=1002.0)
    assert follower.steps == [0, 1]
    follower.read()
    assert follower.steps == [0, 1, 2, 3, 4]


def test_a_record_that_is_not_finished_waits(follower: Follower, tmp_path: Path) -> None:
    data = b"".join(scalars(step, 1000.0, {"loss": step}) for step in range(20))
    for at in range(0, len(data), 7):
        append(tmp_path / FIRST, data[at : at + 7])
        follower.read(until=1001.0)
    follower.read()
    assert [row.loss for row in follower.rows] == [float(step) for step in range(20)]
    assert follower.bad == []


def test_a_restart_writes_another_file(follower: Follower, tmp_path: Path) -> None:
    append(tmp_path / FIRST, scalars(1, 1000.0, {"loss": 1}) + scalars(2, 1001.0, {"x": 1}))
    append(tmp_path / FIRST, scalars(3, 1002.0, {"loss": 1})[:-9])  # killed
    follower.read(until=1003.0)
    append(tmp_path / SECOND, scalars(2, 1900.0, {"loss": 1}))
    follower.read()
    assert follower.steps == [1, 2, 2]
    assert follower.read() == []


def test_positions_of_old_files_are_forgotten(follower: Follower, tmp_path: Path) -> None:
    for n in range(12):
        append(tmp_path / f"tfevents.{n:03}", scalars(n, 1000.0 + n, {"loss": 1}))
    follower.read()
    assert follower.steps == list(range(12))
    assert len(follower.position["files"]) == 8
    assert follower.read() == []


def test_a_record_with_a_wrong_checksum_is_a_bad_line(follower: Follower, tmp_path: Path) -> None:
    damaged = bytearray(scalars(2, 1001.0, {"loss": 1}))
    damaged[-6] ^= 1
    append(tmp_path / FIRST, scalars(1, 1000.0, {"loss": 1}) + damaged)
    append(tmp_path / FIRST, record(b"\x07") + scalars(3, 1002.0, {"loss": 1}))
    follower.read()
    assert follower.steps == [1, 3]
    assert [one.reason for one in follower.bad] == [
        "has a wrong checksum", "has a field of the unknown type 7",
    ]  # fmt: skip


def test_a_damaged_file_is_told_once(follower: Follower, tmp_path: Path) -> None:
    append(tmp_path / FIRST, scalars(1, 1000.0, {"loss": 1}) + b"\0" * 100)
    follower.read()
    append(tmp_path / FIRST, b"\0" * 100)
    follower.read()
    append(tmp_path / SECOND, scalars(2, 1002.0, {"loss": 1}))
    follower.read()
    assert follower.steps == [1, 2]
    assert len(follower.bad) == 1
    assert "its rest is not read" in follower.bad[0].reason


def test_tensors_of_one_number(follower: Follower, tmp_path: Path) -> None:
    values = (
        tensor("double", 2, 6, struct.pack("<d", 2.5)),
        tensor("int", 9, 4, struct.pack("<q", -7)),
        tensor("half", 19, 4, struct.pack("<e", 0.5)),
        tensor("two", 1, 4, struct.pack("<ff", 1, 2)),
        tensor("text", 7, 8, b"hello"),
        tensor("none", 1, 4, b""),
        simple("nan", nan),
    )
    append(tmp_path / FIRST, event(1, 1000.0, *values))
    append(tmp_path / FIRST, record(part(5, part(1, b"\x00" * (1 << 17)))))  # an image
    [row] = follower.read()
    found = dict(row.metrics)
    assert isnan(found.pop("nan"))
    assert found == {"double": 2.5, "int": -7.0, "half": 0.5}


def test_one_file_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    for name in (FIRST, "log"):
        append(tmp_path / name, opening() + scalars(1, 1000.0, {"loss": 1}))
        assert whole(tmp_path, LogFile(name)).steps == [1]


def test_a_folder_without_any(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    assert whole(tmp_path, LogFile("logs")).rows == []
    (tmp_path / "logs" / "train").mkdir()
    assert whole(tmp_path, LogFile("logs", LogFormat.TENSORBOARD)).rows == []
    with pytest.raises(ConfigInvalidError, match="folder without TensorBoard event files"):
        whole(tmp_path, LogFile("logs"))
