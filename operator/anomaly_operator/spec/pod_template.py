"""`spec.podTemplate`: what a service asks for its own pods. Whether the administrator allows it is
seen where the settings are known (`manifests.placement`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api.fields import Fields


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """`tolerations` as in a pod, empty fields left out."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    priority_class_name: str = ""


def parse_pod_template(fields: Fields) -> PodTemplate:
    """`fields` is the mapping `spec.podTemplate`. Raises SpecError."""
    return PodTemplate(
        annotations=fields.text_map("annotations"),
        labels=fields.text_map("labels"),
        node_selector=fields.text_map("nodeSelector"),
        tolerations=tuple(map(_toleration, fields.items("tolerations"))),
        priority_class_name=fields.text("priorityClassName"),
    )


def _toleration(item: Fields) -> Mapping[str, Any]:
    read: dict[str, Any] = {
        key: item.text(key) for key in ("key", "operator", "value", "effect") if item.has(key)
    }
    if item.has("tolerationSeconds"):
        read["tolerationSeconds"] = item.integer("tolerationSeconds", 0)
    return read
