"""`kubectl-anomaly backtest`: reading recordings, replaying them, and what it writes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaly_cli import backtest, scores_file
from anomaly_cli.__main__ import NOTHING_JUDGED, main
from anomaly_cli.figures import evaluate, precision_recall, spans
from anomaly_cli.progress import Progress
from anomaly_cli.recording import RecordingError, read
from anomaly_cli.replay import replay
from anomaly_cli.service_file import plan
from anomaly_operator.incidents.settings import incident_settings
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.model.fitted import FittedModel
from detector_runtime.model.gate_checks import Check, Validation
from detector_runtime.series.reading import read_history
from tests.unit.anomaly_cli.fitted_once import fit_once
from tests.unit.anomaly_cli.four_weeks import FAULT, ROWS, STEP, latency, lost_rate, recorded

SERVICE = """
apiVersion: anomaly-operator.dev/v1alpha1
kind: AnomalyService
metadata: {name: checkout}
spec:
  step: 1h
  incidents: {separation: 6h}
  metrics:
  - {name: latency, role: Latency, query: "whatever"}
"""


def recording(path: Path, labels: bool = True) -> Path:
    """Latency and traffic break in the fault."""
    columns = {"latency": latency, "rate": lost_rate}
    return recorded(path, columns, labels=labels, absent=[("rate", 500)])


def validated(*verdicts: bool) -> Callable[..., FittedModel]:
    """`fit_model` with the checks of its models replaced: these verdicts, then the last of them
    for ever."""
    left = list(verdicts)

    def judged(*arguments: Any, **named: Any) -> FittedModel:
        passed = left.pop(0) if len(left) > 1 else left[0]
        found = 0.9 if passed else 0.5 - 0.1 * len(left)
        check = Check("injected faults found", found, 0.8, at_least=True)
        return replace(fit_once(*arguments, **named), validation=Validation((check,)))

    return judged


@pytest.fixture(scope="module", autouse=True)
def _every_model_passes() -> Iterator[None]:
    """What is not about the gate does not depend on its limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anomaly_cli.replay.fit_model", validated(True))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backtest")
    recording(path / "data.csv")
    (path / "service.yaml").write_text(SERVICE)
    arguments = ["backtest", "--data", str(path / "data.csv"), "--labels", "label"]
    arguments += ["--refit", "7d", "--warmup", "400", "--output", str(path / "scores.csv")]
    assert main(arguments) == 0
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_line_for_each_input_row_after_the_warm_up(folder: Path) -> None:
    written = rows(folder / "scores.csv")
    assert [line["timestamp"] for line in written] == [
        line["timestamp"] for line in rows(folder / "data.csv")[400:]
    ]
    assert list(written[0]) == [
        "timestamp", "score", "probability", "onset_score", "verdict", "severity", "confidence",
        "period", "top_metric", "incident", "incident_severity", "pattern", "slo",
        "model_severity", "notify",
    ]  # fmt: skip


def test_the_fault_is_an_incident_that_names_its_metric(folder: Path) -> None:
    written = rows(folder / "scores.csv")
    fault = [written[row - 400] for row in FAULT]
    assert any(line["incident"] for line in fault[:4])
    assert {line["top_metric"] for line in fault[3:]} <= {"latency", "rate"}
    assert max(float(line["score"]) for line in fault) > max(
        float(line["score"]) for line in written[:150]
    )


def test_each_row_of_an_incident_has_its_severity_so_far(folder: Path) -> None:
    ranks = {one.value: one.rank for one in Severity}
    before = ""
    highest = 0
    for line in rows(folder / "scores.csv"):
        assert bool(line["incident"]) == bool(line["incident_severity"])
        if line["incident"] != before:
            before, highest = line["incident"], 0
        if before:
            assert ranks[line["incident_severity"]] >= max(highest, 1)
            highest = ranks[line["incident_severity"]]
    assert highest == 0 or before


