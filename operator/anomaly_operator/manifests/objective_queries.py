"""A policy's objectives as they apply to one service: placeholders filled in but for the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomaly_operator.manifests.metric_queries import filled, placeholders
from anomaly_operator.settings.values import MetricsSource
from anomaly_operator.spec.objectives import Objective
from anomaly_operator.spec.service import ServiceSpec
from detector_runtime.contract.objectives import WINDOW, WINDOW_SECONDS, ObjectiveSpec

_QUERIES = ("errors", "good", "total", "error_ratio")
_KEPT = {text[2:-1]: text for text in (WINDOW, WINDOW_SECONDS)}
"""The pod and the rules fill these in themselves, for each window."""


def resolve_objectives(
    objectives: Sequence[Objective],
    spec: ServiceSpec,
    source: MetricsSource,
    namespace: str,
    name: str,
) -> tuple[ObjectiveSpec, ...]:
    """In their order. Raises SpecError for an unknown placeholder."""
    values = {**placeholders(spec, source, namespace, name), **_KEPT}
    return tuple(_resolved(one, values) for one in objectives)


def _resolved(one: Objective, values: Mapping[str, str]) -> ObjectiveSpec:
    queries = {key: filled(getattr(one, key), values, f"objective {one.name}") for key in _QUERIES}
    return ObjectiveSpec(
        name=one.name,
        type=one.type,
        target=one.target,
        window_seconds=one.window_seconds,
        tiers=one.tiers,
        min_bad_events=one.min_bad_events,
        **queries,
    )
