"""Rows from metrics of a Prometheus API: joined per point, read in parts, partial answers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, RunOutcome, Unit
from detector_runtime.errors import RunError
from detector_runtime.run_log import prometheus_rows
from detector_runtime.run_log.prometheus_rows import PrometheusRows, grid_seconds
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.sources.prometheus_api import PrometheusMounts
from detector_runtime.training_run.rows import Row
from loopback.prometheus import FakePrometheus
from loopback.server import Answer
from loopback.settings import prometheus_source

END = 1_780_000_080
GRID = 15
BEGIN = END - 1200
"""The trainer starts twenty minutes before the end and reports a step every 30 s."""


def metric(name: str, role: Role, unit: Unit = Unit.NONE) -> MetricSpec:
    return MetricSpec(name, role, name, unit, Direction.UP)


STEP = metric("step", Role.STEP)
METRICS = (
    metric("loss", Role.LOSS),
    STEP,
    metric("rate", Role.LEARNING_RATE),
    metric("grad_norm", Role.CUSTOM),
)


def number(at: int) -> int:
    return (at - BEGIN) // 30


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({}) as running:
        running.series = {
            "step": lambda at: 100.0 * number(at) if at >= BEGIN else None,
            "loss": lambda at: 2.0 - number(at) / 100 if at >= BEGIN else None,
            "rate": lambda at: 3e-4 if at >= BEGIN else None,
            "grad_norm": lambda at: 1.0 if at >= BEGIN and number(at) % 2 == 0 else None,
        }
        yield running


def opened(
    server: FakePrometheus,
    folder: Path,
    metrics: tuple[MetricSpec, ...] = METRICS,
    lookback: int = 7200,
) -> PrometheusRows:
    return PrometheusRows(
        prometheus_source(server.url),
        metrics,
        step=60,
        lookback=lookback,
        mounts=PrometheusMounts(folder, folder),
        deadline=time.monotonic() + 30,
        sleep=lambda _: None,
    )


def read(
    rows: PrometheusRows, position: Position | None = None, until: float = END
) -> list[Row | BadLine]:
    return list(rows.read(position, until))


def test_what_all_metrics_say_at_a_new_step_is_one_row(server, tmp_path):
    rows = opened(server, tmp_path)
    found = read(rows)
    assert len(found) == 40
    assert found[1] == Row(100, loss=1.99, learning_rate=3e-4, time=float(BEGIN + 30))
    assert found[2] == Row(
        200, loss=1.98, learning_rate=3e-4, metrics={"grad_norm": 1.0}, time=float(BEGIN + 60)
    )
    assert rows.notes() == ()


def test_rows_at_the_end_of_the_newest_window_wait_for_the_next_run(server, tmp_path):
    rows = opened(server, tmp_path)
    assert [row.time for row in read(rows, until=BEGIN + 60)] == [BEGIN, BEGIN + 30.0]  # type: ignore[union-attr]
    later = opened(server, tmp_path)
    assert [row.time for row in read(later, rows.position(), BEGIN + 61)] == [BEGIN + 60.0]  # type: ignore[union-attr]


def test_a_run_that_is_read_in_parts_has_the_rows_of_one_reading(server, tmp_path):
    whole = read(opened(server, tmp_path))
    parts: list[Row | BadLine] = []
    position: Position | None = None
    for end in (BEGIN - 60, BEGIN + 17, BEGIN + 300, BEGIN + 301, BEGIN + 777, END):
        rows = opened(server, tmp_path)
        parts += read(rows, position, end)
        position = json.loads(json.dumps(rows.position()))
    assert parts == whole


def test_a_reading_that_is_broken_off_goes_on_behind_its_last_row(server, tmp_path):
    rows = opened(server, tmp_path)
    reading = rows.read(None, END)
    begun = [next(reading) for _ in range(5)]
    rest = read(opened(server, tmp_path), rows.position())
    assert [*begun, *rest] == read(opened(server, tmp_path))


def test_history_is_asked_for_in_spans_that_fit_into_memory(server, tmp_path, monkeypatch):
    monkeypatch.setattr(prometheus_rows, "SPAN_POINTS", 40)
    whole = read(opened(server, tmp_path))
    assert len(whole) == 40
    spans = [(int(one["end"]) - int(one["start"])) // GRID + 1 for one in server.queries]
    assert max(spans) == 40
    # Before the run there is no step, and the other metrics are not asked for.
    assert [one["query"] for one in server.queries[:3]] == ["step", "step", "step"]


def test_a_trainer_that_stands_still_gives_no_rows(server, tmp_path):
    rows = opened(server, tmp_path)
    read(rows)
    server.series |= {"step": lambda at: 3900.0, "loss": lambda at: 1.61}
    assert read(opened(server, tmp_path), rows.position(), END + 600) == []


def test_a_resume_goes_back(server, tmp_path):
    server.series["step"] = lambda at: float(number(at) % 10) if at >= BEGIN else None
    steps = [row.step for row in read(opened(server, tmp_path)) if isinstance(row, Row)]
    assert steps == [*range(10)] * 4


def test_nan_is_a_value_and_a_hole_is_none(server, tmp_path):
    server.series["loss"] = lambda at: math.nan if at == BEGIN + 30 else None
    found = [row.loss for row in read(opened(server, tmp_path))]  # type: ignore[union-attr]
    assert found[0] is None
    assert found[1] is not None
    assert math.isnan(found[1])


def test_a_step_that_is_no_number_is_a_bad_line(server, tmp_path):
    server.series["step"] = lambda at: math.nan if at >= END - 30 else None
    assert read(opened(server, tmp_path)) == [
        BadLine(f"sample at unix time {END - 30}", "step is nan; needs a whole number from 0")
    ]


def test_accuracy_in_percent_is_told_by_its_unit(server, tmp_path):
    server.series["accuracy"] = lambda at: 55.0 if at >= BEGIN else None
    metrics = (STEP, metric("accuracy", Role.ACCURACY, Unit.PERCENT))
    assert read(opened(server, tmp_path, metrics))[0] == Row(
        0, accuracy_percent=55.0, time=float(BEGIN)
    )


def test_a_partial_answer_is_named_and_asked_for_again(server, tmp_path):
    server.warnings = ["store is down"]
    server.series["step"] = lambda at: 100.0 * number(at) if BEGIN <= at < END - 300 else None
    rows = opened(server, tmp_path)
    first = read(rows)
    assert rows.notes() == ("the source's answer is partial: store is down",)
    server.warnings = []
    server.series["step"] = lambda at: 100.0 * number(at) if at >= BEGIN else None
    later = opened(server, tmp_path)
    rest = read(later, rows.position())
    assert [*first, *rest] == read(opened(server, tmp_path))
    assert later.notes() == ()


def test_a_clock_that_is_off_is_named(server, tmp_path):
    server.headers = {"Date": formatdate(time.time() + 300, usegmt=True)}
    rows = opened(server, tmp_path)
    read(rows)
    assert rows.notes() == ("the source's clock is more than 60 s ahead of this pod's",)


def test_an_outage_keeps_the_rows_before_it(server, tmp_path, monkeypatch):
    monkeypatch.setattr(prometheus_rows, "SPAN_POINTS", 40)
    server.refuse = lambda start, end, step: Answer(503, b"down") if end > END - 300 else None
    rows = opened(server, tmp_path)
    reading = rows.read(None, END)
    kept: list[Row | BadLine] = []

    def keep() -> None:
        for one in reading:
            kept.append(one)  # noqa: PERF402 - what came before the error is kept

    with pytest.raises(RunError) as caught:
        keep()
    assert kept
    assert caught.value.outcome is RunOutcome.SOURCE_UNAVAILABLE
    server.refuse = lambda start, end, step: None
    rest = read(opened(server, tmp_path), rows.position())
    assert [*kept, *rest] == read(opened(server, tmp_path))


def test_a_wrong_query_names_the_metric(server, tmp_path):
    body = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected )"}
    server.script = [Answer(400, json.dumps(body).encode())]
    with pytest.raises(RunError) as caught:
        read(opened(server, tmp_path))
    assert caught.value.outcome is RunOutcome.INVALID_QUERY
    assert "metric 'step'" in str(caught.value)


def test_the_address_is_guarded(tmp_path):
    spec = replace(prometheus_source("http://127.0.0.1:9"), allow_loopback=False)
    with pytest.raises(RunError) as caught:
        PrometheusRows(
            spec, METRICS, step=60, lookback=0, mounts=PrometheusMounts(tmp_path, tmp_path),
            deadline=time.monotonic() + 1,
        )  # fmt: skip
    assert caught.value.outcome is RunOutcome.ADDRESS_REFUSED


@pytest.mark.parametrize(
    ("step", "grid"), [(60, 15), (90, 15), (20, 10), (7, 7), (300, 15), (61, 61), (1, 1)]
)
def test_the_grid_divides_a_window(step, grid):
    assert grid_seconds(step) == grid
