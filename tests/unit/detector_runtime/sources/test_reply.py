"""What a successful answer means, in all the ways in which servers write it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from detector_runtime.errors import QueryInvalidError, SourceUnavailableError
from detector_runtime.sources.prometheus_reply import Samples, parse_range

HISTOGRAM = [60, {"count": "4", "sum": "9", "buckets": [[0, "0", "1", "4"]]}]


def parsed(**document: Any) -> Samples:
    body = json.dumps({"status": "success", **document}).encode()
    return parse_range(body, "latency", "avg(latency)")


def series(**parts: Any) -> dict[str, Any]:
    return {"resultType": "matrix", "result": [{"metric": {}, **parts}]}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": {"resultType": "matrix"}},
        {"data": {"resultType": "matrix", "result": None}},
        {"data": {"resultType": "matrix", "result": []}},
        {"data": {"resultType": "", "result": None}},
        {"data": {"result": []}},
        {"data": {"resultType": "matrix", "result": []}, "warnings": None, "infos": None},
        {"data": series()},
        {"data": series(values=None)},
        {"data": series(values=[])},
        {"data": series(values=None, histograms=None)},
    ],
    ids=json.dumps,
)
def test_every_way_to_write_nothing_is_an_empty_answer(document: dict[str, Any]) -> None:
    samples = parsed(**document)
    assert len(samples.times) == len(samples.values) == 0
    assert samples.notes.gaps == ()


def test_series_without_a_sample_do_not_count_as_series() -> None:
    result = [{"metric": {"a": "1"}, "values": []}, {"metric": {}, "values": [[60, "2"]]}]
    samples = parsed(data={"resultType": "matrix", "result": result})
    assert samples.values.tolist() == [2.0]


@pytest.mark.parametrize(
    ("text", "value"),
    [("+Inf", math.inf), ("Inf", math.inf), ("-Inf", -math.inf), ("0", 0.0), ("1e3", 1000.0)],
)
def test_infinities_and_zero_stay_what_they_are(text: str, value: float) -> None:
    assert parsed(data=series(values=[[60, text]])).values.tolist() == [value]


@pytest.mark.parametrize("given", ["NaN", None])
def test_no_number_and_null_are_nan(given: str | None) -> None:
    assert math.isnan(parsed(data=series(values=[[60, given]])).values[0])


def test_numbers_beside_native_histograms_are_used_and_the_histograms_named() -> None:
    samples = parsed(data=series(values=[[60, "1"]], histograms=[HISTOGRAM]))
    assert samples.values.tolist() == [1.0]
    assert samples.notes.remarks == (
        "metric 'latency': native histograms beside plain numbers are left out",
    )
    assert samples.notes.gaps == ()


def test_native_histograms_alone_are_no_answer_to_the_query() -> None:
    with pytest.raises(QueryInvalidError, match="native histograms"):
        parsed(data=series(histograms=[HISTOGRAM]))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"resultType": "scalar", "result": [60, "1"]}, "scalar"),
        ({"resultType": "vector", "result": [{"metric": {}, "value": [60, "1"]}]}, "vector"),
        ({"resultType": "string", "result": [60, "one"]}, "string"),
        ({"resultType": "streams", "result": []}, "streams"),
        (["latency"], "list"),
    ],
)
def test_another_kind_of_result_is_named(data: Any, kind: str) -> None:
    with pytest.raises(SourceUnavailableError, match=f"no matrix but a {kind}"):
        parsed(data=data)
