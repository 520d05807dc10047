"""`run replay --schedule`: what the learning rate is to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anomaly_cli.__main__ import main
from anomaly_cli.refusal import ArgumentError
from anomaly_cli.run.schedule import schedule_of
from detector_runtime.contract.training_run import DeclaredSchedule, RateSchedule

COSINE = DeclaredSchedule(RateSchedule.COSINE, 3e-4, 2000, 143_000, 3e-5)


@pytest.mark.parametrize(
    "text",
    [
        "kind=Cosine,peak=0.0003,warmupSteps=2000,totalSteps=143000,final=3e-5",
        (
            '{"kind": "Cosine", "peak": "0.0003", "warmupSteps": 2000, "totalSteps": 143000, '
            '"final": "0.00003"}'
        ),
    ],
)
def test_a_schedule_is_json_or_pairs(text: str) -> None:
    assert schedule_of(text) == COSINE
    assert schedule_of("") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind", "kind: needs NAME=VALUE"),
        ("{", "is no JSON"),
        ("kind=Sine,peak=1", "kind is needed, one of Constant, Linear"),
        ("kind=Constant", "peak is needed"),
        ("kind=Constant,peak=1,warmup=3", "no field warmup; there are kind, peak"),
        ("kind=Constant,peak=x", "peak is x; needs a number from 0"),
        ("kind=Constant,peak=1,warmupSteps=1.5", "warmupSteps is 1.5; needs a whole number"),
        ("kind=Cosine,peak=1,warmupSteps=10,totalSteps=10", "Cosine needs totalSteps above"),
        ("kind=Step,peak=1,everySteps=10,factor=2", "Step needs everySteps, and a factor"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        schedule_of(text)


def test_a_replay_knows_the_schedule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = [3e-4] * 50 + [2e-4] * 50
    log = tmp_path / "log.jsonl"
    log.write_text(
        "".join(json.dumps({"step": at, "lr": rate}) + "\n" for at, rate in enumerate(rates))
    )
    assert main(["run", "replay", str(log)]) == 0
    capsys.readouterr()
    schedule = ["--schedule", "kind=Constant,peak=0.0003"]
    assert main(["run", "replay", str(log), *schedule, "-o", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["triggers"]
    assert (found["step"], found["tier"]) == (50, "Critical")
