"""Prometheus as a source: what it is asked, what its answers mean, and all the ways it can fail."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest

from detector_runtime.contract.run_config import SourceSpec
from detector_runtime.contract.vocabulary import AuthType, RunOutcome
from detector_runtime.errors import RunError
from detector_runtime.sources.prometheus import PrometheusSource
from detector_runtime.sources.prometheus_api import PrometheusMounts
from detector_runtime.sources.spans import MAX_POINTS, chunks
from loopback.prometheus import FakePrometheus, matrix
from loopback.server import Answer, make_certificate
from loopback.settings import ERRORS, LATENCY, RATE, prometheus_source

END = 1_780_000_080
STEP = 120
TOKEN = "canary-7f3a91"


@pytest.fixture
def server() -> Iterator[FakePrometheus]:
    with FakePrometheus({"rate": lambda t: float(t % 7), "latency": lambda t: 100.0}) as running:
        yield running


def opened(
    server: FakePrometheus, tmp_path: Path, seconds: float = 20.0, **changes: object
) -> PrometheusSource:
    spec = replace(prometheus_source(server.url), **changes)  # type: ignore[arg-type]
    return source_of(spec, tmp_path, seconds)


def source_of(spec: SourceSpec, tmp_path: Path, seconds: float = 20.0) -> PrometheusSource:
    return PrometheusSource(
        spec,
        (RATE, LATENCY),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, tmp_path),
        deadline=time.monotonic() + seconds,
        sleep=lambda _: None,
    )


def failure(source: PrometheusSource) -> RunError:
    with pytest.raises(RunError) as caught:
        source.fetch(END - 10 * STEP, END)
    return caught.value


def test_windows_are_named_by_their_ends_and_hold_the_value_at_that_moment(server, tmp_path):
    fetched = opened(server, tmp_path).fetch(END - 3 * STEP, END)
    assert fetched.frame.times.tolist() == [END - 2 * STEP, END - STEP, END]
    expected = [float((END - k * STEP) % 7) for k in (2, 1, 0)]
    assert fetched.frame.values[:, 0].tolist() == expected
    assert fetched.warnings == ()
    assert not fetched.partial


def test_a_span_that_does_not_begin_on_the_grid_takes_only_whole_windows(server, tmp_path):
    fetched = opened(server, tmp_path).fetch(END - 2 * STEP + 1, END + 59)
    assert fetched.frame.times.tolist() == [END - STEP, END]


@pytest.mark.parametrize("windows", [1, MAX_POINTS, MAX_POINTS + 1, 3 * MAX_POINTS + 5])
def test_long_spans_go_in_chunks_that_meet_and_never_exceed_the_limit(windows):
    spans = list(chunks(END - windows * STEP, END, STEP))
    assert all((last - first) // STEP + 1 <= MAX_POINTS for first, last in spans)
    ends = [moment for first, last in spans for moment in range(first, last + 1, STEP)]
    assert ends == list(range(END - (windows - 1) * STEP, END + 1, STEP))


def test_two_chunks_become_one_frame(server, tmp_path):
    fetched = opened(server, tmp_path).fetch(END - 11_500 * STEP, END)
    assert len(fetched.frame) == 11_500
    assert not any(math.isnan(value) for value in fetched.frame.values[:, 0])
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("text", "value"),
    [("NaN", math.nan), ("+Inf", math.inf), ("-Inf", -math.inf), ("Inf", math.inf)],
)
def test_undefined_and_infinite_values_stay_what_the_source_said(server, tmp_path, text, value):
    server.script = [Answer(200, matrix([[END, text], [END - STEP, "2"]]))]
    frame = opened(server, tmp_path).fetch(END - 3 * STEP, END).frame
    np.testing.assert_array_equal(frame.values[:, 0], [math.nan, 2.0, value])
    undefined = [False] * 3 if frame.undefined is None else frame.undefined[:, 0].tolist()
    assert undefined == [False, False, math.isnan(value)]


def test_gaps_stay_gaps(server, tmp_path):
    server.series["rate"] = lambda t: None if t == END - STEP else 0.0
    frame = opened(server, tmp_path).fetch(END - 3 * STEP, END).frame
    assert [math.isnan(value) for value in frame.values[:, 0]] == [False, True, False]


def test_no_series_is_a_column_of_holes(server, tmp_path):
    del server.series["latency"]
    frame = opened(server, tmp_path).fetch(END - 3 * STEP, END).frame
    assert all(math.isnan(value) for value in frame.values[:, 1])
    assert not any(math.isnan(value) for value in frame.values[:, 0])


def test_duplicates_and_disorder_are_put_right_and_counted(server, tmp_path):
    points = [[END, "3"], [END - STEP, "1"], [END - STEP, "2"]]
    server.script = [Answer(200, matrix(points))]
    fetched = opened(server, tmp_path).fetch(END - 2 * STEP, END)
    assert fetched.frame.values[:, 0].tolist() == [2.0, 3.0]
    assert fetched.duplicates["request_rate"] == 1


def test_samples_from_the_future_are_dropped(server, tmp_path):
    server.script = [Answer(200, matrix([[END, "3"], [END + 999 * STEP, "9"]]))]
    assert opened(server, tmp_path).fetch(END - STEP, END).frame.values[:, 0].tolist() == [3.0]


def test_many_series_where_one_is_wanted_are_refused_with_their_number(server, tmp_path):
    series = [{"metric": {"pod": str(k)}, "values": [[END, "1"]]} for k in range(14)]
    data = {"resultType": "matrix", "result": series}
    server.script = [Answer(200, json.dumps({"status": "success", "data": data}).encode())]
    error = failure(opened(server, tmp_path))
    assert error.outcome is RunOutcome.INVALID_QUERY
    assert "14 series" in str(error)
    assert "'request_rate'" in str(error)
    assert "rate" in str(error)


def answer(status: int, error: str = "", body: bytes | None = None, **headers: str) -> Answer:
    document = {"status": "error", "errorType": "x", "error": error}
    return Answer(status, json.dumps(document).encode() if body is None else body, headers)


@pytest.mark.parametrize(
    ("given", "outcome", "said"),
    [
        (answer(400, "parse error: unexpected end"), RunOutcome.INVALID_QUERY, "unexpected end"),
        (answer(422, "too many samples"), RunOutcome.INVALID_QUERY, "too many samples"),
        (answer(401), RunOutcome.SOURCE_UNAUTHORIZED, "401"),
        (answer(403), RunOutcome.SOURCE_UNAUTHORIZED, "403"),
        (answer(404), RunOutcome.SOURCE_UNAVAILABLE, "path"),
        (answer(302, Location="http://elsewhere"), RunOutcome.SOURCE_UNAVAILABLE, "redirects"),
        (answer(200, body=b"<html>"), RunOutcome.SOURCE_UNAVAILABLE, "not JSON"),
        (answer(200, body=b"[" * 100_000), RunOutcome.SOURCE_UNAVAILABLE, "not JSON"),
        (answer(200, body=b"[]"), RunOutcome.SOURCE_UNAVAILABLE, "no JSON object"),
        (answer(200, body=b"{}"), RunOutcome.SOURCE_UNAVAILABLE, "success"),
        (answer(200, body=b"\xff\xfe"), RunOutcome.SOURCE_UNAVAILABLE, "not JSON"),
        (
            answer(200, body=b'{"status":"success","data":{"resultType":"vector","result":[]}}'),
            RunOutcome.SOURCE_UNAVAILABLE,
            "matrix",
        ),
        (
            answer(200, body=b'{"status":"success","data":{"resultType":"matrix","result":{}}}'),
            RunOutcome.SOURCE_UNAVAILABLE,
            "list",
        ),
        (answer(200, body=matrix([["x", "1"]])), RunOutcome.SOURCE_UNAVAILABLE, "sample"),
        (answer(200, body=matrix([[END, 1.5]])), RunOutcome.SOURCE_UNAVAILABLE, "sample"),
        (answer(200, body=matrix([[END, "one"]])), RunOutcome.SOURCE_UNAVAILABLE, "sample"),
        (answer(200, body=matrix([[END]])), RunOutcome.SOURCE_UNAVAILABLE, "sample"),
        (answer(200, body=matrix([[None, "1"]])), RunOutcome.SOURCE_UNAVAILABLE, "sample"),
        (
            answer(200, body=b"x", **{"Content-Encoding": "gzip"}),
            RunOutcome.SOURCE_UNAVAILABLE,
            "compresses",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_named_and_not_asked_again(
    server, tmp_path, given, outcome, said
):
    server.script = [given]
    error = failure(opened(server, tmp_path))
    assert error.outcome is outcome
    assert said in str(error)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server, tmp_path, status):
    server.script = [answer(status), answer(status)]
    assert len(opened(server, tmp_path).fetch(END - STEP, END).frame) == 1
    assert len(server.asked) == 4


def test_what_does_not_pass_is_given_up_after_four_tries(server, tmp_path):
    server.script = [answer(503, "overloaded") for _ in range(9)]
    error = failure(opened(server, tmp_path))
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "503: overloaded" in str(error)
    assert len(server.asked) == 4


def test_retry_after_is_obeyed_and_ends_the_tries_when_it_exceeds_the_deadline(server, tmp_path):
    server.script = [answer(429, **{"Retry-After": "3600"}) for _ in range(4)]
    assert "429" in str(failure(opened(server, tmp_path)))
    assert len(server.asked) == 1


def test_retry_after_sets_the_pause(server, tmp_path):
    waits: list[float] = []
    server.script = [answer(429, **{"Retry-After": "7"})]
    source = PrometheusSource(
        prometheus_source(server.url),
        (RATE,),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, tmp_path),
        deadline=time.monotonic() + 20,
        sleep=waits.append,
    )
    source.fetch(END - STEP, END)
    assert waits == [7.0]


def test_a_source_that_is_down_is_unavailable_and_named(tmp_path):
    # A privileged port, as nobody is given one of those by chance.
    url = "http://127.0.0.1:1"
    error = failure(source_of(prometheus_source(url), tmp_path))
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "connection refused" in str(error)
    assert url in str(error)


def endless(handler) -> None:
    handler.wfile.write(b"5\r\nxxxxx\r\n" * 50_000)


def truncated(handler) -> None:
    handler.wfile.write(b"{")


def stalled(handler) -> None:
    handler.connection.settimeout(60)
    handler.connection.recv(1)


def trickling(handler) -> None:
    for _ in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.03)


@pytest.mark.parametrize(
    ("headers", "stream", "outcome", "said"),
    [
        ({"Transfer-Encoding": "chunked"}, endless, RunOutcome.RESPONSE_TOO_LARGE, "100000 bytes"),
        ({"Content-Length": "999999999"}, truncated, RunOutcome.RESPONSE_TOO_LARGE, "100000"),
        ({"Content-Length": "500"}, truncated, RunOutcome.SOURCE_UNAVAILABLE, "early"),
        ({"Content-Length": "500"}, stalled, RunOutcome.SOURCE_UNAVAILABLE, "timed out"),
        ({"Content-Length": "500"}, trickling, RunOutcome.SOURCE_UNAVAILABLE, "timed out"),
        ({"Content-Length": "-5"}, truncated, RunOutcome.SOURCE_UNAVAILABLE, "JSON"),
    ],
)
def test_an_answer_without_end_ends_the_exchange_and_not_the_pod(
    server, tmp_path, headers, stream, outcome, said
):
    server.script = [Answer(200, headers=headers, stream=stream) for _ in range(4)]
    # Of those that do send something, none may be taken for one that is too slow.
    seconds = 0.4 if stream in {stalled, trickling} else 20.0
    source = opened(server, tmp_path, 90.0, max_response_bytes=100_000, timeout_seconds=seconds)
    error = failure(source)
    assert error.outcome is outcome
    assert said in str(error)


def test_warnings_of_partial_data_are_kept_and_mark_the_data_partial(server, tmp_path):
    server.warnings = ["store 3 did not answer"]
    fetched = opened(server, tmp_path).fetch(END - STEP, END)
    assert fetched.partial
    assert fetched.warnings == ("store 3 did not answer",)


def test_remarks_on_the_query_do_not_make_data_partial(server, tmp_path):
    server.warnings = ["PromQL warning: quantile value should be between 0 and 1"]
    assert not opened(server, tmp_path).fetch(END - STEP, END).partial


@pytest.mark.parametrize(("offset", "warned"), [(0, False), (-50, False), (90, True), (-90, True)])
def test_a_clock_that_is_off_by_more_than_a_minute_is_a_warning(server, tmp_path, offset, warned):
    server.headers = {"Date": formatdate(time.time() + offset, usegmt=True)}
    warnings = opened(server, tmp_path).fetch(END - STEP, END).warnings
    assert any(text.startswith("ClockSkew") for text in warnings) is warned


def write_auth(folder: Path, **keys: str) -> None:
    for key, text in keys.items():
        (folder / key).write_text(text)


@pytest.mark.parametrize(
    ("auth", "keys", "header"),
    [
        (AuthType.BEARER, {"token": f"{TOKEN}\n"}, f"Bearer {TOKEN}"),
        (AuthType.BASIC, {"username": "ada", "password": "s3 cret"}, "Basic YWRhOnMzIGNyZXQ="),
    ],
)
def test_credentials_of_the_mounted_secret_are_sent(server, tmp_path, auth, keys, header):
    write_auth(tmp_path, **keys)
    opened(server, tmp_path, auth=auth).fetch(END - STEP, END)
    assert {asked.headers["authorization"] for asked in server.asked} == {header}


def test_no_credentials_are_sent_where_none_are_wanted(server, tmp_path):
    write_auth(tmp_path, token=TOKEN)
    opened(server, tmp_path).fetch(END - STEP, END)
    assert all("authorization" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    ("auth", "keys", "outcome", "said"),
    [
        (AuthType.BEARER, {}, RunOutcome.SECRET_MISSING, "'token'"),
        (AuthType.BEARER, {"token": " \n"}, RunOutcome.SECRET_MISSING, "empty"),
        (AuthType.BASIC, {"username": "ada"}, RunOutcome.SECRET_MISSING, "'password'"),
        (AuthType.BEARER, {"token": "a\nX-Evil: 1"}, RunOutcome.SOURCE_UNAUTHORIZED, "header"),
        (AuthType.BEARER, {"token": "sécret"}, RunOutcome.SOURCE_UNAUTHORIZED, "header"),
    ],
)
def test_missing_or_broken_credentials_stop_the_run_before_anything_is_dialled(
    server, tmp_path, auth, keys, outcome, said
):
    write_auth(tmp_path, **keys)
    with pytest.raises(RunError) as caught:
        opened(server, tmp_path, auth=auth)
    assert caught.value.outcome is outcome
    assert said in str(caught.value)
    assert server.asked == []


def test_an_error_that_comes_with_status_200_is_told(server, tmp_path):
    server.script = [answer(200, "tenant is disabled")]
    error = failure(opened(server, tmp_path))
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "answers 200: tenant is disabled" in str(error)


def reflecting(status: int) -> Answer:
    return answer(status, f"bad token {TOKEN} in Bearer {TOKEN}")


@pytest.mark.parametrize("status", [200, 400, 422, 500])
def test_a_server_that_reflects_the_token_does_not_get_it_into_a_message(server, tmp_path, status):
    write_auth(tmp_path, token=TOKEN)
    server.script = [reflecting(status) for _ in range(4)]
    error = failure(opened(server, tmp_path, auth=AuthType.BEARER))
    assert "bad token *** in" in str(error)
    assert TOKEN not in f"{error!r} {error.__cause__!r}"


def test_a_reflected_token_in_a_warning_is_taken_out(server, tmp_path):
    write_auth(tmp_path, token=TOKEN)
    server.warnings = [f"odd token {TOKEN}"]
    source = opened(server, tmp_path, auth=AuthType.BEARER)
    assert source.fetch(END - STEP, END).warnings == ("odd token ***",)


def test_a_long_query_is_posted(server, tmp_path):
    metric = replace(RATE, query="x" * 7000)
    source = PrometheusSource(
        prometheus_source(server.url),
        (metric,),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, tmp_path),
        deadline=time.monotonic() + 20,
    )
    source.fetch(END - STEP, END)
    assert [asked.method for asked in server.asked] == ["POST"]
    assert server.queries[0]["query"] == "x" * 7000


def test_compression_is_not_asked_for_and_the_environment_names_no_proxy(
    server, tmp_path, monkeypatch
):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    opened(server, tmp_path).fetch(END - STEP, END)
    assert {asked.headers["accept-encoding"] for asked in server.asked} == {"identity"}


def test_the_path_of_the_url_is_kept(server, tmp_path):
    spec = prometheus_source(f"{server.url}/tenant-a/")
    source_of(spec, tmp_path).fetch(END - STEP, END)
    assert all(one.path.startswith("/tenant-a/api/v1/query_range?") for one in server.asked)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_server(certificate) -> Iterator[FakePrometheus]:
    with FakePrometheus({"rate": lambda t: 1.0}, certificate) as running:
        yield running


def test_a_private_ca_is_used_for_the_name_that_the_user_wrote(tls_server, certificate, tmp_path):
    spec = prometheus_source(f"https://metrics.test:{tls_server.port}")
    source = PrometheusSource(
        replace(spec, custom_ca=True),
        (RATE,),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, certificate[0].parent),
        deadline=time.monotonic() + 20,
        resolve=lambda host, port: ["127.0.0.1"],
    )
    assert source.fetch(END - STEP, END).frame.values.tolist() == [[1.0]]
    assert tls_server.asked[0].headers["host"] == f"metrics.test:{tls_server.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.test"])
def test_a_certificate_that_does_not_fit_is_refused_at_the_first_try(
    tls_server, certificate, tmp_path, host
):
    custom = host == "elsewhere.test"
    source = PrometheusSource(
        replace(prometheus_source(f"https://{host}:{tls_server.port}"), custom_ca=custom),
        (RATE,),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, certificate[0].parent),
        deadline=time.monotonic() + 20,
        resolve=lambda host, port: ["127.0.0.1"],
    )
    error = failure(source)
    assert error.outcome is RunOutcome.SOURCE_UNAVAILABLE
    assert "certificate" in str(error)
    assert tls_server.asked == []


def test_a_ca_that_is_not_mounted_is_a_missing_object(tmp_path):
    spec = replace(prometheus_source("https://127.0.0.1:9"), custom_ca=True)
    with pytest.raises(RunError) as caught:
        source_of(spec, tmp_path)
    assert caught.value.outcome is RunOutcome.SECRET_MISSING
    assert "caConfigMap" in str(caught.value)


def test_a_name_is_resolved_once_and_a_second_answer_is_never_asked_for(server, tmp_path):
    answers: list[list[str]] = [["127.0.0.1"], ["169.254.169.254"]]

    def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    server.script = [answer(503)]
    source = PrometheusSource(
        prometheus_source(f"http://metrics.test:{server.port}"),
        (RATE, ERRORS),
        step=STEP,
        mounts=PrometheusMounts(tmp_path, tmp_path),
        deadline=time.monotonic() + 20,
        resolve=rebinding,
        sleep=lambda _: None,
    )
    source.fetch(END - STEP, END)
    assert len(server.asked) == 3
    assert answers == [["169.254.169.254"]]
