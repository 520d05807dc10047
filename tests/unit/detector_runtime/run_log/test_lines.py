"""Lines as trainers and their deaths leave them."""

from __future__ import annotations

from math import inf, isnan
from pathlib import Path

import pytest

from detector_runtime.contract.training_run import LogFile, LogFormat
from detector_runtime.errors import ConfigInvalidError
from pretend.followed_log import Follower, whole


def read(folder: Path, text: str | bytes, name: str = "log.jsonl", **log: object) -> Follower:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return whole(folder, LogFile(name, **log))  # type: ignore[arg-type]


def told(found: Follower) -> list[str]:
    return [f"{one.where} {one.reason}" for one in found.bad]


def test_a_row_behind_one_that_was_cut_by_a_kill(tmp_path: Path) -> None:
    found = read(
        tmp_path, '{"step": 1}\n{"step": 2, "m": {"lo{"step": 1, "loss": 2}\n{"step": 2}\n'
    )
    assert found.steps == [1, 1, 2]
    assert told(found) == ["line 2 is no JSON"]


def test_two_rows_on_one_line(tmp_path: Path) -> None:
    found = read(tmp_path, '{"step": 1}{"step": 2}\n')
    assert (found.steps, found.bad) == ([1, 2], [])


def test_a_reading_that_is_stopped_in_a_line_loses_no_row(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"st{"step": 2}{"step": 3}\n')
    follower = Follower(tmp_path, LogFile("log.jsonl"))
    follower.read(most=2)
    follower.read()
    assert follower.steps == [1, 2, 2, 3]


def test_part_of_a_row_that_was_cut_is_no_row(tmp_path: Path) -> None:
    found = read(tmp_path, '{"step": 2, "m": {"step": 3}, "lo\n')
    assert (found.steps, told(found)) == ([], ["line 1 is no JSON"])


@pytest.mark.parametrize("value", ["NaN", "nan", "+nan", "-nan"])
def test_no_number_as_python_prints_it(tmp_path: Path, value: str) -> None:
    found = read(tmp_path, f'{{"step": 1, "loss": {value}, "lr": 2}}\n')
    assert found.rows[0].loss is not None
    assert isnan(found.rows[0].loss)
    assert found.bad == []


@pytest.mark.parametrize(
    ("value", "expected"), [("Infinity", inf), ("inf", inf), ("-inf", -inf), ("-Infinity", -inf)]
)
def test_infinity_as_python_prints_it(tmp_path: Path, value: str, expected: float) -> None:
    found = read(tmp_path, f'{{"step": 1, "loss": {value}}}\n')
    assert found.rows[0].loss == expected


def test_junk_is_counted_and_never_fatal(tmp_path: Path) -> None:
    junk = b'\xff\xfe\n\0\0\n\n7\n"x"\n{"step": "a"}\n{"step": 1e999}\n' + b"[" * 5000 + b"\n"
    found = read(tmp_path, b'{"step": 1}\n' + junk + b'\0\0{"step": 2, "x\xff": 3}\n')
    assert found.steps == [1, 2]
    assert len(found.bad) == 6
    assert found.rows[1].metrics == {"x\ufffd": 3.0}


def test_half_a_surrogate_pair_can_be_written_on(tmp_path: Path) -> None:
    found = read(tmp_path, '{"step": 1, "prompt": "\\ud800", "golden_answer": "a"}\n')
    example = found.rows[0].example
    assert example is not None
    assert example.prompt.encode() == b"?"


def test_fields_with_other_names_and_some_left_out(tmp_path: Path) -> None:
    found = read(
        tmp_path, '{"it": 1, "train_loss": 2, "tokens": 3}\n',
        columns=(("step", "it"), ("loss", "train_loss")), ignore=("tokens",),
    )  # fmt: skip
    assert (found.rows[0].step, found.rows[0].loss, found.rows[0].metrics) == (1, 2.0, {})


def test_a_header_that_comes_again_and_one_that_changes(tmp_path: Path) -> None:
    text = "step,loss\n1,2.0\nstep,loss\n1,2.5\nstep,lr,loss\n2,0.1,3.0\n"
    found = read(tmp_path, text, "log.csv")
    assert [(row.step, row.loss, row.learning_rate) for row in found.rows] == [
        (1, 2.0, None), (1, 2.5, None), (2, 3.0, 0.1),
    ]  # fmt: skip
    assert found.bad == []


def test_the_header_holds_from_reading_to_reading_and_for_rotated_files(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n1,1.5\n")
    follower = whole(tmp_path, LogFile("log.csv"))
    with log.open("a") as file:
        file.write("2,2.5\n3,3.")
    follower.read()
    with log.open("a") as file:
        file.write("5\n")
    log.rename(tmp_path / "log.csv.1")
    log.write_text("4,4.5\n")
    follower.log = LogFile("log.csv", LogFormat.CSV)
    follower.read()
    assert [row.loss for row in follower.rows] == [1.5, 2.5, 3.5, 4.5]


def test_a_text_with_line_breaks_in_quotes(tmp_path: Path) -> None:
    text = 'step,prompt,golden_answer\n1,"a\nb ""c""\n",x\n2,"d, e",y\n3,"open\nmore'
    found = read(tmp_path, text, "log.csv")
    assert [row.example.prompt for row in found.rows if row.example] == ['a\nb "c"\n', "d, e"]
    assert found.bad == []


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    found = read(tmp_path, 'step,prompt\n1,"a\n2,b\n3,c\n', "log.csv")
    assert found.steps == [2, 3]
    assert told(found) == ["line 2 opens a quote and does not close it"]


def test_a_quote_that_is_never_closed_waits_for_so_many_lines(tmp_path: Path) -> None:
    text = 'step,prompt\n1,"a\n' + "text\n" * 1000 + "2,b\n"
    assert read(tmp_path, text, "log.csv").steps == [2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,loss,loss\n1,2,3\n", "two columns of the same name"),
        ("1,2.5\n2,2.4\n", "needs a first line with the names"),
        (",".join(f"m{n}" for n in range(600)) + "\n", "600 columns; needs at most 512"),
    ],
)
def test_a_header_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigInvalidError, match=message):
        read(tmp_path, text, "log.csv")


def test_a_later_header_that_cannot_be_used_is_a_bad_line(tmp_path: Path) -> None:
    found = read(tmp_path, "step,loss\n1,2\nstep,a,a\n2,3\n", "log.csv")
    assert found.steps == [1, 2]
    assert len(found.bad) == 1
