"""Which refusals speak of a limit that a shorter span may keep. The words are those of the products
(Prometheus 3, Thanos, Cortex, Mimir 2, VictoriaMetrics 1, M3, the managed services).
"""

from __future__ import annotations

import pytest

from detector_runtime.contract.source_request import SourceLimits
from detector_runtime.sources.limits import LimitKind, limit_of
from detector_runtime.sources.refusal import message
from detector_runtime.sources.spans import fewer_windows, length, most_windows

MIMIR_LENGTH = (
    "the total query time range exceeds the limit (query length: 917h0m0s, limit: 768h0m0s) "
    "(err-mimir-max-total-query-length). To adjust the related per-tenant limit, configure "
    "-query-frontend.max-total-query-length, or contact your service administrator."
)
VM_SAMPLES = (
    "cannot select more than -search.maxSamplesPerQuery=1000000000 samples; possible solutions: "
    "increase the -search.maxSamplesPerQuery; reduce time range for the query; use more specific "
    "label filters in order to select fewer series"
)
LIMITS = [
    (400, ("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
     "resolution (?step=XX)"), LimitKind.POINTS),
    (422, ("too many points for the given step=300000, start=1, end=2: 11000; cannot exceed "
     "-search.maxPointsPerTimeseries=1000"), LimitKind.POINTS),
    (422, MIMIR_LENGTH, LimitKind.RANGE),
    (400, "the query time range exceeds the limit (query length: 917h0m0s, limit: 768h0m0s)",
     LimitKind.RANGE),
    (500, "the query time range exceeds the limit (query length: 917h0m0s, limit: 768h0m0s)",
     LimitKind.RANGE),
    (422, "query time range 38d exceeds the maximum of 32 days", LimitKind.RANGE),
    (400, "The maximum query range is 32 days", LimitKind.RANGE),
    (400, "max query length exceeded", LimitKind.RANGE),
    (422, "query processing would load too many samples into memory in query execution",
     LimitKind.AMOUNT),
    (422, VM_SAMPLES, LimitKind.AMOUNT),
    (422, ("the query exceeded the maximum number of chunks (limit: 2000000 chunks) "
     "(err-mimir-max-chunks-per-query). Consider reducing the time range and/or number of series"),
     LimitKind.AMOUNT),
    (422, "expanding series: the query hit the aggregated data size limit (limit: 5 bytes)",
     LimitKind.AMOUNT),
    (500, "expanding series: proxy Series(): exceeded series limit", LimitKind.AMOUNT),
    (503, "exceeded bytes limit while fetching chunks: limit 10 violated", LimitKind.AMOUNT),
    (422, "bytes too large", LimitKind.AMOUNT),
    (400, "query exceeds the limit", LimitKind.AMOUNT),
    (503, "query timed out in expression evaluation", LimitKind.TIME),
    (503, "query timed out in query queue", LimitKind.TIME),
    (422, "expanding series: context deadline exceeded", LimitKind.TIME),
    (422, ("timeout exceeded during the query: 30.000 seconds; the timeout can be adjusted with "
     "`-search.maxQueryDuration` command-line flag"), LimitKind.TIME),
    (504, "", LimitKind.TIME),
]  # fmt: skip


@pytest.mark.parametrize(("status", "said", "kind"), LIMITS)
def test_a_limit_is_known_by_the_words_of_the_product(
    status: int, said: str, kind: LimitKind
) -> None:
    limit = limit_of(status, said)
    assert limit is not None
    assert limit.kind is kind


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, 'invalid parameter "query": 1:5: parse error: unexpected <by>'),
        (400, 'invalid parameter "query": 1:1: parse error: unknown function with name "rat"'),
        (400, "unknown function"),
        (422, 'cannot parse "sum(rate(too many samples": missing )'),
        (422, "found duplicate series for the match group {} on the right hand-side"),
        (422, "multiple matches for labels: many-to-one matching must be explicit"),
        (422, "vector cannot contain metrics with the same labelset"),
        (422, "too long query; got 20000 bytes; mustn't exceed -search.maxQueryLen=16384 bytes"),
        (400, ("the raw query size in bytes exceeds the limit (query size: 9, limit: 5) "
         "(err-mimir-max-query-expression-size-bytes)")),
        (400, 'invalid parameter "timeout": not a valid duration'),
        (503, "overloaded"),
        (503, "rpc error: dial tcp 10.0.0.1:10901: i/o timeout"),
        (502, ""),
        (429, "too many outstanding requests: limit exceeded"),
        (401, "deadline exceeded"),
        (200, "timed out"),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_not_taken_for_one(status: int, said: str) -> None:
    assert limit_of(status, said) is None


@pytest.mark.parametrize(
    ("said", "knob"),
    [
        (MIMIR_LENGTH, "-query-frontend.max-total-query-length"),
        (VM_SAMPLES, "-search.maxSamplesPerQuery"),
        ("query processing would load too many samples into memory in query execution",
         "--query.max-samples"),
        ("query timed out in expression evaluation", "--query.timeout"),
        ("bytes too large", ""),
    ],
)  # fmt: skip
def test_the_setting_of_the_source_is_named_where_it_is_known(said: str, knob: str) -> None:
    limit = limit_of(422, said)
    assert limit is not None
    assert limit.knob == knob


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"status":"error","errorType":"x","error":"too much"}', "too much"),
        (b'{"error":{"code":400,"message":"too much","status":"INVALID"}}', "too much"),
        (b'{"message":"too much"}', "too much"),
        (b"too much\n", "too much"),
        (b"<html><h1>504 Gateway Time-out</h1></html>", ""),
        (b"[1]", ""),
        (b"", ""),
    ],
)
def test_the_words_of_an_error_are_found_in_every_shape(body: bytes, said: str) -> None:
    assert message(body) == said


@pytest.mark.parametrize(
    ("tried", "step", "kind", "fewer"),
    [
        (11_000, 300, LimitKind.RANGE, 5500),
        (343, 300, LimitKind.RANGE, 288),
        (288, 300, LimitKind.RANGE, None),
        (10, 300, LimitKind.TIME, None),
        (288, 300, LimitKind.POINTS, 144),
        (100, 300, LimitKind.POINTS, None),
        (40, 172_800, LimitKind.TIME, 20),
        (1, 172_800, LimitKind.TIME, None),
    ],
)
def test_a_span_is_halved_down_to_a_day_and_not_below_a_window(
    tried: int, step: int, kind: LimitKind, fewer: int | None
) -> None:
    assert fewer_windows(tried, step, kind) == fewer


@pytest.mark.parametrize(
    ("limits", "windows"),
    [
        (None, 11_000),
        (SourceLimits(), 11_000),
        (SourceLimits(max_points=30_000), 30_000),
        (SourceLimits(max_range_seconds=86_400), 289),
        (SourceLimits(max_points=100, max_range_seconds=86_400), 100),
        (SourceLimits(max_range_seconds=60), 1),
    ],
)
def test_the_administrators_limits_are_kept_from_the_first_query_on(
    limits: SourceLimits | None, windows: int
) -> None:
    assert most_windows(300, limits) == windows


@pytest.mark.parametrize(
    ("windows", "text"), [(11_000, "38.2d"), (288, "1d"), (24, "2h"), (1, "5m")]
)
def test_a_span_is_named_in_words(windows: int, text: str) -> None:
    assert length(windows, 300) == text
