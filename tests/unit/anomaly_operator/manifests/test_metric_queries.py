"""Queries as a pod is told them."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.reasons import Reason
from anomaly_operator.manifests.metric_queries import resolve_metrics
from anomaly_operator.settings.values import MetricsSource, SpanMetrics
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, SourceType, Unit

SOURCE = MetricsSource("default", SourceType.PROMETHEUS, url="http://p")


def resolved(spec: dict[str, Any], source: MetricsSource = SOURCE) -> tuple[MetricSpec, ...]:
    found, problems = parse_service(spec)
    assert problems == ()
    assert found is not None
    return resolve_metrics(found, source, "shop", "checkout")


def test_placeholders_are_filled_in() -> None:
    query = 'sum(rate(x{s="$(service)",n="$(namespace)",t="$(team)"}[$(rateInterval):$(step)]))'
    metrics = resolved(
        {"metrics": [{"name": "m", "query": query}], "parameters": {"team": "a"}, "step": "90s"}
    )
    assert metrics[0].query == 'sum(rate(x{s="checkout",n="shop",t="a"}[5m:1m30s]))'


def test_the_service_parameter_wins_over_the_name() -> None:
    spec = {"metrics": [{"name": "m", "query": "$(service)"}], "parameters": {"service": "api"}}
    assert resolved(spec)[0].query == "api"


@pytest.mark.parametrize("quote", ['"', "'", "`"])
def test_a_value_cannot_end_the_string_that_it_stands_in(quote: str) -> None:
    spec = {
        "metrics": [{"name": "m", "query": f"up{{a={quote}$(x){quote}}}"}],
        "parameters": {"x": f"b{quote}}} or vector(1) # \\"},
    }
    code = f"\\x{ord(quote):x}"
    wanted = f"up{{a={quote}b{code}}} or vector(1) # \\\\{quote}}}"
    assert resolved(spec)[0].query == wanted


def test_a_value_in_the_name_of_a_column_stands_as_it_is() -> None:
    files = MetricsSource("files", SourceType.CSV, config_map="metrics")
    spec = {"metrics": [{"name": "m", "query": "$(who) rate"}], "parameters": {"who": "shop's"}}
    assert resolved(spec, files)[0].query == "shop's rate"


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(SpecError) as refused:
        resolved({"metrics": [{"name": "m", "query": "up{a='$(cluster)'}"}]})
    assert refused.value.problem.reason is Reason.INVALID_PARAMETERS
    assert "$(cluster)" in str(refused.value)


def test_the_preset_has_the_five_roles_in_the_names_of_the_source() -> None:
    names = SpanMetrics(calls="calls_total", duration="took", duration_unit=Unit.SECONDS)
    source = MetricsSource("default", SourceType.PROMETHEUS, url="http://p", span_metrics=names)
    metrics = resolved({"preset": "OpenTelemetrySpanMetrics"}, source)
    assert [(metric.name, metric.role) for metric in metrics] == [
        ("request_rate", Role.TRAFFIC),
        ("application_latency", Role.LATENCY),
        ("dependency_latency", Role.DEPENDENCY_LATENCY),
        ("database_latency", Role.DATABASE_LATENCY),
        ("error_rate", Role.ERRORS),
    ]
    assert metrics[1].unit is Unit.SECONDS
    assert metrics[1].query == (
        'sum(rate(took_sum{service_name="checkout",span_kind="SPAN_KIND_SERVER"}[5m])) / '
        'sum(rate(took_count{service_name="checkout",span_kind="SPAN_KIND_SERVER"}[5m]))'
    )
    assert metrics[4].direction is Direction.UP
    assert "or 0 * sum(rate(calls_total" in metrics[4].query


def test_the_preset_needs_a_source_that_is_queried() -> None:
    files = MetricsSource("files", SourceType.CSV, config_map="metrics")
    with pytest.raises(SpecError) as refused:
        resolved({"preset": "OpenTelemetrySpanMetrics"}, files)
    assert refused.value.problem.reason is Reason.PRESET_UNSUPPORTED
