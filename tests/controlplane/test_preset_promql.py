"""The preset's queries, evaluated by Prometheus' own engine on series of each generation."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.manifests.context_queries import resolve_context
from anomaly_operator.manifests.span_metrics import span_metrics
from anomaly_operator.settings.values import MetricsSource, SpanMetrics
from anomaly_operator.spec.context import ContextPlan, ContextPreset
from anomaly_operator.spec.service_parse import parse_service
from anomaly_sandbox.resolve import Resolver
from detector_runtime.contract.vocabulary import SourceType

MINUTES = 30
SERVER = 'service_name="checkout",span_kind="SPAN_KIND_SERVER"'
CLIENT = 'service_name="checkout",span_kind="SPAN_KIND_CLIENT"'


def growing(series: str, per_second: float) -> dict[str, str]:
    return {"series": series, "values": f"0+{per_second * 60:g}x{MINUTES}"}


def spans(calls: str, duration: str, unit: float, **labels: str) -> list[dict[str, str]]:
    """10 requests a second of 100 ms, 4 calls to a peer of 20 ms, 8 to a database of 5 ms."""
    database = labels.get("database", 'db_system="postgresql"')
    return [
        growing(f"{calls}{{{SERVER}}}", 10),
        growing(f"{duration}_sum{{{SERVER}}}", 10 * 100 * unit),
        growing(f"{duration}_count{{{SERVER}}}", 10),
        growing(f"{duration}_sum{{{CLIENT}}}", 4 * 20 * unit),
        growing(f"{duration}_count{{{CLIENT}}}", 4),
        growing(f"{duration}_sum{{{CLIENT},{database}}}", 8 * 5 * unit),
        growing(f"{duration}_count{{{CLIENT},{database}}}", 8),
    ]


def libraries(label: str) -> list[dict[str, str]]:
    """The same, told by the HTTP and database libraries of the service."""
    found = []
    for series, calls, seconds in (
        ("http_server_request_duration_seconds", 10, 0.1),
        ("http_client_request_duration_seconds", 4, 0.02),
        ("db_client_operation_duration_seconds", 8, 0.005),
    ):
        found.append(growing(f"{series}_sum{{{label}}}", calls * seconds))
        found.append(growing(f"{series}_count{{{label}}}", calls))
    return found


OLD = ("calls_total", "duration_milliseconds", 1)
NEW = ("traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds", 1)
SECONDS = ("traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds", 0.001)
NEW_LABEL = 'db_system_name="postgresql"'
GENERATIONS = {
    "before the namespace": spans(*OLD),
    "with the namespace": spans(*NEW),
    "in seconds": spans(*SECONDS, database=NEW_LABEL),
    "old, in seconds": spans("calls_total", "duration_seconds", 0.001),
    "both at once": [*spans(*OLD), *spans(*NEW), *spans(*SECONDS)],
    "libraries with labels": libraries('service_name="checkout"'),
    "libraries by OTLP": libraries('job="checkout"'),
    "libraries with both": libraries('service_name="checkout",job="checkout"'),
}
USUAL = {
    "request_rate": 10.0,
    "application_latency": 100.0,
    "dependency_latency": 20.0,
    "database_latency": 5.0,
    "error_rate": 0.0,
}
ERRORS = {
    "old": (spans(*OLD), f'calls_total{{{SERVER},status_code="STATUS_CODE_ERROR"}}'),
    "new": (spans(*NEW), f'{NEW[0]}{{{SERVER},status_code="STATUS_CODE_ERROR"}}'),
    "prefixed": (spans(*NEW), f'{NEW[0]}{{{SERVER},otel_status_code="ERROR"}}'),
    "libraries": (
        libraries('job="checkout"'),
        (
            "http_server_request_duration_seconds_count"
            '{job="checkout",http_response_status_code="503"}'
        ),
    ),
}


@pytest.fixture(scope="module")
def promtool() -> Path:
    return Resolver().resolve(["promtool"])["promtool"]


def expect(
    promtool: Path, folder: Path, given: list[dict[str, str]], wanted: dict[str, Any]
) -> None:
    """`wanted`: a value by metric, None for no sample."""
    tests = []
    for metric in span_metrics(SpanMetrics()):
        query = metric.query.replace("$(service)", "checkout").replace("$(rateInterval)", "5m")
        value = wanted[metric.name]
        samples = [] if value is None else [{"labels": "{}", "value": value}]
        query = f"round({query}, 0.001)"
        tests.append({"expr": query, "eval_time": "20m", "exp_samples": samples})
    document = {
        "fuzzy_compare": True,
        "tests": [{"interval": "1m", "input_series": given, "promql_expr_test": tests}],
    }
    file = folder / "preset.yaml"
    file.write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [str(promtool), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_gives_the_same_figures_in_one_unit(
    promtool: Path, tmp_path: Path, generation: str
) -> None:
    expect(promtool, tmp_path, GENERATIONS[generation], USUAL)


@pytest.mark.parametrize("generation", ERRORS)
def test_errors_are_counted_by_the_label_of_their_generation(
    promtool: Path, tmp_path: Path, generation: str
) -> None:
    given, failed = ERRORS[generation]
    wanted = USUAL | {"request_rate": 12.5, "error_rate": 0.2}
    if generation == "libraries":
        # The count of requests is also what their mean duration is divided by.
        wanted |= {"application_latency": 80.0}
    expect(promtool, tmp_path, [*given, growing(failed, 2.5)], wanted)


def test_calls_of_clients_with_old_and_new_libraries_are_added_up(
    promtool: Path, tmp_path: Path
) -> None:
    duration = NEW[1]
    more = [
        growing(f"{duration}_sum{{{CLIENT},{NEW_LABEL}}}", 8 * 15),
        growing(f"{duration}_count{{{CLIENT},{NEW_LABEL}}}", 8),
    ]
    expect(promtool, tmp_path, [*spans(*NEW), *more], USUAL | {"database_latency": 10.0})


def test_without_series_there_is_no_value_and_no_zero(promtool: Path, tmp_path: Path) -> None:
    expect(promtool, tmp_path, [growing("up", 1)], dict.fromkeys(USUAL))


SOURCE = MetricsSource("default", SourceType.PROMETHEUS, url="http://prometheus:9090")
SPANS = 'service_name="checkout",span_kind="SPAN_KIND_SERVER"'
ISTIO = (
    'istio_requests_total{reporter="destination",destination_service_name="checkout",'
    'destination_service_namespace="shop",response_code="%s"}'
)
LINKERD = (
    'response_total{direction="inbound",namespace="shop",deployment="checkout",status_code="%s"}'
)
HTTP = (
    'http_server_request_duration_seconds_count{service_name="checkout",'
    'http_response_status_code="%s"}'
)
CLASSES = {"2xx": 9.0, "5xx": 3.0}


def statuses(series: str) -> list[dict[str, str]]:
    return [growing(series % code, rate) for code, rate in (("200", 9), ("500", 2), ("503", 1))]


def durations(series: str, label: str, unit: float) -> list[dict[str, str]]:
    found = []
    for route, mean in (("/pay", 300), ("/cart", 20)):
        labels = f'{{{SPANS},{label}="{route}"}}'
        found.append(growing(f"{series}_sum{labels}", 5 * mean * unit))
        found.append(growing(f"{series}_count{labels}", 5))
    return found


CONTEXT = {
    "exceptions": (
        ContextPreset.EXCEPTIONS_BY_TYPE,
        [
            growing(f'exceptions_total{{service_name="checkout",exception_type="{name}"}}', rate)
            for name, rate in (("TimeoutError", 2), ("KeyError", 1))
        ],
        "exception_type",
        {"TimeoutError": 2.0, "KeyError": 1.0},
    ),
    "routes of spans": (
        ContextPreset.SLOWEST_ROUTES,
        durations("traces_span_metrics_duration_seconds", "span_name", 0.001),
        "span_name",
        {"/pay": 300.0, "/cart": 20.0},
    ),
    "routes of the library": (
        ContextPreset.SLOWEST_ROUTES,
        durations("http_server_request_duration_seconds", "http_route", 0.001),
        "http_route",
        {"/pay": 300.0, "/cart": 20.0},
    ),
    "classes by Istio": (ContextPreset.STATUS_CLASSES, statuses(ISTIO), "status_class", CLASSES),
    "classes by Linkerd": (
        ContextPreset.STATUS_CLASSES,
        statuses(LINKERD),
        "status_class",
        CLASSES,
    ),
    "classes by the library": (
        ContextPreset.STATUS_CLASSES,
        statuses(HTTP),
        "status_class",
        CLASSES,
    ),
}


@pytest.mark.parametrize("case", CONTEXT)
def test_the_presets_of_context_queries_give_a_row_each(
    promtool: Path, tmp_path: Path, case: str
) -> None:
    preset, given, label, rows = CONTEXT[case]
    spec, _ = parse_service({"preset": "OpenTelemetrySpanMetrics"})
    assert spec is not None
    plan = ContextPlan("a", preset=preset)
    (query,) = resolve_context(replace(spec, context=(plan,)), SOURCE, "shop", "checkout")
    samples = [{"labels": f'{{{label}="{name}"}}', "value": value} for name, value in rows.items()]
    asked = {"expr": f"topk(5,\n{query.query}\n)", "eval_time": "20m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": given, "promql_expr_test": [asked]}
    file = tmp_path / "context.yaml"
    file.write_text(yaml.safe_dump({"fuzzy_compare": True, "tests": [test]}))
    done = subprocess.run(
        [str(promtool), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
