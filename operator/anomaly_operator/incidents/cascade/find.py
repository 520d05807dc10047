"""The root cause of one service's incident, or why none is named.

Nobody is named for a service that has no incident of its own: without data there is no incident
either. Two faults at once stay two, because no trouble of the one explains that of the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.incidents.cascade.edges import Calls, weights
from anomaly_operator.incidents.cascade.ranking import Candidate, ranked
from anomaly_operator.incidents.cascade.suspect import ServiceKey, Suspect

LEAST_PROBABILITY = 0.4
"""A root that is less likely is not named: of two that are as good as one another, neither is."""
CHAIN = 3
"""Services on the path from which on a chain is degraded, not one dependency."""


class CascadeVerdict(StrEnum):
    """`DependenciesHealthy`: all services that it calls are judged and have no incident, so the
    cause is in the service itself. `Unknown`: none of the others."""

    UPSTREAM_CASCADE = "UpstreamCascade"
    CHAIN_DEGRADED = "ChainDegraded"
    DEPENDENCIES_HEALTHY = "DependenciesHealthy"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class RootCause:
    """`root` None: nobody is named, and `anomaly` and `path` are empty. `root` may be the service
    itself: its trouble begins there. `probability` of `root`. `path`: from the service to the
    root. `candidates`: all that may be it, the likeliest first.
    """

    verdict: CascadeVerdict
    root: ServiceKey | None = None
    anomaly: str = ""
    probability: float = 0.0
    path: tuple[ServiceKey, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def elsewhere(self) -> bool:
        """Whether another service is named."""
        return len(self.path) > 1


NOBODY = RootCause(CascadeVerdict.UNKNOWN)


def root_cause(
    target: ServiceKey,
    suspects: Mapping[ServiceKey, Suspect],
    calls: Calls,
    judged: Collection[ServiceKey] = (),
) -> RootCause:
    """`calls`: whom each service depends on; a service that is missing or foreign is no suspect.
    `judged`: services whose windows have a verdict. The order of all of them does not matter.
    """
    if target not in suspects:
        return NOBODY
    candidates = ranked(target, weights(target, suspects, calls))
    first = candidates[0]
    if first.probability < LEAST_PROBABILITY:
        return RootCause(CascadeVerdict.UNKNOWN, candidates=candidates)
    return RootCause(
        verdict=_verdict(first, suspects, calls, judged),
        root=first.key,
        anomaly=suspects[first.key].anomaly,
        probability=first.probability,
        path=first.path,
        candidates=candidates,
    )


def _verdict(
    first: Candidate,
    suspects: Mapping[ServiceKey, Suspect],
    calls: Calls,
    judged: Collection[ServiceKey],
) -> CascadeVerdict:
    if len(first.path) >= CHAIN:
        return CascadeVerdict.CHAIN_DEGRADED
    if len(first.path) > 1:
        return CascadeVerdict.UPSTREAM_CASCADE
    callees = calls.get(first.key, ())
    healthy = bool(callees) and all(key in judged and key not in suspects for key in callees)
    return CascadeVerdict.DEPENDENCIES_HEALTHY if healthy else CascadeVerdict.UNKNOWN
