"""An SLOPolicy's spec as frozen values, and how it comes out for one service.

Latency in seconds, error rates as ratios. An override names only what differs, so partial levels
are a type of their own; `for_service` resolves them into the contract's `SLOSpec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from anomaly_operator.incidents.playbook import Playbook
from anomaly_operator.spec.rule_export import RuleExport
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.contract.run_config import (
    BusyPeriod,
    DatabaseThresholds,
    RequestRateThresholds,
    SLOSpec,
    Thresholds,
)


@dataclass(frozen=True, slots=True)
class Levels:
    """Thresholds of which some may be missing (None)."""

    acceptable: float | None = None
    warning: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class Override:
    service: str
    latency: Levels | None = None
    error_rate: Levels | None = None


@dataclass(frozen=True, slots=True)
class SLOPolicySpec:
    """`match_labels` None: only services that name the policy use it."""

    match_labels: Mapping[str, str] | None = None
    latency: Thresholds | None = None
    error_rate: Thresholds | None = None
    database_latency: DatabaseThresholds | None = None
    request_rate: RequestRateThresholds | None = None
    error_rate_floor: float = 0.0
    traffic_floor: float = 1.0
    busy_periods: tuple[BusyPeriod, ...] = ()
    busy_factor: float = 1.5
    allow_downgrade: bool = True
    require_breach_for_critical: bool = True
    overrides: Mapping[str, Override] = field(default_factory=dict)
    objectives: tuple[ObjectiveSpec, ...] = ()
    export: RuleExport = field(default_factory=RuleExport)
    playbook: Playbook = field(default_factory=Playbook)

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a service with `labels` is selected; it must carry all of `match_labels`."""
        wanted = self.match_labels
        return wanted is not None and all(labels.get(key) == wanted[key] for key in wanted)


def for_service(policy: str, spec: SLOPolicySpec, service: str) -> SLOSpec:
    """The policy named `policy` with the override for `service` worked in."""
    resolved = SLOSpec(
        policy=policy,
        latency=spec.latency,
        error_rate=spec.error_rate,
        database_latency=spec.database_latency,
        request_rate=spec.request_rate,
        error_rate_floor=spec.error_rate_floor,
        traffic_floor=spec.traffic_floor,
        busy_periods=spec.busy_periods,
        busy_factor=spec.busy_factor,
        allow_downgrade=spec.allow_downgrade,
        require_breach_for_critical=spec.require_breach_for_critical,
    )
    override = spec.overrides.get(service)
    if override is None:
        return resolved
    return replace(
        resolved,
        latency=overridden(spec.latency, override.latency),
        error_rate=overridden(spec.error_rate, override.error_rate),
    )


def overridden(base: Thresholds | None, levels: Levels | None) -> Thresholds | None:
    """`levels` over `base`. A warning level that the override leaves out keeps its relative place
    between acceptable and critical: 500/800/1000 overridden by 300/-/500 gives 300/420/500, where
    keeping 800 would put the warning above critical.
    """
    if levels is None or base is None:
        return base
    acceptable = base.acceptable if levels.acceptable is None else levels.acceptable
    critical = base.critical if levels.critical is None else levels.critical
    if levels.warning is not None:
        return Thresholds(acceptable, levels.warning, critical)
    span = base.critical - base.acceptable
    place = (base.warning - base.acceptable) / span if span else 1.0
    warning = round(acceptable + place * (critical - acceptable), 9)
    return Thresholds(acceptable, warning, critical)
