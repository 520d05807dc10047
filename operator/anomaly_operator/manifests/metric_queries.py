"""The metrics as a pod queries them: the preset's queries, placeholders filled in.

A placeholder is `$(NAME)`. In PromQL, values cannot end the string that they stand in, whichever of
the three quotes it has: quotes, backslashes and line breaks are escaped. A file has columns, not
strings, and values stand in their names as they are. `$(step)` and `$(rateInterval)` are durations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from anomaly_operator.api.durations import format_seconds
from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.manifests.span_metrics import span_metrics
from anomaly_operator.settings.values import MetricsSource
from anomaly_operator.spec.service import ServiceSpec
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import SourceType

PLACEHOLDER = re.compile(r"\$\(([^)]*)\)")
# PromQL takes \" in double quotes only and \' in single ones only, but \x27 in both. A raw string
# in backticks knows no escape: there such a value matches nothing, which is better than ending it.
_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': "\\x22", "'": "\\x27", "`": "\\x60", "\n": "\\n", "\r": "\\r"}
)


def resolve_metrics(
    spec: ServiceSpec, source: MetricsSource, namespace: str, name: str
) -> tuple[MetricSpec, ...]:
    """Final metrics in order. Raises SpecError for an unknown placeholder or a preset that the
    source cannot serve.
    """
    metrics = spec.metrics
    if spec.preset is not None:
        if source.type is not SourceType.PROMETHEUS:
            text = (
                f"{spec.preset} needs a Prometheus source, and {source.name} is {source.type}; "
                "write spec.metrics or use another source"
            )
            raise SpecError(Problem(Reason.PRESET_UNSUPPORTED, "spec.preset", text))
        metrics = span_metrics(source.span_metrics)
    values = query_values(spec, source, namespace, name)
    return tuple(_expanded(metric, values) for metric in metrics)


def query_values(
    spec: ServiceSpec, source: MetricsSource, namespace: str, name: str
) -> dict[str, str]:
    """What the placeholders of the service's queries stand for, by name."""
    values = {
        "service": name,
        **spec.parameters,
        "namespace": namespace,
        "step": format_seconds(spec.step_seconds),
        "rateInterval": format_seconds(spec.rate_interval_seconds),
    }
    if source.type is not SourceType.PROMETHEUS:
        return values
    return {name: value.translate(_ESCAPES) for name, value in values.items()}


def expanded(query: str, of: str, field: str, values: Mapping[str, str]) -> str:
    """`query` without placeholders. SpecError at `field` for an unknown one; `of`: whose it is."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if found is None:
            text = (
                f"the query of {of} uses {match[0]}; known are $(service), $(namespace), "
                "$(step), $(rateInterval) and the names in spec.parameters"
            )
            raise SpecError(Problem(Reason.INVALID_PARAMETERS, field, text))
        return found

    return PLACEHOLDER.sub(value, query)


def _expanded(metric: MetricSpec, values: Mapping[str, str]) -> MetricSpec:
    return replace(metric, query=expanded(metric.query, metric.name, "spec.metrics", values))
