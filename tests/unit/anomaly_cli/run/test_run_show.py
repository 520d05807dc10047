"""`run show`: the first line says what to do, whatever the state of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_cli.__main__ import main
from anomaly_cli.cluster_reading import incident
from anomaly_cli.run.show import lines
from anomaly_cli.run.status_reading import report_of
from anomaly_cli.run.verdict import Do, verdict
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.codec import decode
from detector_runtime.contract.training_run import Checkpoint, RunState, TrainingRunReport
from loopback.kubeconfig import kubeconfig
from loopback.server import Answer, Asked, LoopbackServer
from pretend.followed_service import OPEN, REPORT, service

NOW = unix_seconds("2026-11-22T11:40:00Z")
GOLDEN = Path(__file__).parent / "golden/show.txt"


def report(**changed: Any) -> TrainingRunReport:
    found = report_of(service(REPORT))
    assert found is not None
    return replace(found, **changed)


def test_the_text() -> None:
    raw = service()
    said = verdict(report_of(raw), NOW)
    told = lines(raw, report_of(raw), said, [incident(OPEN)], (NOW, 100))
    assert told == GOLDEN.read_text().splitlines()


def test_the_status_is_read_as_the_contract_writes_it() -> None:
    assert report_of(service()) == decode(TrainingRunReport, REPORT)


@pytest.mark.parametrize(
    ("changed", "do", "line"),
    [
        (
            {"conclusion": "Stop: loss_nan at step 7. Then go back to step 5 (c/5)."},
            Do.STOP,
            "STOP: loss_nan at step 7. Then go back to step 5 (c/5).",
        ),
        (
            {"conclusion": "Go on: no trigger above Normal stands."},
            Do.GO_ON,
            "GO ON: no trigger above Normal stands.",
        ),
        (
            {"conclusion": "Go on only after a look at loss_zscore_12.10 at step 7."},
            Do.GO_ON,
            "GO ON only after a look at loss_zscore_12.10 at step 7.",
        ),
        ({"conclusion": ""}, Do.GO_ON, "GO ON: no trigger stands."),
        ({"state": RunState.WAITING}, Do.WAIT, "WAIT: the log has no row yet."),
        (
            {"state": RunState.STALLED, "conclusion": "Go on: no trigger stands."},
            Do.CHECK_TRAINER,
            "CHECK THE TRAINER: no row has come since 2026-11-22 11:39 UTC (1m ago).",
        ),
        (
            {
                "state": RunState.FAILED,
                "conclusion": "Go on: no trigger stands.",
                "checkpoint": Checkpoint(14000, "c/14"),
            },
            Do.CHECK_TRAINER,
            "CHECK THE TRAINER: it has failed. Find out why, then resume from step 14000 (c/14).",
        ),
        (
            {"state": RunState.COMPLETED, "conclusion": "Go on: no trigger stands."},
            Do.DONE,
            "DONE: the run is complete; the best loss is 0.5432 at step 12000.",
        ),
        (
            {"state": RunState.ENDED, "conclusion": "Go on: no trigger stands.", "best_loss": ""},
            Do.DONE,
            "DONE: no row comes any more.",
        ),
        (
            {"state": RunState.STALLED, "conclusion": "Stop: loss_nan at step 7."},
            Do.STOP,
            "STOP: loss_nan at step 7.",
        ),
    ],
)
def test_the_first_line(changed: dict[str, Any], do: Do, line: str) -> None:
    said = verdict(report(**changed), NOW)
    assert (said.do, said.line) == (do, line)


def test_going_back_names_the_step() -> None:
    assert verdict(report(), NOW).step == 14000
    assert verdict(report(checkpoint=None), NOW).step == 0


def test_a_service_that_has_told_nothing_yet_waits() -> None:
    raw = service(None)
    text = lines(raw, None, verdict(None, NOW), [], (NOW, 100))
    assert text[0] == "WAIT: the log has no row yet."
    assert "Open       no open finding" in text


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"log": {"claim": "c"}},
            "none known; spec.trainingRun.checkpoints says where the trainer",
        ),
        ({"log": {"claim": "c"}, "checkpoints": "c/{step}"}, "none known"),
        ({"mlflow": {"runId": "a"}}, "none known"),
    ],
)
def test_where_checkpoints_would_be_found(spec: dict[str, Any], told: str) -> None:
    raw = {**service(), "spec": {"profile": "TrainingRun", "trainingRun": spec}}
    found = report(checkpoint=None)
    line = next(
        one for one in lines(raw, found, verdict(found, NOW), [], (NOW, 200)) if "Checkpoint" in one
    )
    assert line.startswith(f"Checkpoint {told}")
    assert ("spec" in line) == ("spec" in told)


@pytest.mark.parametrize("status", [{"state": 3, "counts": {}, "timeline": ["x"]}, {"step": "?"}])
def test_a_status_of_another_release_is_no_failure(status: dict[str, Any]) -> None:
    raw = service(status)
    assert lines(raw, report_of(raw), verdict(report_of(raw), NOW), [], (NOW, 100))


def answering(raw: dict[str, Any]) -> Any:
    def respond(asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        if path.endswith("/anomalyservices/llama"):
            found: Any = raw
        elif path.endswith("/anomalies"):
            other = {**OPEN, "metadata": {"name": "x", "namespace": "shop"}}
            other["spec"] = {**OPEN["spec"], "serviceRef": {"name": "other"}}
            found = {"items": [OPEN, other], "metadata": {}}
        elif path.endswith("/anomalyservices"):
            plain = service(None, "")
            plain["metadata"] = {"name": "checkout", "namespace": "shop"}
            found = {"items": [raw, plain], "metadata": {}}
        else:
            body = {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}
            return Answer(404, json.dumps(body).encode())
        return Answer(200, json.dumps(found).encode())

    return respond


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    with LoopbackServer(answering(service())) as server:
        yield str(kubeconfig(tmp_path / "kubeconfig", server.port))


def test_the_command(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "show", "asvc/llama", "--kubeconfig", cluster]) == 0
    told = capsys.readouterr().out
    assert told.startswith("GO BACK to step 14000 (checkpoints/checkpoint-14000): ")
    assert "llama-1, Critical" in told
    assert "\nOpen       x" not in told


def test_documents(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "show", "llama", "--kubeconfig", cluster, "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"]["do"] == "GoBack"
    assert document["verdict"]["step"] == 14000
    assert document["trainingRun"] == REPORT
    assert [one["name"] for one in document["open"]] == ["llama-1"]
    assert main(["run", "show", "llama", "--kubeconfig", cluster, "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == document


def test_a_service_of_another_profile_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LoopbackServer(answering(service(None, ""))) as server:
        target = ["--kubeconfig", str(kubeconfig(tmp_path / "k", server.port))]
        assert main(["run", "show", "llama", *target]) == 1
    assert "its spec.profile is Microservice, not TrainingRun" in capsys.readouterr().err


def test_the_timeline_and_the_counts_of_a_service(
    cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--kubeconfig", cluster]
    assert main(["run", "timeline", "llama", *target]) == 0
    told = capsys.readouterr().out
    assert "15000   2026-11-22 11:36 UTC   MULTIPLE_TRIGGERS" in told
    assert "6 earlier triggers are only counted\nBest step: 12000 (loss 0.5432)\n" in told
    assert "Conclusion: Go back to step 14000" in told
    assert main(["run", "stats", "llama", *target]) == 0
    told = capsys.readouterr().out
    assert "2       loss_spike " in told
    assert "8 triggers in all" in told


def test_names_are_completed(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = ["--kubeconfig", cluster]
    assert main(["__complete", "run", *target, "show", ""]) == 0
    assert capsys.readouterr().out.splitlines() == ["llama", ":4"]
    assert main(["__complete", "run", "timeline", *target, ""]) == 0
    assert capsys.readouterr().out.splitlines() == ["llama", ":0"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["run", ""], ["compare", "replay", "show", "stats", "timeline", ":4"]),
        (["run", "replay", "--rep"], ["--report", ":0"]),
        (["run", "replay", ""], [":0"]),
        (["run", "compare", "a", ""], [":0"]),
        (["run", "compare", "a", "b", ""], [":4"]),
        (["run", "replay", "--mode", "standard", ""], [":0"]),
    ],
)
def test_words_are_completed(
    words: list[str], wanted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["__complete", *words]) == 0
    assert capsys.readouterr().out.splitlines() == wanted


@pytest.mark.parametrize("action", ["show", "timeline", "stats", "compare", "replay"])
def test_the_help_of_every_action_says_its_exit_codes(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", action, "--help"])
    assert ended.value.code == 0
    assert "Exit codes: 0" in capsys.readouterr().out
