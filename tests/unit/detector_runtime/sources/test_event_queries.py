"""Counts for objectives over HTTP: one answer for many parts, and what is no whole answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import RunError
from detector_runtime.objectives.queries import LABEL, Ask, joined
from detector_runtime.sources.event_queries import EventQueries
from detector_runtime.sources.prometheus_api import PrometheusMounts
from loopback.events import objective
from loopback.prometheus import FakePrometheus
from loopback.server import Answer
from loopback.settings import prometheus_source

NOW, STEP = 1_780_000_080, 120
SPEC = objective()
QUERY = joined([Ask(SPEC, 300), Ask(SPEC, 3600)])


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({}) as running:
        running.events = lambda name, side, window, at: (
            None if (side, window) == ("errors", "1h") else float(at % 7)
        )
        yield running


def opened(server: FakePrometheus, folder: Path) -> EventQueries:
    return EventQueries(
        prometheus_source(server.url),
        LABEL,
        mounts=PrometheusMounts(folder, folder),
        deadline=time.monotonic() + 20,
        sleep=lambda _: None,
    )


def failure(source: EventQueries) -> RunError:
    with pytest.raises(RunError) as caught:
        source.values(QUERY, NOW, NOW, STEP)
    return caught.value


def answer(*marks: str, **more: object) -> Answer:
    found = [{"metric": {LABEL: mark}, "values": [[NOW, "1"]]} for mark in marks]
    data = {"resultType": "matrix", "result": found}
    return Answer(200, json.dumps({"status": "success", "data": data, **more}).encode())


def test_each_part_is_told_by_its_mark_at_each_window(server, tmp_path):
    found = opened(server, tmp_path).values(QUERY, NOW - STEP, NOW, STEP)
    at = {NOW - STEP: float((NOW - STEP) % 7), NOW: float(NOW % 7)}
    assert found == {
        "availability/errors/5m": at,
        "availability/total/5m": at,
        "availability/total/1h": at,
    }
    assert len(server.asked) == 1
    assert server.queries[0]["query"] == QUERY


def test_a_long_expression_goes_into_the_body(server, tmp_path):
    asks = [Ask(objective(f"o{n}"), 300 * (n % 5 + 1)) for n in range(30)]
    found = opened(server, tmp_path).values(joined(asks), NOW, NOW, STEP)
    assert len(found) == 60
    assert server.asked[0].method == "POST"


def test_several_series_of_one_query_name_the_objective(server, tmp_path):
    server.script = [answer("availability/errors/5m", "availability/errors/5m")]
    error = failure(opened(server, tmp_path))
    assert error.outcome is RunOutcome.INVALID_QUERY
    assert str(error).startswith("availability/errors/5m: the query returns several series")


def test_a_partial_answer_is_none(server, tmp_path):
    server.script = [answer("availability/errors/5m", warnings=["store is down"])]
    error = failure(opened(server, tmp_path))
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "store is down" in str(error)


def test_a_refused_expression_is_an_invalid_query(server, tmp_path):
    body = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected )"}
    server.script = [Answer(400, json.dumps(body).encode())]
    error = failure(opened(server, tmp_path))
    assert error.outcome is RunOutcome.INVALID_QUERY
    assert "parse error: unexpected )" in str(error)


def test_nothing_but_a_matrix_is_taken(server, tmp_path):
    server.script = [Answer(200, b'{"status": "success", "data": {"resultType": "scalar"}}')]
    assert failure(opened(server, tmp_path)).outcome is RunOutcome.SOURCE_UNAVAILABLE
