"""What to look at first, by the kind of metric and the side on which it left its usual range.

Short imperatives for the person on call; the most likely cause comes first. A metric that fell is
never met with advice for one that rose. A metric that is unusual inside its range gets advice that
holds for either side.
"""

from __future__ import annotations

from detector_runtime.contract.vocabulary import MAX_ACTIONS, Role
from detector_runtime.verdict.explain import Side

_UP: dict[Role, tuple[str, ...]] = {
    Role.TRAFFIC: (
        "Find the client or route that sends more requests than usual",
        "Check that autoscaling keeps up with the load",
        "Check for retry storms and automated clients",
    ),
    Role.LATENCY: (
        "Compare the start time with the latest deployment",
        "Check CPU throttling, memory and pod restarts",
        "Compare with the latency of the dependencies and the database",
        "Find the slowest routes in the traces",
    ),
    Role.ERRORS: (
        "Read the latest errors in the logs",
        "Compare the start time with the latest deployment; roll back if they match",
        "Check the dependencies for errors",
        "Check quotas, certificates and credentials",
    ),
    Role.DEPENDENCY_LATENCY: (
        "Find the dependency that became slow",
        "Check timeouts, retries and connection pools for that dependency",
        "Notify the owners of that dependency",
    ),
    Role.DATABASE_LATENCY: (
        "Check for slow queries and lock waits",
        "Check the usage of the connection pool",
        "Check the database's CPU, I/O and replication",
    ),
    Role.SATURATION: (
        "Check resource limits; scale out if they are reached",
        "Find the workload that uses more than usual",
        "Compare the start time with the latest deployment",
    ),
    Role.CUSTOM: (
        "Compare the start time with recent changes",
        "Find what raised the metric: load, a deployment or a dependency",
    ),
}
_DOWN: dict[Role, tuple[str, ...]] = {
    Role.TRAFFIC: (
        "Check ingress, DNS and the load balancer",
        "Check whether callers fail or have stopped calling",
        "Compare the start time with the latest deployment",
    ),
    Role.LATENCY: (
        "Check whether requests are rejected before any work is done",
        "Check whether the slow routes still receive requests",
        "Check for caches and feature flags that were switched on",
    ),
    Role.ERRORS: (
        "Check that failures are still counted and reported",
        "Check whether the requests that used to fail still arrive",
        "Check whether a recent deployment explains the improvement",
    ),
    Role.DEPENDENCY_LATENCY: (
        "Check whether the dependency rejects calls at once",
        "Check whether calls to the dependency have stopped",
        "Check for caches and circuit breakers in front of the dependency",
    ),
    Role.DATABASE_LATENCY: (
        "Check whether queries fail at once or have stopped",
        "Check for caches in front of the database",
        "Check whether a new index or query plan explains the improvement",
    ),
    Role.SATURATION: (
        "Check whether work still arrives: requests, queues and scheduled jobs",
        "Check whether pods crash or restart",
        "Check whether replicas were added or limits raised",
    ),
    Role.CUSTOM: (
        "Check whether the activity behind this metric has stopped",
        "Check that the metric is still exported and scraped",
        "Compare the start time with recent changes",
    ),
}
_INSIDE_FIRST: dict[Role, str] = {
    Role.TRAFFIC: "Check for changes in clients, routing and load balancing",
    Role.LATENCY: "Compare latency with the request rate and the dependencies",
    Role.ERRORS: "Read the latest errors in the logs",
    Role.DEPENDENCY_LATENCY: "Compare the dependencies with one another",
    Role.DATABASE_LATENCY: "Compare the database's latency with its load",
    Role.SATURATION: "Compare resource usage with the request rate",
    Role.CUSTOM: "Compare the metric with the other metrics of the service",
}
_INSIDE = (
    "Compare the start time with recent deployments and configuration changes",
    "Compare the last hours with the same hours of the days before",
)
_OUTAGE = (
    "Check whether requests reach the service: ingress, DNS and load balancer",
    "Check that the service's pods are running and ready",
    "Compare the start time with the latest deployment; roll back if they match",
    "Check whether callers fail or have stopped calling",
)
BREACH = "Notify the teams that depend on this service: its SLO is breached"


def recommended(role: Role, side: Side, breached: bool, outage: bool = False) -> tuple[str, ...]:
    """At most MAX_ACTIONS actions for a finding led by a metric of `role` that left its usual range
    on `side`. `outage`: requests have stopped."""
    extra = (BREACH,) if breached else ()
    return (*_listed(role, side, outage), *extra)[:MAX_ACTIONS]


def _listed(role: Role, side: Side, outage: bool) -> tuple[str, ...]:
    if outage:
        return _OUTAGE
    if side is Side.INSIDE:
        return (_INSIDE_FIRST[role], *_INSIDE)
    return _DOWN[role] if side is Side.DOWN else _UP[role]
