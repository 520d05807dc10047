"""From a service's spec to the settings of its incidents, for the operator and for a backtest."""

from __future__ import annotations

from anomaly_operator.incidents.state import IncidentSettings
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.run_config import IncidentSpec


def incident_settings(
    service: str, service_uid: str, step_seconds: int, plan: IncidentPlan
) -> IncidentSettings:
    """The life cycle's settings of one service for windows of `step_seconds`.

    Windows longer than the spec's, of a model from before it changed or of a coarser recording,
    must not each end what the one before began: the grace fits into the separation in any case.
    """
    least = (plan.resolution_grace_cycles + 1) * step_seconds + 1
    return IncidentSettings(
        service=service,
        service_uid=service_uid,
        step_seconds=step_seconds,
        confirmation_cycles=plan.confirmation_cycles,
        grace_cycles=plan.resolution_grace_cycles,
        separation_seconds=max(plan.separation_seconds, least),
        reopen_seconds=plan.reopen_within_seconds,
        expected=plan.expected,
    )


def incident_spec(step_seconds: int, plan: IncidentPlan) -> IncidentSpec:
    """The same life cycle as training reads it: the alert level is set by it."""
    rules = incident_settings("", "", step_seconds, plan)
    return IncidentSpec(
        confirmation_cycles=rules.confirmation_cycles,
        grace_cycles=rules.grace_cycles,
        separation_seconds=rules.separation_seconds,
        reopen_seconds=rules.reopen_seconds,
    )
