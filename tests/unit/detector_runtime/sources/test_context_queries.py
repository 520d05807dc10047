"""The largest series of an expression, over HTTP on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import RunError
from detector_runtime.sources.context_queries import MAX_BYTES, ContextQueries
from detector_runtime.sources.prometheus_api import PrometheusMounts
from loopback.prometheus import FakePrometheus
from loopback.server import Answer
from loopback.settings import prometheus_source

NOW = 1_780_000_080
QUERY = "sum by (route) (rate(x[5m])) # by route"


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({}) as running:
        yield running


def opened(server: FakePrometheus, folder: Path, seconds: float = 20.0) -> ContextQueries:
    return ContextQueries(
        prometheus_source(server.url),
        mounts=PrometheusMounts(folder, folder),
        deadline=time.monotonic() + seconds,
        sleep=lambda _: None,
    )


def failure(source: ContextQueries) -> RunError:
    with pytest.raises(RunError) as caught:
        source.largest(QUERY, 3, NOW)
    return caught.value


def test_the_source_is_asked_for_the_largest_at_one_moment(server, tmp_path):
    server.labelled = {QUERY: [({"route": "/pay"}, "2.5"), ({"route": "/inf"}, "+Inf")]}
    found = opened(server, tmp_path).largest(QUERY, 3, NOW)
    assert found == [({"route": "/pay"}, 2.5), ({"route": "/inf"}, float("inf"))]
    (asked,) = server.queries
    assert asked["query"] == f"topk(3,\n{QUERY}\n)"
    assert (asked["start"], asked["end"]) == (str(NOW), str(NOW))


def test_no_series_is_no_error(server, tmp_path):
    assert opened(server, tmp_path).largest(QUERY, 3, NOW) == []


def test_an_answer_that_is_too_long_is_refused(server, tmp_path):
    rows = [{"metric": {"route": "x" * 100}, "values": [[NOW, "1"]]}] * (MAX_BYTES // 100)
    data = {"resultType": "matrix", "result": rows}
    server.script = [Answer(200, json.dumps({"status": "success", "data": data}).encode())]
    assert failure(opened(server, tmp_path)).outcome is RunOutcome.RESPONSE_TOO_LARGE


def test_a_refused_query_is_told_in_the_words_of_the_source(server, tmp_path):
    body = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected )"}
    server.script = [Answer(400, json.dumps(body).encode())]
    assert "parse error: unexpected )" in str(failure(opened(server, tmp_path)))


def test_after_the_deadline_of_all_nothing_is_sent(server, tmp_path):
    late = failure(opened(server, tmp_path, seconds=0.0))
    assert late.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert server.asked == []


def test_what_is_no_answer_of_a_range_query_is_an_error(server, tmp_path):
    server.script = [Answer(200, b'{"data": {}}'), Answer(200, b"[]")]
    for _ in range(2):
        assert failure(opened(server, tmp_path)).outcome is RunOutcome.SOURCE_UNAVAILABLE
