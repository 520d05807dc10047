"""A log that is read in pieces gives the rows of one reading, whatever happens in between."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.contract.training_run import LogFile
from pretend.event_file import append, opening, scalars
from pretend.followed_log import Follower, whole

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 200)),
        st.tuples(st.just("read"), st.sampled_from([1, 3, 1000])),
        st.tuples(st.sampled_from(["rename", "copy"]), st.just(0)),
    ),
    max_size=30,
)


@dataclass
class Trainer:
    """Writes rows piece by piece, and rotates between two lines. `head` opens each file."""

    log: Path
    line: Callable[[int], bytes]
    head: bytes = b""
    written: list[int] = field(default_factory=list)
    rest: bytes = b""

    def open(self) -> None:
        append(self.log, self.head)

    def write(self, count: int) -> None:
        while len(self.rest) < count:
            step = len(self.written)
            self.written.append(step)
            self.rest += self.line(step)
        append(self.log, self.rest[:count])
        self.rest = self.rest[count:]

    def finish_line(self) -> None:
        append(self.log, self.rest)
        self.rest = b""

    def rotate(self, act: str) -> None:
        self.finish_line()
        for number in range(8, 0, -1):
            old = self._rotated(number)
            if old.exists():
                old.rename(self._rotated(number + 1))
        if act == "rename":
            self.log.rename(self._rotated(1))
        else:
            shutil.copy(self.log, self._rotated(1))
            os.truncate(self.log, 0)
        self.open()

    def _rotated(self, number: int) -> Path:
        return self.log.with_name(f"{self.log.name}.{number}")


def json_line(step: int) -> bytes:
    return json.dumps({"step": step, "loss": 1 / (1 + step), "note": "ü,{"}).encode() + b"\n"


def csv_line(step: int) -> bytes:
    return f'{step},{1 / (1 + step)},"a\nb, {step}"\n'.encode()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize(
    ("name", "line", "head"),
    [("log.jsonl", json_line, b""), ("log.csv", csv_line, b"step,loss,prompt\n")],
)
@given(acts=ACTS)
def test_a_log_in_pieces(
    name: str, line: Callable[[int], bytes], head: bytes, acts: list[tuple[str, int]]
) -> None:
    with folder() as root:
        trainer, follower = Trainer(root / name, line, head), Follower(root, LogFile(name))
        trainer.open()
        # A reading knows what was rotated only since the first row that it saw.
        trainer.write(1)
        trainer.finish_line()
        follower.read()
        rotated = 0
        for act, count in acts:
            if act == "write":
                trainer.write(count)
            elif act == "read":
                follower.read(most=count)
            elif rotated < 8:  # nine old files are looked at
                trainer.rotate(act)
                rotated += 1
        trainer.finish_line()
        follower.read()
        assert follower.steps == trainer.written
        assert [row.loss for row in follower.rows] == [1 / (1 + n) for n in trainer.written]
        assert follower.bad == []


@given(cuts=st.lists(st.integers(0, 3000), max_size=20), junk=st.binary(max_size=300))
def test_any_bytes_in_any_pieces_are_read_as_in_one(cuts: list[int], junk: bytes) -> None:
    data = b"".join(map(json_line, range(8))) + junk + b"\n" + b"".join(map(json_line, range(5, 9)))
    with folder() as root:
        follower = Follower(root, LogFile("log.jsonl"))
        start = 0
        for end in (*sorted(cuts), len(data)):
            append(root / "log.jsonl", data[start:end])
            start = max(start, end)
            follower.read()
        once = whole(root, LogFile("log.jsonl"))
        assert (follower.rows, follower.bad) == (once.rows, once.bad)
        assert follower.notes == once.notes


@given(data=st.data())
def test_event_files_in_any_pieces_are_read_as_in_one(data: st.DataObject) -> None:
    events = opening()
    for step in range(6):
        events += scalars(step, 1000.0 + step, {"loss": step, "lr": 1 / (1 + step), "x": 3})
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=12))
    with folder() as root:
        follower, file = Follower(root, LogFile(".")), root / "events.out.tfevents.1"
        start = 0
        for end in (*sorted(cuts), len(events)):
            append(file, events[start:end])
            start = end
            follower.read(until=1100.0)  # no writer has to have flushed yet
        follower.read()
        once = whole(root, LogFile("."))
        assert (follower.rows, follower.bad) == (once.rows, [])


@given(
    junk=st.binary(max_size=2000), name=st.sampled_from(["a.csv", "tfevents", "trainer_state.json"])
)
def test_no_bytes_are_fatal(junk: bytes, name: str) -> None:
    with folder() as root:
        prefix = b"step,loss\n" if name == "a.csv" else b""
        (root / name).write_bytes(prefix + junk)
        first = whole(root, LogFile(name))
        assert first.read() == []
