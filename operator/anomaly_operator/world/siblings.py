"""The live services of a namespace, made once for all of them until one changes.

Whatever needs all of them at each reconcile is kept here beside them, so that a reconcile costs the
same in a namespace of two thousand services as in one of twenty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from anomaly_operator.spec.workload import WorkloadRef
from anomaly_operator.world.objects import ServiceObject, Sibling
from anomaly_operator.world.peers import calls_of, local_name
from detector_runtime.contract.training_run import Trainer


@dataclass(frozen=True)
class Siblings:
    """By name. Without slots, as what is made of them on demand is kept."""

    by_name: Mapping[str, Sibling] = field(default_factory=dict)

    @classmethod
    def of(cls, siblings: Iterable[Sibling]) -> Siblings:
        return cls({one.name: one for one in siblings})

    @cached_property
    def uids(self) -> tuple[str, ...]:
        """In order."""
        return tuple(sorted(one.uid for one in self.by_name.values()))

    @cached_property
    def trainers(self) -> tuple[Trainer, ...]:
        """Of the training runs that name one."""
        return tuple(one.trainer for one in self.by_name.values() if one.trainer is not None)

    @cached_property
    def workloads(self) -> Mapping[str, WorkloadRef]:
        """By the name of the service, of those whose spec names one."""
        return {name: one.workload for name, one in self.by_name.items() if one.workload}


def sibling(service: ServiceObject, open_namespaces: frozenset[str]) -> Sibling:
    """A service as its namespace sees it. `open_namespaces`: those whose services any namespace may
    depend on."""
    meta, spec = service.meta, service.spec
    calls = calls_of(spec, meta.namespace, open_namespaces)
    return Sibling(
        meta.name,
        meta.uid,
        tuple(local_name(one, meta.namespace) for one in calls),
        service.severity,
        service.judged,
        spec.workload if spec else None,
        spec.trainer if spec else None,
    )
