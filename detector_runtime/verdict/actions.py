"""What to look at first, by the kind of metric and the side on which it left its usual range.

Short imperatives for the person on call; the most likely cause comes first.
"""

from __future__ import annotations

from detector_runtime.contract.vocabulary import MAX_ACTIONS, Role

_UP: dict[Role, tuple[str, ...]] = {
    Role.TRAFFIC: (
        "Find the client that sends more requests than usual",
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
    ),
    Role.CUSTOM: (
        "Compare the start time with recent changes",
        "Compare the metric with those of the dependencies",
    ),
}
_DOWN: dict[Role, tuple[str, ...]] = {
    Role.TRAFFIC: (
        "Check ingress, DNS and the load balancer",
        "Check whether clients fail or have stopped calling",
        "Compare the start time with the latest deployment",
    ),
    Role.LATENCY: (
        "Check whether requests are rejected early",
        "Check for caches and feature flags that were switched on",
    ),
}
_BREACH = "Notify the teams that depend on this service: its SLO is breached"


def recommended(role: Role, downwards: bool, breached: bool) -> tuple[str, ...]:
    """At most MAX_ACTIONS actions for a finding led by a metric of `role`."""
    table = _DOWN if downwards and role in _DOWN else _UP
    extra = (_BREACH,) if breached else ()
    return (*table[role], *extra)[:MAX_ACTIONS]
