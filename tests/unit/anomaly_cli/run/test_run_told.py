"""`run timeline`, `stats` and the page of a replay, of logs and of folders of snapshots."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from anomaly_cli.__main__ import main
from anomaly_cli.run.kinds import kind_of
from anomaly_cli.run.timeline import MAX_ROWS, short
from detector_runtime.contract.training_run import RunTrigger
from detector_runtime.following.snapshots import take
from pretend.snapshots import EXTREME, NOW, PLAN, SPIKE, captured
from pretend.training_run import noisy, series

JUMP = [
    *(
        {**raw, "time": 1_700_000_000 + 2 * int(str(raw["step"]))}
        for raw in series("loss", noisy(200))
    ),
    {"step": 201, "time": 1_700_000_402, "loss": 11.0},
]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(raw) + "\n" for raw in JUMP))
    monkeypatch.chdir(tmp_path)
    return "log.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    take(PLAN, tmp_path, captured(15000, (SPIKE, EXTREME)), NOW)
    take(PLAN, tmp_path, captured(14000, (SPIKE,)), NOW)
    return str(tmp_path / "snapshots")


def test_the_timeline_of_a_log(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "timeline", log]) == 0
    told = capsys.readouterr().out
    assert told == (GOLDEN / "timeline.txt").read_text()
    assert main(["run", "replay", log, "--timeline"]) == 1
    assert capsys.readouterr().out == told


def test_the_counts_of_a_log(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "stats", log]) == 0
    assert capsys.readouterr().out == (GOLDEN / "stats.txt").read_text()


def test_documents_of_a_log(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "timeline", log, "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["timeline"][1] == {
        "step": 201,
        "at": "2023-11-14T22:20:02Z",
        "name": "loss_zscore_449.98",
        "tier": "Critical",
        "action": "Investigate",
        "message": "loss 11 is 449.98 standard deviations above its baseline",
    }
    assert (document["bestStep"], document["bestLoss"], document["earlier"]) == (25, "1.95", 0)
    assert main(["run", "stats", log, "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["total"], document["counts"]["loss_spike"]) == (3, 1)
    assert document["counts"]["loss_nan"] == 0


def test_a_folder_of_snapshots(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "timeline", folder]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{folder}: 2 snapshots\n")
    assert told.index("14000") < told.index("15000   2023")
    assert "loss_zscore_12.45    Critical" in told
    assert "Best step: 12000 (loss 0.6234)" in told
    assert main(["run", "stats", folder]) == 0
    assert "2       loss_spike " in capsys.readouterr().out


def test_one_snapshot(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    (one, _) = sorted(Path(folder).iterdir())
    assert main(["run", "timeline", str(one)]) == 0
    assert ": 1 snapshot\n" in capsys.readouterr().out
    assert main(["run", "stats", str(one / "metadata.json")]) == 0


def test_a_snapshot_of_another_monitor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = tmp_path / "anomaly_20251112_loss_zscore_43.20"
    one.mkdir()
    (one / "metadata.json").write_text(
        '{"step": 17500, "triggers": ["loss_zscore_43.20"], "loss_history": [0.72, NaN]}'
    )
    assert main(["run", "timeline", str(tmp_path)]) == 0
    assert "17500   -      loss_zscore_43.20   -      -" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["logs/none.jsonl", "./none", "none.csv", "a/b/c", "x/llama"])
def test_a_file_that_is_not_there_is_no_service(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "timeline", given, "--kubeconfig", "/nonexistent"]) == 2
    assert f"{given}: no such file or folder" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["llama", "asvc/llama", "anomalyservice/llama"])
def test_a_name_is_asked_of_the_cluster(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "timeline", given, "--kubeconfig", "/nonexistent"]) == 1
    assert "/nonexistent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("loss_zscore_-3.21", "loss_zscore"),
        ("loss_spike_45.2pct", "loss_spike"),
        ("loss_plateau_5000steps", "loss_plateau"),
        ("best_model_loss_0.6234", "best_model_loss"),
        ("inverted_loss_pattern_correct_high", "inverted_loss_pattern_correct_high"),
        ("MULTIPLE_TRIGGERS", "MULTIPLE_TRIGGERS"),
        ("layer_12_norm_zscore_7.20", "layer_12_norm_zscore"),
    ],
)
def test_kinds(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_a_long_timeline_keeps_the_worst() -> None:
    many = [
        RunTrigger(step, "x", "Critical" if step == 3 else "Warning", "Investigate")
        for step in range(200)
    ]
    normal = [RunTrigger(step, "y", "Normal", "Monitor") for step in range(200, 300)]
    shown = short([*many, *normal])
    assert len(shown) == MAX_ROWS
    assert shown[0].step == 3
    assert shown[-1].step == 199


class Page(HTMLParser):
    """Which tags there are, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text())
    return page


def test_the_page_of_a_replay(log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.html"
    assert main(["run", "replay", log, "-o", "json", "--report", str(out)]) == 1
    assert set(json.loads(capsys.readouterr().out)) == {"triggers"}
    page = parsed(out)
    assert page.tags.count("svg") == 1, "no learning rate and no accuracy is logged"
    assert page.tags.count("rect") == 2, "the jump and the best step"
    assert "Go on only after a look at loss_zscore_449.98" in page.text
    assert "best step" in page.text
    assert "http" not in out.read_text().replace("http-equiv", "")


def test_the_page_escapes_what_a_log_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric = "<script>alert(1)</script>"
    path = tmp_path / "<b>.jsonl"
    raws = [
        {"step": step, "loss": 2.0, "learning_rate": 0.1, metric: value}
        for step, value in enumerate([*noisy(200), 99.0])
    ]
    path.write_text("".join(json.dumps(raw) + "\n" for raw in raws))
    out = tmp_path / "run.html"
    assert main(["run", "replay", str(path), "--report", str(out)]) == 1
    page = parsed(out)
    assert not {"script", "b"} & set(page.tags[page.tags.index("h1") :]) - {"b"}
    assert metric in page.text
    assert page.tags.count("svg") == 2


def test_a_page_that_cannot_be_written_is_told_before_the_work(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "replay", log, "--report", str(tmp_path / "none/run.html")]) == 2
    assert "name a file in a folder that you may write to" in capsys.readouterr().err
    assert main(["run", "replay", log, "--report", log]) == 2
    assert "is the log itself" in capsys.readouterr().err
    assert main(["run", "replay", log, "--timeline", "-o", "json"]) == 2
    assert f"run timeline {log} -o json" in capsys.readouterr().err
