"""The patterns that hold for one service: built in, of the administrator, and its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.patterns import Circumstance, PatternSpec
from detector_runtime.contract.vocabulary import Role
from detector_runtime.patterns.catalogue import CATALOGUE
from detector_runtime.patterns.standing import Standing

CHAIN = 2
"""Services of the chain that are degraded from which on the chain is."""


def assembled(own: Sequence[PatternSpec], non_alerting: Sequence[str]) -> tuple[PatternSpec, ...]:
    """`own` in place of built-in ones of the same name, the rest of them first: who adds a pattern
    wants to see it. Of two with one name the later holds."""
    latest = {spec.name: spec for spec in own}
    built_in = {spec.name for spec in CATALOGUE}
    added = [spec for name, spec in latest.items() if name not in built_in]
    merged = (*added, *(latest.get(spec.name, spec) for spec in CATALOGUE))
    quiet = frozenset(non_alerting)
    return tuple(replace(one, alerting=False) if one.name in quiet else one for one in merged)


def of_graph(dependencies: Dependencies) -> frozenset[Circumstance]:
    """What holds of the services that this one depends on; nothing where none is watched."""
    unhealthy = dependencies.unhealthy
    if not unhealthy:
        healthy = {Circumstance.DEPENDENCIES_HEALTHY} if dependencies.known else set()
        return frozenset(healthy)
    found = set()
    if any(one.depth == 1 for one in unhealthy):
        found.add(Circumstance.DEPENDENCY_ANOMALOUS)
    if len(unhealthy) >= CHAIN:
        found.add(Circumstance.CHAIN_DEGRADED)
    return frozenset(found)


def believed(
    graph: frozenset[Circumstance], metrics: Sequence[Standing]
) -> frozenset[Circumstance]:
    """`graph` without what the service's own metrics contradict: where calls to dependencies are
    slow, one of them is in trouble, though it may have no incident yet."""
    slow = any(one.metric.role is Role.DEPENDENCY_LATENCY and one.unusual for one in metrics)
    return graph - {Circumstance.DEPENDENCIES_HEALTHY} if slow else graph
