"""The built-in patterns, the most telling first.

Of two patterns that explain the same metrics the earlier one names the window, so the order goes
from many conditions to few. Texts stand here and nowhere else; `wording` fills in the figures.
"""

from __future__ import annotations

from detector_runtime.contract.patterns import (
    Circumstance,
    Level,
    LevelCondition,
    PatternSpec,
    RatioCondition,
)
from detector_runtime.contract.vocabulary import Role, Severity

HIGH = (Level.HIGH, Level.VERY_HIGH)
VERY_HIGH = (Level.VERY_HIGH,)
LOW = (Level.LOW, Level.VERY_LOW)
VERY_LOW = (Level.VERY_LOW,)
RAISED = (Level.MODERATE, Level.ELEVATED, Level.HIGH, Level.VERY_HIGH)
MODERATE = (Level.MODERATE, Level.ELEVATED)
NORMAL = (Level.NORMAL, Level.MODERATE, Level.ELEVATED)
"""Neither low nor high: the upper third of what is usual is usual."""
DATABASE_SHARE = 0.7
DEPENDENCY_SHARE = 0.6

_COMPARE = "Compare the start time with the latest deployment; roll back if they match"
_LOGS = "Read the latest errors in the logs"
_SCALE = "Check that autoscaling keeps up with the load; add replicas if it does not"
_CLIENTS = "Find the client or route that sends more requests than usual"
_PODS = "Check CPU throttling, memory and restarts of the service's pods"
_SLOW_QUERIES = "Check the database for slow queries and lock waits"
_POOL = "Check the usage of the database connection pool"
_DATABASE = "Check the database's CPU, I/O and replication"
_INGRESS = "Check whether requests reach the service: ingress, DNS and load balancer"
_CREDENTIALS = "Check quotas, certificates and credentials"
_BREAKERS = "Check circuit breakers, rate limits and connection pools that reject requests"
_OWNERS = "Notify the owners of {dependencies}"
_TRACES = "Find the slowest routes in the traces"


def _is(role: Role, levels: tuple[Level, ...]) -> LevelCondition:
    return LevelCondition(levels, role)


def _over(role: Role, whole: Role, above: float) -> RatioCondition:
    return RatioCondition(above, role, of_role=whole)


