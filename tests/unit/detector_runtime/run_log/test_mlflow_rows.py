"""Rows of an MLflow run over HTTP: joined per step, read in parts, and what is no such answer."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from detector_runtime.contract.run_config import MetricSpec, SourceSpec
from detector_runtime.contract.vocabulary import (
    AuthType,
    Direction,
    Role,
    RunOutcome,
    SourceType,
    Unit,
)
from detector_runtime.errors import RunError
from detector_runtime.run_log import mlflow_rows
from detector_runtime.run_log.mlflow_api import MLflowAPI
from detector_runtime.run_log.mlflow_rows import MLflowRows
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.run_log.trainer import TrainerState
from detector_runtime.sources.prometheus_api import PrometheusMounts
from detector_runtime.training_run.rows import Row
from loopback.mlflow import RUN, FakeMLflow, refusal
from loopback.server import Answer

START = 1_780_000_000
END = float(START + 100_000)


@pytest.fixture
def server() -> Iterator[FakeMLflow]:
    with FakeMLflow() as running:
        yield running


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_rows, "FIRST_PAGE", 7)
    monkeypatch.setattr(mlflow_rows, "NEXT_PAGE", 3)


def source(url: str, **more: object) -> SourceSpec:
    spec = SourceSpec("tracking", SourceType.MLFLOW, url=url, timeout_seconds=5.0,
                      allow_loopback=True)  # fmt: skip
    return replace(spec, **more)  # type: ignore[arg-type]


def opened(
    spec: SourceSpec, folder: Path, run: str = RUN, metrics: tuple[MetricSpec, ...] = ()
) -> MLflowRows:
    api = MLflowAPI(
        spec,
        mounts=PrometheusMounts(folder, folder),
        deadline=time.monotonic() + 30,
        sleep=lambda _: None,
    )
    return MLflowRows(api, run, metrics)


def rows_of(
    server: FakeMLflow, folder: Path, position: Position | None = None, until: float = END
) -> tuple[list[Row], MLflowRows]:
    rows = opened(source(server.url), folder)
    found = list(rows.read(position, until))
    assert not any(isinstance(one, BadLine) for one in found)
    return [one for one in found if isinstance(one, Row)], rows


def failure(spec: SourceSpec, folder: Path, run: str = RUN) -> RunError:
    with pytest.raises(RunError) as caught:
        list(opened(spec, folder, run).read(None, END))
    return caught.value


def logged(server: FakeMLflow, steps: int, pause: int = 1000) -> None:
    for step in range(steps):
        at = START * 1000 + step * pause
        server.log(at, step, train_loss=2.0 - step / 1000)
        server.log(at + 3, step, lr=3e-4)
        if step % 10 == 0:
            server.log(at + 5, step, eval_loss=2.1)


def test_values_of_one_step_are_one_row(server, tmp_path):
    logged(server, 25)
    rows, _ = rows_of(server, tmp_path)
    assert [row.step for row in rows] == list(range(25))
    assert rows[10] == Row(
        10, loss=1.99, learning_rate=3e-4, metrics={"eval_loss": 2.1}, time=START + 10.0
    )
    assert rows[11].metrics == {}


def test_pages_are_followed_and_the_next_run_asks_for_the_last_one_alone(
    server, tmp_path, small_pages
):
    logged(server, 30)
    rows, first = rows_of(server, tmp_path)
    assert [row.step for row in rows] == list(range(30))
    position = json.loads(json.dumps(first.position()))
    before = len(server.asked)
    for step in (30, 31):
        server.log(START * 1000 + step * 1000, step, train_loss=1.0, lr=1e-4)
    rows, _ = rows_of(server, tmp_path, position)
    assert [(row.step, row.loss) for row in rows] == [(30, 1.0), (31, 1.0)]
    asked = [one["metric_key"] for one in server.pages_asked[-(len(server.asked) - before) + 1 :]]
    assert max(map(asked.count, asked)) <= 3


def test_a_run_without_news_begins_with_the_last_page_the_next_time(server, tmp_path, monkeypatch):
    monkeypatch.setattr(mlflow_rows, "NEXT_PAGE", 3)
    server.metrics["loss"] = [(START * 1000 + step, step, 1.0) for step in range(10)]
    _, first = rows_of(server, tmp_path)
    assert len(server.pages_asked) == 1
    _, second = rows_of(server, tmp_path, first.position())
    assert len(server.pages_asked) == 1 + 4
    rows_of(server, tmp_path, second.position())
    assert len(server.pages_asked) == 1 + 4 + 1


def test_the_history_is_asked_for_in_large_pages_first(server, tmp_path):
    logged(server, 3)
    _, rows = rows_of(server, tmp_path)
    assert {one["max_results"] for one in server.pages_asked} == {"10000"}
    rows_of(server, tmp_path, rows.position())
    assert server.pages_asked[-1]["max_results"] == "1000"


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_is_read_in_parts_has_the_rows_of_one_reading(
    server, tmp_path, small_pages, seed
):
    logged(server, 60, pause=700)
    for step in range(20, 40):  # a resume
        server.log(START * 1000 + 60_000 + step * 700, step, train_loss=1.5, lr=2e-4)
    whole, _ = rows_of(server, tmp_path)
    generator = random.Random(seed)
    ends = sorted(START + 90 * generator.random() for _ in range(6))
    parts: list[Row] = []
    position: Position | None = None
    for end in [*ends, END]:
        rows, reader = rows_of(server, tmp_path, position, end)
        assert all(row.time is not None and row.time < end for row in rows)
        parts += rows
        position = json.loads(json.dumps(reader.position()))
    assert parts == whole


def test_a_reading_that_is_broken_off_goes_on_behind_its_last_row(server, tmp_path):
    logged(server, 12)
    rows = opened(source(server.url), tmp_path)
    reading = rows.read(None, END)
    begun = [next(reading) for _ in range(5)]
    rest, _ = rows_of(server, tmp_path, rows.position())
    whole, _ = rows_of(server, tmp_path)
    assert [*begun, *rest] == whole


def test_only_the_loss_takes_a_run_back(server, tmp_path):
    for step in range(100):
        server.log(START * 1000 + step * 1000, step, loss=1.0)
    server.log(START * 1000 + 99_500, 50, eval_accuracy=0.5)  # an evaluation of 50 s
    server.log(START * 1000 + 120_000, 60, loss=1.0)  # a resume
    rows, _ = rows_of(server, tmp_path)
    assert [(row.step, dict(row.metrics)) for row in rows[-3:]] == [
        (99, {}), (99, {"eval_accuracy": 0.5}), (60, {}),
    ]  # fmt: skip


def test_numbers_may_be_text(server, tmp_path):
    server.whole_numbers_as_text = True
    server.log(START * 1000, 0, loss=math.nan, grad_norm=math.inf)
    server.log(START * 1000 + 1000, 1, loss=1.7976931348623157e308)
    rows, _ = rows_of(server, tmp_path)
    assert rows[0].loss is not None
    assert math.isnan(rows[0].loss)
    assert rows[0].metrics == {"grad_norm": math.inf}
    # A database without infinities keeps the largest double in their place.
    assert rows[1].loss == math.inf


def test_a_store_without_pages_is_read_too(server, tmp_path):
    server.pages = False
    logged(server, 40)
    rows, reader = rows_of(server, tmp_path)
    assert len(rows) == 40
    logged(server, 0)
    assert rows_of(server, tmp_path, reader.position())[0] == []


def test_a_page_token_that_the_server_forgot_costs_only_another_reading(
    server, tmp_path, small_pages
):
    logged(server, 30)
    _, reader = rows_of(server, tmp_path, until=START + 20.0)
    server.tokens_known = False
    server.pages = False
    rows, _ = rows_of(server, tmp_path, reader.position())
    assert [row.step for row in rows] == list(range(20, 30))


def test_metrics_of_the_machine_and_progress_are_left_out(server, tmp_path):
    server.log(START * 1000, 1, loss=1.0, epoch=0.1, step=1.0)
    server.metrics["system/cpu_utilization_percentage"] = [(START * 1000, 0, 99.0)]
    rows, _ = rows_of(server, tmp_path)
    assert rows == [Row(1, loss=1.0, time=float(START))]


def test_the_number_of_metrics_is_bounded_and_said(server, tmp_path):
    server.log(START * 1000, 1, loss=1.0, **{f"layer_{n:02}": 1.0 for n in range(60)})
    rows, reader = rows_of(server, tmp_path)
    assert rows[0].loss == 1.0
    assert len(rows[0].metrics) == mlflow_rows.MAX_METRICS - 1
    assert [note.partition(";")[0] for note in reader.notes()] == [
        "the run has more than 32 metrics"
    ]


def test_named_metrics_are_read_by_their_role(server, tmp_path):
    server.log(START * 1000, 1, ce=1.0, top1=71.0, other=5.0)
    metrics = (
        MetricSpec("loss", Role.LOSS, "ce", Unit.NONE, Direction.UP),
        MetricSpec("correct", Role.ACCURACY, "top1", Unit.PERCENT, Direction.DOWN),
        MetricSpec("norm", Role.CUSTOM, "grad_norm", Unit.NONE, Direction.UP),
    )
    rows = opened(source(server.url), tmp_path, metrics=metrics)
    assert list(rows.read(None, END)) == [
        Row(1, loss=1.0, accuracy_percent=71.0, time=float(START))
    ]
    assert rows.notes() == ("the run has no metric grad_norm yet",)


def test_a_clock_that_is_days_ahead_gives_rows_without_a_time(server, tmp_path):
    server.log((START + 10**7) * 1000, 1, loss=1.0)
    rows, _ = rows_of(server, tmp_path)
    assert rows == [Row(1, loss=1.0)]


@pytest.mark.parametrize(
    ("status", "state"),
    [("RUNNING", "Running"), ("SCHEDULED", "Running"), ("FINISHED", "Completed"),
     ("FAILED", "Failed"), ("KILLED", "Failed"), ("NEW_ONE", "Unknown")],
)  # fmt: skip
def test_the_state_of_the_run_is_that_of_the_trainer(server, tmp_path, status, state):
    server.status = status
    _, reader = rows_of(server, tmp_path)
    assert reader.trainer.state is TrainerState(state)
    assert (status in reader.trainer.note) == (state == "Failed")


def test_an_unknown_run_is_a_wrong_spec(server, tmp_path):
    error = failure(source(server.url), tmp_path, run="abc")
    assert error.outcome is RunOutcome.INVALID_CONFIG
    assert "spec.trainingRun.mlflow.runId 'abc': source 'tracking' knows no such run" in str(error)


def test_a_wrong_path_is_named(server, tmp_path):
    server.script = [Answer(404, b"<html>not here</html>")]
    error = failure(source(server.url + "/elsewhere"), tmp_path)
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "check the path in the source's url" in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials(server, tmp_path, status):
    (tmp_path / "token").write_text("s3cret")
    server.script = [refusal(status, "PERMISSION_DENIED", "no s3cret here")]
    error = failure(source(server.url, auth=AuthType.BEARER), tmp_path)
    assert error.outcome is RunOutcome.SOURCE_UNAUTHORIZED
    assert "s3cret" not in str(error)
    assert server.asked[0].headers["authorization"] == "Bearer s3cret"


def test_an_answer_that_is_cut_is_tried_again(server, tmp_path):
    logged(server, 2)
    cut = Answer(200, headers={"Content-Length": "500"},
                 stream=lambda handler: handler.wfile.write(b'{"run": {"info"'))  # fmt: skip
    server.script = [cut]
    rows, _ = rows_of(server, tmp_path)
    assert len(rows) == 2
    server.script = [cut] * 4
    error = failure(source(server.url), tmp_path)
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "the answer ended early" in str(error)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html></html>", b'{"run": 5}'])
def test_what_is_no_tracking_server_is_refused(server, tmp_path, body):
    server.script = [Answer(200, body)]
    error = failure(source(server.url), tmp_path)
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "MLflow tracking server" in str(error)


def test_a_value_of_another_shape_is_refused(server, tmp_path):
    logged(server, 1)
    run = server.run_document()
    server.script = [
        Answer(200, json.dumps(run).encode()),
        Answer(200, b'{"metrics": [{"key": "train_loss", "value": "low"}]}'),
    ]
    assert "'train_loss' without timestamp, step and value" in str(
        failure(source(server.url), tmp_path)
    )


def test_an_answer_that_is_too_large_is_refused(server, tmp_path):
    logged(server, 50)
    error = failure(source(server.url, max_response_bytes=2000), tmp_path)
    assert error.outcome is RunOutcome.RESPONSE_TOO_LARGE


def test_the_address_is_guarded(server, tmp_path):
    error = failure_at_opening(source(server.url, allow_loopback=False), tmp_path)
    assert error.outcome is RunOutcome.ADDRESS_REFUSED


def failure_at_opening(spec: SourceSpec, folder: Path) -> RunError:
    with pytest.raises(RunError) as caught:
        opened(spec, folder)
    return caught.value
