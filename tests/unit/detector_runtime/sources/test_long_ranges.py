"""A look-back that is longer than the source takes at once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from detector_runtime.contract.source_request import SourceLimits
from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import RunError
from detector_runtime.sources.prometheus import PrometheusSource
from detector_runtime.sources.prometheus_api import PrometheusMounts
from loopback.prometheus import FakePrometheus
from loopback.server import Answer
from loopback.settings import LATENCY, RATE, prometheus_source

STEP = 300
DAY = 86_400
END = 1_780_000_200
START = END - 60 * DAY
Refusal = Callable[[int, int, int], Answer | None]


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({"rate": lambda t: 1.0, "latency": lambda t: 100.0}) as running:
        yield running


def opened(server: FakePrometheus, tmp_path: Path, seconds: float = 60.0, **changes: object):
    return PrometheusSource(
        replace(prometheus_source(server.url), **changes),  # type: ignore[arg-type]
        (RATE, LATENCY),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, tmp_path),
        deadline=time.monotonic() + seconds,
        sleep=lambda _: None,
    )


def saying(status: int, error: str) -> Answer:
    body = {"status": "error", "errorType": "execution", "error": error}
    return Answer(status, json.dumps(body).encode())


def beyond(days: float, answer: Answer) -> Refusal:
    return lambda start, end, step: answer if end - start > days * DAY else None


def spans(server: FakePrometheus) -> list[float]:
    """The length of each query in days."""
    return [(int(one["end"]) - int(one["start"])) / DAY for one in server.queries]


REFUSALS = [
    saying(422, "the query time range exceeds the limit (query length: 38d, limit: 32d)"),
    saying(400, "the query time range exceeds the limit (query length: 38d, limit: 32d)"),
    saying(422, "query processing would load too many samples into memory in query execution"),
    saying(422, "too many points for the given step; cannot exceed "
           "-search.maxPointsPerTimeseries=9216"),
    saying(503, "query timed out in expression evaluation"),
    saying(503, "exceeded chunks limit"),
    saying(200, "exceeded chunks limit"),
    Answer(504, b"<html>504 Gateway Time-out</html>"),
]  # fmt: skip


@pytest.mark.parametrize("answer", REFUSALS, ids=lambda one: one.body.decode()[-60:])
def test_a_range_that_is_refused_is_asked_for_in_shorter_spans(server, tmp_path, answer) -> None:
    server.refuse = beyond(32, answer)
    frame = opened(server, tmp_path).fetch(START, END).frame
    assert len(frame) == 60 * DAY // STEP
    assert (frame.values == [1.0, 100.0]).all()
    refused = [days for days in spans(server) if days > 32]
    # Once for the first metric; the second begins with what the source took.
    assert len(refused) == 1


def test_a_limit_is_met_by_halving_and_every_window_is_asked_for_once(server, tmp_path) -> None:
    server.refuse = beyond(7, REFUSALS[0])
    opened(server, tmp_path).fetch(START, END)
    assert [round(days, 1) for days in spans(server)[:4]] == [38.2, 19.1, 9.5, 4.8]
    taken = [one for one, days in zip(server.queries, spans(server), strict=True) if days <= 7]
    for query in ("rate", "latency"):
        ends = [
            moment
            for one in taken
            if one["query"] == query
            for moment in range(int(one["start"]), int(one["end"]) + 1, STEP)
        ]
        assert ends == list(range(START + STEP, END + 1, STEP))


def test_a_limit_that_only_a_later_part_exceeds_loses_no_window(server, tmp_path) -> None:
    """Samples grow denser: what passed at first is refused later."""
    dense = END - 10 * DAY
    server.refuse = lambda start, end, step: (
        REFUSALS[2] if end > dense and end - start > 3 * DAY else None
    )
    frame = opened(server, tmp_path).fetch(START, END).frame
    assert (frame.values == [1.0, 100.0]).all()


@pytest.mark.parametrize("status", [422, 503])
def test_when_a_day_is_refused_the_error_names_limit_span_and_ways_out(
    server, tmp_path, status
) -> None:
    said = "the query exceeded the maximum number of samples (configure -querier.max-samples)"
    server.refuse = beyond(0, saying(status, said))
    with pytest.raises(RunError) as caught:
        opened(server, tmp_path).fetch(START, END)
    assert caught.value.outcome is RunOutcome.INVALID_QUERY
    text = str(caught.value)
    for words in (
        "metric 'request_rate'",
        "refuses 1d at a step of 300 s",
        "exceeded the maximum number of samples",
        "shorten spec.training.lookback",
        "raise the source's -querier.max-samples",
        "limits.maxRange",
    ):
        assert words in text
    assert max(Counter(one.path for one in server.asked).values()) == 1


def test_a_source_that_is_too_slow_even_for_a_day_may_be_asked_again_later(
    server, tmp_path
) -> None:
    server.refuse = beyond(0, saying(503, "query timed out in expression evaluation"))
    with pytest.raises(RunError) as caught:
        opened(server, tmp_path).fetch(START, END)
    assert caught.value.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "--query.timeout" in str(caught.value)
    # No request twice: a span that is too long stays too long.
    assert max(Counter(one.path for one in server.asked).values()) == 1


def test_a_short_span_that_timed_out_is_tried_again(server, tmp_path) -> None:
    server.script = [saying(503, "query timed out in query queue")] * 2
    assert len(opened(server, tmp_path).fetch(END - STEP, END).frame) == 1
    assert len(server.asked) == 4


def test_an_answer_that_does_not_come_in_time_is_asked_for_in_shorter_spans(
    server, tmp_path
) -> None:
    def stalled(handler) -> None:
        handler.connection.settimeout(60)
        handler.connection.recv(1)

    late = Answer(200, headers={"Content-Length": "500"}, stream=stalled)
    server.refuse = beyond(32, late)
    frame = opened(server, tmp_path, timeout_seconds=1.0).fetch(START, END).frame
    assert (frame.values == [1.0, 100.0]).all()
    assert len([days for days in spans(server) if days > 32]) == 1


def test_an_answer_that_is_too_large_is_asked_for_in_shorter_spans(server, tmp_path) -> None:
    frame = opened(server, tmp_path, max_response_bytes=100_000).fetch(START, END).frame
    assert (frame.values == [1.0, 100.0]).all()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, 'invalid parameter "query": 1:5: parse error: unexpected <by>'),
        (400, "unknown function with name rat"),
        (422, "multiple matches for labels: many-to-one matching must be explicit"),
        (422, "too long query; got 20000 bytes; mustn't exceed -search.maxQueryLen=16384 bytes"),
    ],
)
def test_a_wrong_query_fails_at_the_first_request(server, tmp_path, status, error) -> None:
    server.refuse = beyond(0, saying(status, error))
    with pytest.raises(RunError) as caught:
        opened(server, tmp_path).fetch(START, END)
    assert caught.value.outcome is RunOutcome.INVALID_QUERY
    assert len(server.asked) == 1


def test_no_shorter_span_is_asked_for_after_the_deadline(server, tmp_path) -> None:
    ended = threading.Event()

    def slowly(start: int, end: int, step: int) -> Answer:
        ended.wait(10.0)
        return REFUSALS[4]

    server.refuse = slowly
    with pytest.raises(RunError) as caught:
        opened(server, tmp_path, seconds=0.5).fetch(START, END)
    ended.set()
    assert caught.value.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "time" in str(caught.value)
    assert len(server.asked) == 1


def test_limits_of_the_settings_spare_the_source_the_first_refusal(server, tmp_path) -> None:
    server.refuse = beyond(32, REFUSALS[0])
    limits = SourceLimits(max_range_seconds=31 * DAY)
    opened(server, tmp_path, limits=limits).fetch(START, END)
    assert max(spans(server)) == 31.0
    assert len(server.asked) == 4