CATALOGUE: tuple[PatternSpec, ...] = (
    PatternSpec(
        "request_rate_surge_failing",
        Severity.CRITICAL,
        (_is(Role.TRAFFIC, HIGH), _is(Role.LATENCY, HIGH), _is(Role.ERRORS, HIGH)),
        message="Traffic of {traffic}, usually {traffic.usual} {when}, is more than the service "
        "can take: {errors} of requests fail, and requests take {latency}, usually "
        "{latency.usual}",
        impact="{errors} of requests fail, and {who} wait {latency.times} as long",
        actions=(
            _SCALE,
            _CLIENTS,
            "Limit or shed the extra load until the service recovers",
            "Check for retry storms",
            _LOGS,
        ),
    ),
    PatternSpec(
        "reduced_traffic_with_errors",
        Severity.CRITICAL,
        (_is(Role.TRAFFIC, LOW), _is(Role.LATENCY, VERY_LOW), _is(Role.ERRORS, HIGH)),
        message="Traffic fell to {traffic}, usually {traffic.usual} {when}, and {errors} of the "
        "requests that still come fail after {latency}",
        impact="{who} are turned away: {errors} of requests fail, and many no longer come",
        actions=(_INGRESS, _LOGS, "Check that the service's pods are ready", _COMPARE, _BREAKERS),
    ),
    PatternSpec(
        "error_rate_fast_rejection",
        Severity.CRITICAL,
        (_is(Role.LATENCY, VERY_LOW), _is(Role.ERRORS, VERY_HIGH)),
        message="{errors} of requests are rejected before any work is done: requests take "
        "{latency}, usually {latency.usual} {when}",
        impact="{errors} of requests by {who} fail at once",
        actions=(_BREAKERS, _LOGS, _CREDENTIALS, _COMPARE, "Check whether a backend is down"),
    ),
    PatternSpec(
        "error_rate_fast_failure",
        Severity.CRITICAL,
        (_is(Role.LATENCY, LOW), _is(Role.ERRORS, HIGH)),
        message="{errors} of requests fail, and fast: requests take {latency}, usually "
        "{latency.usual} {when}",
        impact="{errors} of requests by {who} fail",
        actions=(_LOGS, _COMPARE, _BREAKERS, _CREDENTIALS, "Check whether a backend is down"),
    ),
    PatternSpec(
        "suspicious_fast_responses",
        Severity.HIGH,
        (_is(Role.LATENCY, VERY_LOW), _is(Role.ERRORS, (Level.ELEVATED,))),
        message="Requests take only {latency}, usually {latency.usual} {when}, while {errors} of "
        "them fail: answers may be empty or cut short",
        impact="{who} may get wrong or empty answers",
        actions=(
            "Check the content of a few answers: empty lists, cached errors, default values",
            _LOGS,
            _COMPARE,
            "Check feature flags and caches that were switched on",
        ),
    ),
    PatternSpec(
        "error_rate_partial_rejection",
        Severity.HIGH,
        (_is(Role.LATENCY, LOW), _is(Role.ERRORS, MODERATE)),
        message="Some requests are rejected early: {errors} fail, and requests take {latency}, "
        "usually {latency.usual} {when}",
        impact="{errors} of requests by {who} fail",
        actions=(_BREAKERS, _LOGS, _CREDENTIALS, _COMPARE),
    ),
    PatternSpec(
        "request_rate_surge_degrading",
        Severity.HIGH,
        (_is(Role.TRAFFIC, HIGH), _is(Role.LATENCY, HIGH), _is(Role.ERRORS, NORMAL)),
        message="Traffic of {traffic}, usually {traffic.usual} {when}, slows the service down: "
        "requests take {latency}, usually {latency.usual}",
        impact="{who} wait {latency.times} as long",
        actions=(_SCALE, _CLIENTS, _PODS, "Check for retry storms and automated clients"),
    ),
    PatternSpec(
        "request_rate_cliff",
        Severity.CRITICAL,
        (_is(Role.TRAFFIC, VERY_LOW),),
        message="Requests fell to {traffic} (usually {traffic.usual}) {when}",
        impact="Requests of {who} no longer reach the service",
        actions=(
            _INGRESS,
            "Check that the service's pods are running and ready",
            "Check whether callers fail or have stopped calling",
            _COMPARE,
        ),
    ),
    PatternSpec(
        "database_latency_bottleneck",
        Severity.HIGH,
        (_is(Role.DATABASE_LATENCY, HIGH), _is(Role.LATENCY, HIGH)),
        (_over(Role.DATABASE_LATENCY, Role.LATENCY, DATABASE_SHARE),),
        message="The database makes requests slow: they take {latency}, usually {latency.usual} "
        "{when}; {ratio} of it is database time",
        impact="{who} wait {latency.times} as long",
        actions=(_SLOW_QUERIES, _POOL, _DATABASE, "Compare the start time with schema changes"),
    ),
    PatternSpec(
        "dependency_chain_degradation",
        Severity.HIGH,
        (_is(Role.LATENCY, HIGH),),
        circumstances=(Circumstance.CHAIN_DEGRADED,),
        message="Requests take {latency}, usually {latency.usual} {when}; several services that "
        "it depends on are degraded: {dependencies}",
        impact="{who} wait {latency.times} as long",
        actions=(
            "Look at {dependencies} first: the trouble most likely starts there",
            _OWNERS,
            "Check timeouts, retries and connection pools for calls to them",
        ),
    ),
    PatternSpec(
        "upstream_cascade",
        Severity.HIGH,
        (_is(Role.LATENCY, HIGH), _is(Role.DEPENDENCY_LATENCY, HIGH)),
        circumstances=(Circumstance.DEPENDENCY_ANOMALOUS,),
        message="Trouble in {dependencies} makes requests slow: they take {latency}, usually "
        "{latency.usual} {when}; calls to dependencies take {dependency}",
        impact="{who} wait {latency.times} as long",
        actions=(
            "Look at {dependencies} first: it is anomalous too",
            _OWNERS,
            "Check timeouts, retries and connection pools for calls to it",
        ),
    ),
    PatternSpec(
        "dependency_latency_cascade",
        Severity.HIGH,
        (_is(Role.DEPENDENCY_LATENCY, HIGH), _is(Role.LATENCY, HIGH)),
        (_over(Role.DEPENDENCY_LATENCY, Role.LATENCY, DEPENDENCY_SHARE),),
        message="A dependency makes requests slow: they take {latency}, usually {latency.usual} "
        "{when}; {ratio} of it is spent in calls to dependencies",
        impact="{who} wait {latency.times} as long",
        actions=(
            "Find the dependency that became slow",
            "Check timeouts, retries and connection pools for calls to it",
            "Notify its owners",
        ),
    ),
    PatternSpec(
        "error_rate_critical",
        Severity.CRITICAL,
        (_is(Role.ERRORS, VERY_HIGH), _is(Role.TRAFFIC, NORMAL), _is(Role.LATENCY, NORMAL)),
        message="{errors} of requests fail, usually {errors.usual} {when}; traffic and latency "
        "are normal",
        impact="{errors} of requests by {who} fail",
        actions=(_COMPARE, _LOGS, "Check the dependencies for errors", _CREDENTIALS),
    ),
    PatternSpec(
        "recovery_in_progress",
        Severity.LOW,
        (_is(Role.ERRORS, RAISED),),
        circumstances=(Circumstance.RECOVERING,),
        message="The service recovers: {errors} of requests still fail, and fewer from window to "
        "window",
        impact="{who} still see some errors",
        actions=("Wait for the service to settle", "Check that the errors keep falling"),
        alerting=False,
        locked=True,
    ),
    PatternSpec(
        "error_rate_elevated",
        Severity.HIGH,
        (_is(Role.ERRORS, HIGH), _is(Role.TRAFFIC, NORMAL), _is(Role.LATENCY, NORMAL)),
        message="{errors} of requests fail, usually {errors.usual} {when}; traffic and latency "
        "are normal",
        impact="{errors} of requests by {who} fail",
        actions=(_LOGS, _COMPARE, "Check the dependencies for errors", _CREDENTIALS),
    ),
    PatternSpec(
        "application_latency_bottleneck",
        Severity.HIGH,
        (
            _is(Role.LATENCY, HIGH),
            _is(Role.TRAFFIC, NORMAL),
            _is(Role.ERRORS, NORMAL),
            _is(Role.DEPENDENCY_LATENCY, NORMAL),
            _is(Role.DATABASE_LATENCY, NORMAL),
        ),
        message="The service itself is slow: requests take {latency}, usually {latency.usual} "
        "{when}; database and dependencies are normal",
        impact="{who} wait {latency.times} as long",
        actions=(_COMPARE, _PODS, _TRACES, "Take a CPU profile of one pod"),
    ),
    PatternSpec(
        "internal_latency_issue",
        Severity.HIGH,
        (_is(Role.LATENCY, HIGH), _is(Role.ERRORS, NORMAL)),
        circumstances=(Circumstance.DEPENDENCIES_HEALTHY,),
        message="Requests take {latency}, usually {latency.usual} {when}; the services that it "
        "depends on are healthy",
        impact="{who} wait {latency.times} as long",
        actions=(_COMPARE, _PODS, _TRACES),
    ),
    PatternSpec(
        "gradual_degradation",
        Severity.MEDIUM,
        (_is(Role.LATENCY, RAISED), _is(Role.ERRORS, RAISED)),
        circumstances=(Circumstance.RISING,),
        message="The service gets slower and fails more often, hour by hour: requests take "
        "{latency}, usually {latency.usual} {when}; {errors} of them fail",
        impact="{who} wait {latency.times} as long, and it is getting worse",
        actions=(
            "Check memory, disk, queues and connection pools for something that fills up",
            _PODS,
            "Compare the start of the rise with the latest deployment",
        ),
    ),
    PatternSpec(
        "latency_spike_recent",
        Severity.HIGH,
        (_is(Role.LATENCY, HIGH), _is(Role.TRAFFIC, NORMAL), _is(Role.ERRORS, NORMAL)),
        message="Requests take {latency}, usually {latency.usual} {when}; traffic and errors are "
        "normal",
        impact="{who} wait {latency.times} as long",
        actions=(
            _COMPARE,
            _PODS,
            "Compare with the latency of the dependencies and the database",
            _TRACES,
        ),
    ),
    PatternSpec(
        "database_latency_degraded",
        Severity.MEDIUM,
        (_is(Role.DATABASE_LATENCY, HIGH), _is(Role.LATENCY, NORMAL), _is(Role.ERRORS, NORMAL)),
        message="The database takes {database}, usually {database.usual} {when}; requests are not "
        "slower yet",
        impact="{who} do not notice yet",
        actions=(_SLOW_QUERIES, _POOL, _DATABASE),
    ),
    PatternSpec(
        "flapping_service",
        Severity.HIGH,
        circumstances=(Circumstance.FLAPPING,),
        message="The service keeps switching between normal and anomalous",
        impact="{who} see the service come and go",
        actions=(
            "Check for pods that restart or fail their readiness probe",
            "Check autoscaling and health checks that switch back and forth",
            _LOGS,
        ),
    ),
    PatternSpec(
        "request_rate_surge_healthy",
        Severity.LOW,
        (_is(Role.TRAFFIC, HIGH), _is(Role.LATENCY, NORMAL), _is(Role.ERRORS, NORMAL)),
        message="Traffic of {traffic}, usually {traffic.usual} {when}; latency and errors are "
        "normal",
        impact="{who} notice nothing",
        actions=(_CLIENTS, "Check that autoscaling has room for more"),
        alerting=False,
        locked=True,
    ),
)
