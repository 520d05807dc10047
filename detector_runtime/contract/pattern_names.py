"""The names that findings have, as far as they are known before a run.

The operator knows no pattern of the runtime but by its name: it refuses a list that names none,
and a pattern of a user that would pass for a finding of the runtime's own.
"""

from __future__ import annotations

BUILT_IN = frozenset(
    {
        "application_latency_bottleneck",
        "database_latency_bottleneck",
        "database_latency_degraded",
        "dependency_chain_degradation",
        "dependency_latency_cascade",
        "error_rate_critical",
        "error_rate_elevated",
        "error_rate_fast_failure",
        "error_rate_fast_rejection",
        "error_rate_partial_rejection",
        "flapping_service",
        "gradual_degradation",
        "internal_latency_issue",
        "latency_spike_recent",
        "recovery_in_progress",
        "reduced_traffic_with_errors",
        "request_rate_cliff",
        "request_rate_surge_degrading",
        "request_rate_surge_failing",
        "request_rate_surge_healthy",
        "suspicious_fast_responses",
        "upstream_cascade",
    }
)
_RESERVED = frozenset({"slo_breach", "error_budget_burn", "unexplained"})
NO_LEVEL = _RESERVED | {"flapping_service", "recovery_in_progress"}
"""What says of no metric that it stands at another level, which could become the new usual one."""
SILENT = frozenset({"recovery_in_progress", "request_rate_surge_healthy"})
"""Built-in patterns that never notify anybody."""
METRIC_PREFIX = "metric_"
"""Of a finding that no pattern explains: `metric_<name>`."""


def reserved(name: str) -> bool:
    """Whether findings that are no patterns have this name."""
    return name in _RESERVED or name.startswith(METRIC_PREFIX)
