"""A log that grows, is rotated, cut and written anew between two readings."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from pathlib import Path

import pytest

from detector_runtime.contract.training_run import LogFile
from detector_runtime.run_log.open_log import open_log
from pretend.followed_log import Follower


def lines(*steps: int) -> str:
    return "".join(f'{{"step": {step}, "loss": {step}.5}}\n' for step in steps)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    return Follower(tmp_path, LogFile("log.jsonl"))


def append(log: Path, text: str | bytes) -> None:
    with log.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def test_a_log_that_does_not_exist_yet_has_no_rows(follower: Follower, log: Path) -> None:
    assert follower.read() == []
    append(log, "")
    assert follower.read() == []
    append(log, lines(1))
    follower.read()
    assert follower.steps == [1]


def test_only_what_is_new_is_read(follower: Follower, log: Path) -> None:
    append(log, lines(1, 2))
    follower.read()
    assert follower.read() == []
    append(log, lines(3))
    follower.read()
    assert follower.steps == [1, 2, 3]
    assert follower.notes == ()


def test_a_line_that_is_not_finished_waits(follower: Follower, log: Path) -> None:
    append(log, lines(1) + '{"step": 2, "lo')
    follower.read()
    assert follower.steps == [1]
    append(log, 'ss": 2.5}\n')
    follower.read()
    assert follower.steps == [1, 2]
    assert follower.bad == []


def test_a_reading_that_is_stopped_goes_on_behind_the_last_row(
    follower: Follower, log: Path
) -> None:
    append(log, lines(1, 2, 3))
    follower.read(most=2)
    follower.read()
    assert follower.steps == [1, 2, 3]


def test_rows_that_are_not_due_wait(follower: Follower, log: Path) -> None:
    append(log, "".join(f'{{"step": {n}, "time": {1000 + n}}}\n' for n in range(4)))
    follower.read(until=1002)
    assert follower.steps == [0, 1]
    follower.read(until=1003)
    assert follower.steps == [0, 1, 2]


def test_a_time_in_the_future_is_none(follower: Follower, log: Path) -> None:
    follower.now = 1000.0
    append(log, "".join(f'{{"step": {n}, "time": {1000 + n}}}\n' for n in (1061, 50)))
    follower.read(until=990.0)
    assert [(row.step, row.time) for row in follower.rows] == [(1061, None)]
    follower.read(until=1051.0)
    assert follower.rows[1].time == 1050.0
    [note] = follower.notes
    assert note.startswith("Times in log.jsonl lie in the future and are not used. Write them in")


@pytest.mark.parametrize("name", ["log.jsonl.1", "log.jsonl-20260101", "old"])
def test_a_renamed_log_is_read_to_its_end_first(
    follower: Follower, log: Path, tmp_path: Path, name: str
) -> None:
    append(log, lines(1, 2))
    follower.read()
    append(log, lines(3))
    log.rename(tmp_path / name)
    append(log, lines(4))
    follower.read()
    follower.read()
    assert follower.steps == [1, 2, 3, 4]
    assert follower.notes == (
        "log.jsonl was rotated once; the old file was read to its end first.",
    )


def test_a_log_that_was_rotated_several_times(
    follower: Follower, log: Path, tmp_path: Path
) -> None:
    append(log, lines(1))
    follower.read()
    append(log, lines(2))
    log.rename(tmp_path / "log.jsonl.3")
    append(tmp_path / "log.jsonl.2", lines(3))
    append(tmp_path / "log.jsonl.1", lines(4))
    append(log, lines(5))
    follower.read()
    assert follower.steps == [1, 2, 3, 4, 5]


def test_a_renamed_log_without_a_new_one_goes_on(
    follower: Follower, log: Path, tmp_path: Path
) -> None:
    append(log, lines(1))
    follower.read()
    log.rename(tmp_path / "log.jsonl.1")
    append(tmp_path / "log.jsonl.1", lines(2))
    follower.read()
    append(log, "")  # created; the writer still has the old one open
    append(tmp_path / "log.jsonl.1", lines(3))
    follower.read()
    assert follower.notes == ()
    append(log, lines(4))
    follower.read()
    assert follower.steps == [1, 2, 3, 4]
    assert "was rotated once" in follower.notes[0]


def test_a_log_that_stays_empty_is_told_once(follower: Follower, log: Path) -> None:
    append(log, lines(1, 2))
    follower.read()
    log.write_text("")
    follower.read()
    follower.read()
    append(log, lines(1))
    follower.read()
    assert follower.steps == [1, 2, 1]
    assert "cut or replaced once" in follower.notes[0]


def test_a_copied_and_cut_log_is_read_to_its_end_first(
    follower: Follower, log: Path, tmp_path: Path
) -> None:
    append(log, lines(1, 2))
    follower.read()
    append(log, lines(3))
    shutil.copy(log, tmp_path / "log.jsonl.1")
    os.truncate(log, 0)
    append(log, lines(4, 5, 6, 7))
    follower.read()
    assert follower.steps == [1, 2, 3, 4, 5, 6, 7]


def test_a_hole_where_the_log_was_cut_under_its_writer(follower: Follower, log: Path) -> None:
    append(log, lines(1))
    follower.read()
    with log.open("r+b") as file:
        file.truncate(0)
        file.seek(5 << 20)
        file.write(lines(2).encode())
    follower.read()
    assert follower.steps == [1, 2]
    assert follower.bad == []


@pytest.mark.parametrize("new", [lines(1), lines(1, 2, 3, 4, 5, 6, 7, 8)])
def test_a_log_written_anew_is_read_from_its_beginning(
    follower: Follower, log: Path, new: str
) -> None:
    append(log, lines(5, 6, 7))
    follower.read()
    log.write_text(new)
    follower.read()
    assert follower.steps[:4] == [5, 6, 7, 1]
    assert len(follower.steps) == 3 + new.count("\n")
    assert follower.notes == (
        "log.jsonl was cut or replaced once and read again from its beginning.",
    )


def test_a_log_that_was_copied_goes_on(follower: Follower, log: Path, tmp_path: Path) -> None:
    append(log, lines(1, 2))
    follower.read()
    shutil.copy(log, tmp_path / "copy")
    (tmp_path / "copy").replace(log)
    append(log, lines(3))
    follower.read()
    assert follower.steps == [1, 2, 3]
    assert follower.notes == ()


def test_a_resume_is_passed_on(follower: Follower, log: Path) -> None:
    append(log, lines(1, 2, 3))
    follower.read()
    append(log, lines(2, 3, 4))
    follower.read()
    assert follower.steps == [1, 2, 3, 2, 3, 4]
    assert follower.notes == ()


def test_two_writers_are_named(follower: Follower, log: Path) -> None:
    for step in range(20):
        append(log, lines(100 + step, 5 + step))
        follower.read()
    assert len(follower.steps) == 40
    assert "two processes write to it" in follower.notes[0]


def test_a_position_that_is_damaged_is_the_beginning(follower: Follower, log: Path) -> None:
    append(log, lines(1, 2))
    follower.position = {"mark": [1, 2, "x"], "odd": 7, "format": 3}
    follower.read()
    assert follower.steps == [1, 2]


def test_a_line_of_any_length_is_told_once(follower: Follower, log: Path) -> None:
    append(log, lines(1) + "x" * (5 << 19))
    follower.read()
    append(log, "y" * (3 << 20))
    follower.read()
    append(log, "\n" + lines(2))
    follower.read()
    assert follower.steps == [1, 2]
    assert [(one.where, one.reason) for one in follower.bad] == [
        ("line 2", "is longer than 1,048,576 characters")
    ]


def test_the_position_is_small(follower: Follower, log: Path) -> None:
    append(log, lines(*range(1000)))
    follower.read()
    assert len(str(follower.position)) < 400


def test_a_log_that_begins_as_before_and_went_another_way(follower: Follower, log: Path) -> None:
    append(log, lines(*range(300)))
    follower.read()
    log.write_text(lines(*range(250), *range(400, 450)) + lines(450))
    follower.read()
    assert follower.steps[300:] == [*range(250), *range(400, 451)]


def test_another_log_with_the_same_line_at_the_same_place(follower: Follower, log: Path) -> None:
    append(log, lines(*range(100, 400)))
    follower.read()
    log.write_text(lines(*range(500, 799), 399, 400))
    follower.read()
    assert follower.steps[300:] == [*range(500, 799), 399, 400]


def test_memory_does_not_grow_with_the_log(follower: Follower, log: Path) -> None:
    def peak(rows: int) -> int:
        log.write_text(lines(*range(rows)))
        source = open_log(log.parent, follower.log)
        tracemalloc.start()
        assert sum(1 for _ in source.read(None, 1e12)) == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(20_000) < peak(2_000) + 50_000
