"""Which names the preset asks for; what its queries give is tested with Prometheus' engine."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from anomaly_operator.manifests.span_metrics import span_metrics
from anomaly_operator.settings.values import SpanMetrics
from detector_runtime.contract.vocabulary import Unit


def queries(names: SpanMetrics) -> dict[str, str]:
    return {metric.name: metric.query for metric in span_metrics(names)}


def series(query: str) -> list[str]:
    """Names of the series in order, each once."""
    return list(dict.fromkeys(re.findall(r"rate\((\w+)\{", query)))


def test_both_generations_of_names_are_asked_for_newest_first() -> None:
    found = queries(SpanMetrics())
    assert series(found["request_rate"]) == [
        "traces_span_metrics_calls_total",
        "calls_total",
        "http_server_request_duration_seconds_count",
    ]
    assert [name for name in series(found["application_latency"]) if name.endswith("_sum")] == [
        "traces_span_metrics_duration_milliseconds_sum",
        "traces_span_metrics_duration_seconds_sum",
        "duration_milliseconds_sum",
        "duration_seconds_sum",
        "http_server_request_duration_seconds_sum",
    ]
    assert "http_client_request_duration_seconds_sum" in found["dependency_latency"]
    assert "db_client_operation_duration_seconds_sum" in found["database_latency"]


def test_seconds_are_turned_into_the_one_unit_of_the_metric() -> None:
    (latency,) = [one for one in span_metrics(SpanMetrics()) if one.name == "application_latency"]
    assert latency.unit is Unit.MILLISECONDS
    for way in re.split(r" or (?=sum\(|1000 \*)", latency.query):
        assert way.startswith("1000 * ") == ("_seconds_sum{" in way)


def test_a_name_of_the_settings_is_the_only_one_asked_for() -> None:
    names = SpanMetrics(
        calls="traces_spanmetrics_calls_total",
        duration="traces_spanmetrics_latency",
        duration_unit=Unit.SECONDS,
        service_label="service",
    )
    found = queries(names)
    assert series(found["request_rate"]) == ["traces_spanmetrics_calls_total"]
    assert series(found["application_latency"]) == [
        "traces_spanmetrics_latency_sum",
        "traces_spanmetrics_latency_count",
    ]
    assert all('service="$(service)"' in query for query in found.values())
    assert {one.unit for one in span_metrics(names) if "latency" in one.name} == {Unit.SECONDS}


def test_labels_of_the_settings_are_the_only_ones_asked_for() -> None:
    names = replace(SpanMetrics(), db_system_label="db", status_label="outcome", error_value="bad")
    found = queries(names)
    assert "db_system" not in found["database_latency"]
    assert "otel_status_code" not in found["error_rate"]
    assert 'outcome="bad"' in found["error_rate"]


@pytest.mark.parametrize("name", ["dependency_latency", "database_latency"])
def test_both_labels_of_a_database_are_known(name: str) -> None:
    query = queries(SpanMetrics())[name]
    assert "db_system" in query
    assert "db_system_name" in query


def test_every_share_falls_back_to_zero_times_its_own_calls() -> None:
    query = queries(SpanMetrics())["error_rate"]
    for name in series(queries(SpanMetrics())["request_rate"]):
        assert re.search(rf"or 0 \* sum\(rate\({name}\{{", query)
