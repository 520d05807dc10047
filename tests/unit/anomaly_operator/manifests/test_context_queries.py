"""Context queries as the scoring pod is told them; the presets are evaluated by Prometheus' engine
in tests/controlplane.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.api.fields import SpecError
from anomaly_operator.manifests.context_queries import resolve_context
from anomaly_operator.settings.values import MetricsSource, SpanMetrics
from anomaly_operator.spec.context import ContextPlan, ContextPreset
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.spec.service_parse import parse_service
from detector_runtime.contract.context import ContextQuery
from detector_runtime.contract.vocabulary import Role, SourceType, Unit

SOURCE = MetricsSource("default", SourceType.PROMETHEUS, url="http://prometheus:9090")


def spec(*plans: ContextPlan) -> ServiceSpec:
    found, _ = parse_service({"preset": "OpenTelemetrySpanMetrics", "parameters": {"queue": "q"}})
    assert found is not None
    return replace(found, context=plans)


def resolved(*plans: ContextPlan, source: MetricsSource = SOURCE) -> tuple[ContextQuery, ...]:
    return resolve_context(spec(*plans), source, "shop", "checkout")


def test_placeholders_are_filled_in_and_the_rest_is_handed_on() -> None:
    plan = ContextPlan("a", 'max by (x) (depth{q="$(queue)"})', None, Unit.COUNT, 3)
    plan = replace(plan, roles=(Role.TRAFFIC,), patterns=("p",))
    assert resolved(plan) == (
        ContextQuery("a", 'max by (x) (depth{q="q"})', Unit.COUNT, 3, (Role.TRAFFIC,), ("p",)),
    )


def test_an_unknown_placeholder_is_said() -> None:
    with pytest.raises(SpecError, match=r"the query of context a uses \$\(cell\)") as caught:
        resolved(ContextPlan("a", 'up{cell="$(cell)"}'))
    assert caught.value.problem.field == "spec.context"


@pytest.mark.parametrize("preset", list(ContextPreset))
def test_a_preset_is_for_its_service_alone(preset: ContextPreset) -> None:
    (found,) = resolved(ContextPlan("a", preset=preset))
    assert "$(" not in found.query
    assert found.query.count("checkout") == found.query.count("rate(")
    assert (
        found.unit
        is {
            ContextPreset.EXCEPTIONS_BY_TYPE: Unit.NONE,
            ContextPreset.SLOWEST_ROUTES: Unit.MILLISECONDS,
            ContextPreset.STATUS_CLASSES: Unit.REQUESTS_PER_SECOND,
        }[preset]
    )


def test_the_names_of_the_settings_are_used() -> None:
    names = SpanMetrics(duration="lat", duration_unit=Unit.SECONDS, service_label="svc")
    source = replace(SOURCE, span_metrics=names)
    (found,) = resolved(ContextPlan("a", preset=ContextPreset.SLOWEST_ROUTES), source=source)
    assert found.unit is Unit.SECONDS
    assert found.query.startswith('sum by (span_name) (rate(lat_sum{svc="checkout"')
    assert "http_server" not in found.query


def test_a_source_of_files_is_asked_nothing() -> None:
    source = MetricsSource("files", SourceType.CSV, config_map="data")
    assert resolved(ContextPlan("a", "up"), source=source) == ()
