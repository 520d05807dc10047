"""The objectives of a policy as they apply to one service: their queries with placeholders filled.

An objective that cannot be evaluated here keeps the others, and the service, from nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from anomaly_operator.api.text import cut
from anomaly_operator.manifests.metric_queries import PLACEHOLDER, query_values
from anomaly_operator.manifests.run_config import Resolved
from detector_runtime.contract.objectives import WINDOW, WINDOW_SECONDS, ObjectiveSpec
from detector_runtime.contract.vocabulary import SourceType

MAX_SHOWN = 80
_LATER = frozenset({WINDOW, WINDOW_SECONDS})
"""Filled in by the pod, for each window."""


@dataclass(frozen=True, slots=True)
class ServiceObjectives:
    """`names`: all of the policy's, in order; `specs`: those that the pod evaluates; `problems`:
    by name why it does not evaluate the others."""

    names: tuple[str, ...] = ()
    specs: tuple[ObjectiveSpec, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


def service_objectives(
    objectives: Sequence[ObjectiveSpec], resolved: Resolved
) -> ServiceObjectives:
    names = tuple(one.name for one in objectives)
    source = resolved.source
    if source.type is not SourceType.PROMETHEUS:
        text = (
            f"The source {source.name} is {source.type}, and objectives need a Prometheus source."
        )
        return ServiceObjectives(names, problems=dict.fromkeys(names, text))
    meta = resolved.meta
    values = query_values(resolved.spec, source, meta.namespace, meta.name)
    specs: list[ObjectiveSpec] = []
    problems: dict[str, str] = {}
    for one in objectives:
        unknown = _unknown(one, values)
        if unknown:
            problems[one.name] = (
                f"A query uses {cut(unknown, MAX_SHOWN)}; known are $(service), $(namespace), "
                f"{WINDOW}, {WINDOW_SECONDS} and the names in spec.parameters of the service."
            )
        else:
            specs.append(_spec(one, values))
    return ServiceObjectives(names, tuple(specs), problems)


def _queries(objective: ObjectiveSpec) -> tuple[str, ...]:
    return objective.errors, objective.good, objective.total, objective.error_ratio


def _unknown(objective: ObjectiveSpec, values: Mapping[str, str]) -> str:
    for query in _queries(objective):
        for match in PLACEHOLDER.finditer(query):
            if match[0] not in _LATER and match[1] not in values:
                return match[0]
    return ""


def _spec(objective: ObjectiveSpec, values: Mapping[str, str]) -> ObjectiveSpec:
    def filled(query: str) -> str:
        return PLACEHOLDER.sub(
            lambda match: match[0] if match[0] in _LATER else values[match[1]], query
        )

    errors, good, total, error_ratio = map(filled, _queries(objective))
    return replace(objective, errors=errors, good=good, total=total, error_ratio=error_ratio)
