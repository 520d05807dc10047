"""`run replay`: files as trainers leave them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from anomaly_cli.__main__ import main
from detector_runtime.run_log import file_rows, file_tail
from pretend.training_run import noisy, series

JUMP = [*series("loss", noisy(200)), {"step": 201, "loss": 11.0}]


def written(folder: Path, log: Iterable[Mapping[str, object]], more: str = "") -> str:
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(raw) + "\n" for raw in log) + more)
    return str(file)


def table(folder: Path, text: str) -> str:
    file = folder / "log.csv"
    file.write_text(text)
    return str(file)


def test_json_holds_only_the_triggers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "replay", written(tmp_path, JUMP), "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"triggers"}
    last = document["triggers"][-2]
    assert (last["step"], last["tier"], last["action"]) == (201, "Critical", "Investigate")
    assert last["name"].startswith("loss_zscore_")


def test_a_stable_log_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "replay", written(tmp_path, JUMP[:-1])]) == 0
    told = capsys.readouterr().out
    assert "200 rows to step 200\n" in told
    assert "Triggers above Normal: 0" in told


def test_the_table_says_what_to_do_and_the_best_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [*JUMP[:-1], {"step": 150, "loss": 1.5}, {"step": 151, "loss": 11.0}]
    assert main(["run", "replay", written(tmp_path, log)]) == 1
    told = capsys.readouterr().out
    assert "202 rows to step 151; resumed: 1" in told
    assert "Best step: 150 (loss 1.5000)" in told
    assert "standard deviations above its baseline. Investigate now" in told


def test_bad_lines_are_counted_and_a_partial_last_line_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = 'oops\n[1]\n{"loss": 1}\n{"step": 1.5}\n{"step": 202, "lo'
    assert main(["run", "replay", written(tmp_path, JUMP, more), "-o", "json"]) == 1
    told = capsys.readouterr().err
    assert "4 of 205 lines were not used: line 202 is no JSON" in told
    assert "line 203 is no JSON object; line 204 has no step" in told
    assert "the last line is not complete and was not used" in told


def test_a_line_of_any_length_is_read_in_pieces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tail, "MAX_LINE", 100)
    monkeypatch.setattr(file_rows, "MAX_LINE", 100)
    long = json.dumps({"step": 1, "note": "x" * 1000}) + "\n"
    path = Path(written(tmp_path, JUMP))
    path.write_text(long + path.read_text())
    assert main(["run", "replay", str(path)]) == 1
    assert "1 of 202 lines were not used: line 1 is longer than 100" in capsys.readouterr().err


def test_csv_says_what_json_lines_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "replay", written(tmp_path, JUMP), "-o", "json"])
    expected = capsys.readouterr().out
    rows = "".join(f"{raw['step']},{raw['loss']},\r\n" for raw in JUMP)
    # A trainer that starts again writes its header again.
    head = "step,loss,learning_rate\r\n"
    assert main(["run", "replay", table(tmp_path, head + head + rows), "-o", "json"]) == 1
    told = capsys.readouterr()
    assert told.out == expected
    assert told.err == ""


def test_csv_with_bad_rows_and_a_partial_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "1,2.0\n2\n3,much\n4,2.0\n5"
    assert main(["run", "replay", table(tmp_path, f"step,loss\n{rows}")]) == 0
    told = capsys.readouterr()
    assert "2 rows to step 4" in told.out
    assert "line 3 has 1 cells, the header 2; line 4 loss is no number" in told.err
    assert "the last line is not complete" in told.err


def test_fields_may_have_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = [{"global_step": raw["step"], "train_loss": raw["loss"]} for raw in JUMP]
    path = written(tmp_path, log)
    assert main(["run", "replay", path, "--column", "loss=train_loss", "-o", "json"]) == 1
    assert "loss_spike" in capsys.readouterr().out
    assert main(["run", "replay", path, "--ignore", "train_loss"]) == 0


def test_a_short_window_finds_what_a_long_one_calls_usual(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = [*noisy(300), *noisy(600, 4.0), *[2.0, 2.01] * 5, 4.0]
    path = written(tmp_path, series("loss", losses))
    last = '"step": 911,\n      "name": "loss_zscore'
    main(["run", "replay", path, "-o", "json"])
    assert last not in capsys.readouterr().out
    main(["run", "replay", path, "-o", "json", "--mode", "short-windows"])
    assert last in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no row with a step"),
        ('[{"step": 1}]', "is one JSON array"),
        ("a,b\n1,2\n", "line 2 has no step; if the step has another name"),
        ("step,loss,loss\n1,2,3\n", "two columns of the same name"),
        ("\x00\x01\x02", "holds no row with a step"),
    ],
)
def test_a_log_that_cannot_be_read_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    assert main(["run", "replay", table(tmp_path, text)]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_log_and_an_unknown_field_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "replay", str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err
    path = written(tmp_path, JUMP)
    assert main(["run", "replay", path, "--column", "losses=train_loss"]) == 2
    assert "needs FIELD=COLUMN with one of the fields step, time, loss" in capsys.readouterr().err


def test_a_threshold_can_be_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = written(tmp_path, JUMP)
    raised = ["--threshold", "zScoreCritical=1000", "--threshold", "lossSpikePercent=400"]
    main(["run", "replay", log, *raised, "-o", "json"])
    last = json.loads(capsys.readouterr().out)["triggers"][-2]
    assert (last["step"], last["tier"]) == (201, "Warning")
    assert last["name"].startswith("loss_zscore_")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("zScore", "--threshold zScore: needs NAME=NUMBER"),
        ("speed=1", "--threshold: no threshold speed; there are zScore"),
        ("multiple=1", "threshold multiple is 1; needs a whole number from 2 to 20"),
    ],
)
def test_a_threshold_that_there_is_not_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, message: str
) -> None:
    assert main(["run", "replay", written(tmp_path, JUMP), "--threshold", given]) == 2
    assert message in capsys.readouterr().err
