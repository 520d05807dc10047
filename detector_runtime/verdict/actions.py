"""What to look at first, by the kind of metric and the side on which it left its usual range.

Short imperatives for somebody who was just woken; the most likely cause comes first. Named
patterns will bring better ones of their own.
"""

from __future__ import annotations

from detector_runtime.contract.vocabulary import MAX_ACTIONS, Role

_UP: dict[Role, tuple[str, ...]] = {
    Role.TRAFFIC: (
        "Find the caller that sends more than usual",
        "Check that autoscaling keeps up",
        "Check for retries and for automated clients",
    ),
    Role.LATENCY: (
        "Compare the start with the newest deployment",
        "Check CPU throttling, memory and pod restarts",
        "Compare with the latency of dependencies and database",
        "Find the slowest routes in the traces",
    ),
    Role.ERRORS: (
        "Read the newest errors in the log",
        "Compare the start with the newest deployment; roll back if it fits",
        "Check the dependencies for errors",
        "Check quotas, certificates and credentials",
    ),
    Role.DEPENDENCY_LATENCY: (
        "Find the dependency that became slow",
        "Check timeouts, retries and connection pools towards it",
        "Tell the owners of that dependency",
    ),
    Role.DATABASE_LATENCY: (
        "Check slow queries and locks",
        "Check the connection pool's use",
        "Check the database's CPU, I/O and replication",
    ),
    Role.SATURATION: (
        "Check limits and scale out",
        "Find what uses more than usual",
    ),
    Role.CUSTOM: (
        "Compare the start with recent changes",
        "Look at the metric beside its dependencies",
    ),
}
_DOWN: dict[Role, tuple[str, ...]] = {
    Role.TRAFFIC: (
        "Check ingress, DNS and load balancer",
        "Check whether callers fail or have stopped",
        "Compare the start with the newest deployment",
    ),
    Role.LATENCY: (
        "Check whether requests are rejected early",
        "Check caches and short cuts that were switched on",
    ),
}
_BREACH = "Tell those who depend on this service: its SLO is breached"


def recommended(role: Role, downwards: bool, breached: bool) -> tuple[str, ...]:
    """At most MAX_ACTIONS actions for a finding led by a metric of `role`."""
    table = _DOWN if downwards and role in _DOWN else _UP
    extra = (_BREACH,) if breached else ()
    return (*table[role], *extra)[:MAX_ACTIONS]
