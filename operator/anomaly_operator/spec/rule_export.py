"""`spec.export` of an SLOPolicy: whether its objectives are also written for other tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anomaly_operator.api.fields import Fields


@dataclass(frozen=True, slots=True)
class RuleExport:
    """`labels`: put on the PrometheusRules, as a Prometheus may pick rules by them."""

    prometheus_rule: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def parse_export(fields: Fields) -> RuleExport:
    """From the policy's `spec`; SpecError names the field and the value."""
    export = fields.child("export")
    return RuleExport(
        prometheus_rule=export.flag("prometheusRule", default=False),
        labels=export.text_map("labels"),
    )