def test_scores_do_not_depend_on_later_rows(folder: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv"
    cut.write_text("\n".join((folder / "data.csv").read_text().splitlines()[:606]) + "\n")
    arguments = ["backtest", "--data", str(cut), "--labels", "label", "--refit", "7d"]
    assert main([*arguments, "--warmup", "400", "--output", str(tmp_path / "out.csv")]) == 0
    short = [line["score"] for line in rows(tmp_path / "out.csv")]
    assert short == [line["score"] for line in rows(folder / "scores.csv")[: len(short)]]


@pytest.mark.parametrize("order", ["newest first", "shuffled"])
def test_the_order_of_the_rows_in_the_file_does_not_matter(
    folder: Path, tmp_path: Path, order: str
) -> None:
    head, *lines = (folder / "data.csv").read_text().splitlines()
    if order == "newest first":
        lines.reverse()
    else:
        np.random.default_rng(1).shuffle(lines)
    (tmp_path / "data.csv").write_text("\n".join([head, *lines]) + "\n")
    arguments = ["backtest", "--data", str(tmp_path / "data.csv"), "--labels", "label"]
    arguments += ["--refit", "7d", "--warmup", "400", "--output", str(tmp_path / "scores.csv")]
    assert main(arguments) == 0
    assert (tmp_path / "scores.csv").read_text() == (folder / "scores.csv").read_text()


def test_of_rows_with_one_time_the_last_in_the_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("t,a\n120,1\n60,2\n120.0,3\n60.0,4\n")
    found = read(path, 60, None)
    assert found.stamps == ("60", "60.0", "120", "120.0")
    assert found.frame.values[:, 0].tolist() == [4.0, 3.0]


def test_the_report_names_step_rates_and_figures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backtest", "--data", str(folder / "data.csv"), "-f", str(folder / "service.yaml")]
    assert main([*arguments, "--warmup", "20d", "--refit", "never", "--labels", "label"]) == 0
    shown = capsys.readouterr()
    assert "step 1h (inferred)" in shown.out
    assert "<- this setting" in shown.out
    assert "average precision" in shown.out
    assert shown.err == ""


def test_the_report_lists_incidents_and_holds_promises_against_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backtest", "--data", str(folder / "data.csv"), "--labels", "label"]
    arguments += ["--warmup", "400", "--refit", "never"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    at = shown.index("incidents:")
    assert shown[at + 1].split() == ["FROM", "TO", "SEVERITY", "METRIC", "PATTERN", "WHAT"]
    listed = shown[at + 2 : at + 2 + len(document["incidents"])]
    for line, incident in zip(listed, document["incidents"], strict=True):
        assert line.split()[0] == incident["from"]
        assert incident["severity"] in line
        assert line.endswith(incident["sentence"])
    broken = "2024-01-26T06:00:00Z"  # the middle of FAULT
    fault = [one for one in document["incidents"] if one["from"] < broken < one["to"]]
    assert len(fault) == 1
    assert fault[0]["metric"] in {"latency", "rate"}
    assert any(line.startswith("false incidents in the scored time") for line in shown)
    assert [one["severityAtLeast"] for one in document["falseIncidents"]] == [
        "Low", "Medium", "High", "Critical",
    ]  # fmt: skip
    assert document["labels"]["falseIncidents"] == document["falseIncidents"][0]["found"]


def test_a_metrics_values_are_in_its_unit_where_the_cells_had_one(
    tmp_path: Path, folder: Path
) -> None:
    head, *lines = (folder / "data.csv").read_text().splitlines()
    data, service = tmp_path / "data.csv", tmp_path / "service.yaml"
    cells = [line.split(",") for line in lines]
    data.write_text(
        "\n".join([head, *(f"{t},{1000 * float(a):.1f} ms,{b},{c}" for t, a, b, c in cells)])
    )
    service.write_text(SERVICE.replace("role: Latency", "role: Latency, unit: Seconds"))
    found = read(data, None, "label")
    chosen = backtest.selected(found, plan(service, found.frame.names))
    assert chosen.values[0, 0] == pytest.approx(float(cells[0][1]))


def test_a_run_that_can_make_no_model_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "short.csv"
    data.write_text("t,a\n" + "".join(f"{60 * row},{row % 7}\n" for row in range(1, 41)))
    assert main(["backtest", "--data", str(data)]) == NOTHING_JUDGED
    assert "no model could be trained" in capsys.readouterr().out


def test_warnings_are_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "local.csv"
    data.write_text("t,a\n2026-10-05 00:00,1\n2026-10-05 00:05,2\n")
    main(["backtest", "--data", str(data), "--json"])
    shown = capsys.readouterr()
    assert "kubectl-anomaly: warning: times without a zone are read as UTC" in shown.err
    assert json.loads(shown.out)["warnings"]
    main(["backtest", "--data", str(data), "--json", "--time-zone", "Europe/Berlin"])
    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out)["notes"] == [
        "times without a zone are read in Europe/Berlin (--time-zone)"
    ]


@pytest.mark.parametrize("zone", ["Berlin", "../etc/passwd", "", "Europe"])
def test_an_unknown_time_zone_is_refused(
    tmp_path: Path, zone: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("t,a\n60,1\n120,2\n")
    assert main(["backtest", "--data", str(data), "--time-zone", zone]) == 2
    assert f"--time-zone {zone!r} is no time zone; give a name" in capsys.readouterr().err


def test_a_step_of_a_day_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.csv"
    data.write_text("t,a\n2026-01-01,1\n2026-01-02,2\n")
    assert main(["backtest", "--data", str(data), "--step", "1d"]) == 2
    told = capsys.readouterr().err
    assert "--step 1d is out of range; give 15s to 1h" in told
    assert "daily data, cannot be judged" in told


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"kubectl-anomaly {version('anomaly-operator')}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp\n1\n2\n", "at least one metric"),
        ("timestamp,a\n1,2\n", "at least two"),
        ("timestamp,a\n1,2\nyesterday,3\n", "line 3: column 'timestamp': 'yesterday'"),
        ("timestamp,a\n1,2\n60,x\n", "line 3: column 'a': 'x' is no number"),
        ("timestamp,a\n1,2\n\n\n60,x\n", "line 5: column 'a': 'x'"),
        ("timestamp,a\n1,2\n60,1_000\n", "line 3: column 'a': '1_000' is no number"),
        ("timestamp,a\n1,2\n1e300,3\n", "line 3: column 'timestamp': '1e300' is too large"),
        ("timestamp,a\n1e20,2\n", "line 2: column 'timestamp': '1e20' is too large for unix time"),
        ("timestamp,a\n0001-01-01T00:00:00+05:00,2\n", "from 1970 on"),
        ("timestamp,a\n60,2\n60,3\n", "all 2 rows have the time '60'"),
        ("timestamp a\n60 2\n", "separated by commas, semicolons or tabs"),
        ('timestamp,a\n60,"2\n', "line 2 is not CSV: unexpected end of data"),
        ("timestamp,a\n60," + "2" * 200_000, "line 2 is not CSV: field larger"),
        ("timestamp,a\n60,2\n120,½\n".encode("latin-1"), "line 3 is not UTF-8 (invalid start"),
        ("timestamp,größe\n60,2\n".encode("latin-1"), "save the file as UTF-8"),
        ("timestamp,a\n60,2\n".encode("utf-16")[:-1], "save the file as UTF-8"),
        ("timestamp,a\n1,2\n60\n", "line 3 has 1 of 2 cells"),
        ("timestamp,a,a\n1,2,3\n60,2,3\n", "twice"),
        ("timestamp,a\n1,2\n60,1\n99999999999,3\n", "check the timestamps"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(
    tmp_path: Path, text: str | bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["backtest", "--data", str(path)]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1
    assert len(shown) < 500


@pytest.mark.parametrize(
    ("name", "reason"),
    [("folder", "has no file called *.csv"), ("none.csv", "no such file or directory")],
)
def test_a_file_that_cannot_be_opened_is_named(
    tmp_path: Path, name: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    assert main(["backtest", "--data", str(tmp_path / name)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"kubectl-anomaly: {tmp_path / name}")
    assert reason in told


def test_a_word_for_nothing_is_a_hole_as_in_a_source(tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    path.write_text("t, a \n60,1\n120,null\n180,NA\n240.5, 2e0 \n")
    found = read(path, 60, None).frame
    assert found.names == ("a",)
    assert np.isnan(found.values[1:3, 0]).all()
    assert found.values[[0, 3], 0].tolist() == [1.0, 2.0]


def test_a_service_file_that_is_no_text_is_refused(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = tmp_path / "service.yaml"
    service.write_bytes(SERVICE.encode("utf-16"))
    assert main(["backtest", "--data", str(folder / "data.csv"), "-f", str(service)]) == 2
    assert "save the file as UTF-8" in capsys.readouterr().err


def test_a_metric_without_a_column_is_refused(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = tmp_path / "service.yaml"
    service.write_text(SERVICE.replace("name: latency", "name: nonsense"))
    assert main(["backtest", "--data", str(folder / "data.csv"), "-f", str(service)]) == 2
    assert "no column 'nonsense'" in capsys.readouterr().err


def test_duplicates_keep_the_last_value_and_the_highest_label(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text(
        "t,a,y\n2024-01-01 00:00:00,1,1\n2024-01-01 00:00:00,2,0\n2024-01-01T01:00Z,3,0\n"
    )
    found = read(path, 3600, "y")
    assert found.frame.values[:, 0].tolist() == [2.0, 3.0]
    assert found.labels is not None
    assert found.labels.tolist() == [True, False]
    assert found.window.tolist() == [0, 0, 1]


def test_a_value_beyond_the_valid_range_is_evidence_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exporter's -1 is no rate, and no reason to look away."""
    data, service = recording(tmp_path / "data.csv", labels=False), tmp_path / "service.yaml"
    head, *lines = data.read_text().splitlines()
    for row in (300, 450, 451, 452):
        lines[row] = lines[row].rsplit(",", 1)[0] + ",-1"
    data.write_text("\n".join([head, *lines]) + "\n")
    range_of = 'rate, role: Traffic, validRange: {min: "0"}'
    service.write_text(SERVICE.replace("latency, role: Latency", range_of))
    out = tmp_path / "scores.csv"
    arguments = ["backtest", "--data", str(data), "-f", str(service), "--output", str(out)]
    assert main([*arguments, "--warmup", "400", "--refit", "never"]) == 0
    assert {line["verdict"] for line in rows(out)[50:53]} == {"Anomalous"}
    assert "rate: 4 values" in capsys.readouterr().out


def test_a_declared_exclusion_is_left_out_of_the_training(tmp_path: Path) -> None:
    """Five days are more than a fifth of the warm-up, but not of the lookback, of which the
    product allows a fifth. To leave them out is to learn as if nothing had been recorded."""
    sale = "{start: 2024-01-09T07:00:00Z, end: 2024-01-14T08:00:00Z, reason: sale}"
    plain = SERVICE.replace("latency, role: Latency", "rate, role: Traffic")
    values = [f"{value:.2f}" for value in np.random.default_rng(4).normal(100, 5, ROWS)]
    data, service, out = (tmp_path / name for name in ("data.csv", "service.yaml", "scores.csv"))

    def scores(exclude: str, recorded: list[str]) -> list[dict[str, str]]:
        lines = [f"{1_704_067_200 + row * STEP},{value}" for row, value in enumerate(recorded)]
        data.write_text("\n".join(["timestamp,rate", *lines]) + "\n")
        service.write_text(f"{plain}  training: {{exclude: [{exclude}]}}\n")
        arguments = ["backtest", "--data", str(data), "-f", str(service), "--output", str(out)]
        assert main([*arguments, "--warmup", "400", "--refit", "never"]) == 0
        return rows(out)

    without = scores(sale, values)
    assert without == scores("", [*values[:200], *[""] * 121, *values[321:]])
    assert without != scores("", values)


def test_a_model_that_fails_its_checks_leaves_the_last_that_passed_serving(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anomaly_cli.replay.fit_model", validated(False, True, False, False, True))
    frame = read(folder / "data.csv", None, "label").frame
    settings = backtest.engine_settings(plan(None, frame.names), STEP)
    clean = read_history(frame, settings.metrics)
    rules = incident_settings("s", "s", STEP, plan(None, frame.names).incidents)
    lived = list(replay(clean, settings, rules, 400, 2 * 86_400, gated=True))
    found = [chunk for chunk in lived if chunk.candidate is not None]
    assert [chunk.last - chunk.first for chunk in lived[:-1]] == [86_400 // STEP] * (len(lived) - 1)
    passed = [chunk.candidate for chunk in found]
    assert [chunk.model for chunk in found] == [
        *(None, passed[1], passed[1], passed[1]),
        *passed[4:],
    ]
    assert [chunk.scores is None for chunk in found[:3]] == [True, False, False]


def test_a_caller_that_measures_detectors_has_every_candidate_serve(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anomaly_cli.replay.fit_model", validated(False))
    frame = read(folder / "data.csv", None, "label").frame
    settings = backtest.engine_settings(plan(None, frame.names), STEP)
    rules = incident_settings("s", "s", STEP, plan(None, frame.names).incidents)
    first, *later = replay(read_history(frame, settings.metrics), settings, rules, 400, 0)
    assert first.model is first.candidate is not None
    assert {chunk.model for chunk in later} == {first.model}
    assert all(chunk.candidate is None and chunk.scores is not None for chunk in later)


def test_the_report_says_which_checks_failed_and_by_how_much(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "scores.csv"
    arguments = ["backtest", "--data", str(folder / "data.csv"), "--labels", "label"]
    arguments += ["--warmup", "400", "--refit", "3d", "--output", str(out)]
    monkeypatch.setattr("anomaly_cli.replay.fit_model", validated(False))
    assert main(arguments) == 0
    assert "4 of 4 models failed their checks; they are used here" in (capsys.readouterr().out)
    assert {line["verdict"] for line in rows(out)} == {"Normal", "Anomalous"}

    arguments.append("--gate")
    monkeypatch.setattr("anomaly_cli.replay.fit_model", validated(False, True, False, True))
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "2 of 4 models failed their checks and were not used" in shown
    assert "2 times injected faults found 0.2, wanted >= 0.8 (the worst)" in shown
    assert "72 windows have no score" in shown
    assert {line["verdict"] for line in rows(out)[:72]} == {"Inconclusive"}
    assert "Normal" in {line["verdict"] for line in rows(out)[72:144]}

    monkeypatch.setattr("anomaly_cli.replay.fit_model", validated(False))
    assert main(arguments) == NOTHING_JUDGED
    shown = capsys.readouterr().out
    assert "4 of 4 models failed" in shown
    assert "no model passed its checks" in shown
    assert {line["verdict"] for line in rows(out)} == {"Inconclusive"}


def test_a_rate_that_the_history_is_too_short_to_show_is_said_to_be_extrapolated(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 500 hours of warm-up are three weeks: one incident in them is a third of one a week. Two
    a week are more than hours may show, so what the lowest level shows stands there."""
    service = tmp_path / "service.yaml"
    service.write_text(SERVICE + "  detector: {falseIncidentsPerWeek: '0.5'}\n")
    arguments = ["backtest", "--data", str(folder / "data.csv"), "-f", str(service)]
    assert main([*arguments, "--warmup", "500", "--refit", "never"]) == 0
    shown = capsys.readouterr().out
    marked = {
        line.split()[0]: "extrapolated" in line
        for line in shown.splitlines()
        if " at alert level " in line
    }
    assert [rate for rate, beyond in marked.items() if beyond] == ["0.25", "0.12"]
    assert marked["0.50"] is False
    assert "extrapolated: 3.0 weeks of history cannot show fewer than 0.34 a week" in shown


def test_an_unknown_label_column_is_refused(folder: Path) -> None:
    with pytest.raises(RecordingError, match="no column 'nope'"):
        read(folder / "data.csv", None, "nope")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("nowhere/scores.csv", "no such file or directory"),
        ("folder", "is a directory"),
        ("data.csv/scores.csv", "not a directory"),
        ("data.csv", "is the recording itself"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, output: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("would be the next complaint")
    (tmp_path / "folder").mkdir()
    assert main(["backtest", "--data", str(data), "--output", str(tmp_path / output)]) == 2
    shown = capsys.readouterr().err
    assert f"--output {tmp_path / output}" in shown
    assert reason in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "folder"]


def test_a_run_that_fails_leaves_the_output_of_the_last_one(tmp_path: Path) -> None:
    out, data = tmp_path / "scores.csv", tmp_path / "data.csv"
    out.write_text("of the last run")
    data.write_text("t,a\n60,x\n")
    assert main(["backtest", "--data", str(data), "--output", str(out)]) == 2
    assert out.read_text() == "of the last run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv", "scores.csv"]


def test_the_report_is_shown_even_if_the_scores_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    out, data = tmp_path / "scores.csv", tmp_path / "data.csv"
    data.write_text("t,a\n60,1\n120,2\n")
    monkeypatch.setattr(scores_file, "write_scores", full)
    assert main(["backtest", "--data", str(data), "--output", str(out)]) == 2
    shown = capsys.readouterr()
    assert "step 1m (inferred)" in shown.out
    assert "no space left on device" in shown.err
    assert not out.exists()


def test_a_link_and_a_device_stay_what_they_are(tmp_path: Path) -> None:
    data, link = tmp_path / "data.csv", tmp_path / "link.csv"
    data.write_text("t,a\n60,1\n120,2\n")
    (tmp_path / "real.csv").write_text("old")
    link.symlink_to(tmp_path / "real.csv")
    assert main(["backtest", "--data", str(data), "--output", str(link)]) == NOTHING_JUDGED
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith("timestamp,score")
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    assert main(["backtest", "--data", str(data), "--output", str(null)]) == NOTHING_JUDGED
    assert Path("/dev/null").is_char_device()


def test_average_precision_is_the_area_under_the_steps() -> None:
    labels = np.array([True, False, True, False])
    average, f1 = precision_recall(labels, np.array([4.0, 3.0, 2.0, 1.0]))
    assert average == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert f1 == pytest.approx(0.8)


def test_equal_scores_are_one_threshold() -> None:
    average, _ = precision_recall(np.array([True, False, False, False]), np.zeros(4))
    assert average == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("incident", "onsets", "false"),
    [((7, 12), 1, 0), ((6, 12), 0, 0), ((12, 20), 1, 0), ((15, 20), 0, 1), ((1, 5), 0, 1)],
)
def test_an_event_counts_only_if_an_incident_starts_at_it(
    incident: tuple[int, int], onsets: int, false: int
) -> None:
    labels = np.zeros(40, dtype=bool)
    labels[10:14] = True
    found = evaluate(
        labels,
        np.ones(40, dtype=bool),
        labels.astype(float),
        anomalous=labels,
        incidents=[incident],
        step=3600,
        predicted_per_week=0.0,
    )
    assert (found.onsets, found.false_incidents) == (onsets, false)
    assert spans(labels) == [(10, 13)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_bar_shows_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        bar = Progress("backtest", stream)
        bar.step(1, 2)
        bar.close()
    assert " 50 %" in terminal.getvalue()
    assert file.getvalue() == ""
