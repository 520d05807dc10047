"""`SLOMet`: whether a service keeps what its policy asks, thresholds and error budgets alike.

A threshold that is breached now comes before a budget: it is the nearer trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_operator.api.conditions import Condition, Truth
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import sentence
from anomaly_operator.slo.budgets import Budget, budgets
from anomaly_operator.slo.standing import SLOStanding, next_standing
from anomaly_operator.status.facts import Facts
from anomaly_operator.status.spec_faults import SLO_FAULTS, spec_faults, told
from detector_runtime.contract.objectives import ObjectiveState
from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import SLOStatus

SUSPENDED = "Scoring is suspended: `spec.suspend` is true."
_NO_THRESHOLDS = "All error budgets hold."


@dataclass(frozen=True, slots=True)
class _Said:
    truth: Truth
    reason: Reason
    text: str


def slo_met(facts: Facts, slo: SLOStanding, objectives: Sequence[Budget]) -> Condition:
    """`slo`, `objectives`: what is said of the newest window, as `slo_standing` and
    `budget_standing` give it."""
    kind, choice = ConditionType.SLO_MET, facts.policy
    if choice.slo is None:
        text = choice.message or "No SLOPolicy names or selects this service."
        return Condition(kind, Truth.UNKNOWN, choice.reason or Reason.NO_POLICY, text)
    said = _with_budgets(_by_thresholds(facts, slo), choice.slo, slo.status, objectives)
    reason, text = said.reason, said.text
    for name, problem in facts.objectives.problems.items():
        text = f"{text} Objective {name} is not evaluated. {problem}"
    faults = spec_faults(facts, SLO_FAULTS)
    if faults:
        reason, text = faults[0].reason, f"{text} {told(faults)}"
    if choice.reason is not None:
        reason, text = choice.reason, f"{text} {choice.message}"
    return Condition(kind, said.truth, reason, f"SLOPolicy {choice.slo.policy}: {text}")


def slo_standing(facts: Facts, before: SLOStanding) -> SLOStanding:
    """What the newest window says of the SLO after `before`; Unknown where it says nothing of
    now."""
    report, policy = facts.scoring.report, facts.policy.slo
    if policy is None:
        return SLOStanding()
    if report is None or not _scores_now(facts):
        return SLOStanding(policy=policy.policy)
    return next_standing(before, report.slo, policy.policy, report.end)


def budget_standing(facts: Facts, before: Sequence[Budget]) -> tuple[Budget, ...]:
    """How the objectives stand after `before`; Inconclusive where nothing is evaluated now."""
    detection = facts.scoring.detection
    reports = detection.objectives if detection else ()
    return budgets(facts.objectives, reports, before, evaluated=_scores_now(facts))


def _by_thresholds(facts: Facts, slo: SLOStanding) -> _Said:
    truth, reason, generic = _SLO_WORDS[slo.status]
    report = facts.scoring.report
    if facts.spec.suspend:
        return _Said(truth, Reason.SUSPENDED, SUSPENDED)
    if report is not None and not _scores_now(facts):
        return _Said(truth, reason, f"Not evaluated since {report.end}; see Detecting.")
    return _Said(truth, reason, _slo_text(slo) or generic)


def _with_budgets(
    said: _Said, policy: SLOSpec, status: SLOStatus, objectives: Sequence[Budget]
) -> _Said:
    worst = min(objectives, key=lambda one: one.order, default=None)
    if worst is None:
        return said
    lost = _BUDGET_REASONS.get(worst.state)
    if lost is None:
        whole = all(one.state is ObjectiveState.OK for one in objectives)
        if whole and status is SLOStatus.UNKNOWN and not _has_thresholds(policy):
            return _Said(Truth.TRUE, Reason.WITHIN_OBJECTIVES, _NO_THRESHOLDS)
        return said
    text = sentence(f"Objective {worst.explanation} (at {worst.since}); look at the service")
    if status is SLOStatus.BREACHED:
        return _Said(said.truth, said.reason, f"{said.text} {text}")
    return _Said(Truth.FALSE, lost, text)


def _has_thresholds(policy: SLOSpec) -> bool:
    levels = (policy.latency, policy.error_rate, policy.database_latency, policy.request_rate)
    return any(one is not None for one in levels)


def _slo_text(slo: SLOStanding) -> str:
    """The explanation as sentences. It may begin with the name of a metric, which no capital letter
    may change. Empty when the runtime gave none, as an older one does."""
    if slo.status is SLOStatus.UNKNOWN:
        return sentence(slo.explanation) if slo.explanation else ""
    if not slo.metric:
        return ""
    step = "; look at the service" if slo.status.rank >= SLOStatus.WARNING.rank else ""
    return f"{slo.explanation} (at {slo.at}){step}."


def _scores_now(facts: Facts) -> bool:
    scoring = facts.scoring
    return not facts.spec.suspend and scoring.failure is None and scoring.freshness.stale is None


_BUDGET_REASONS = {
    ObjectiveState.BURNING: Reason.ERROR_BUDGET_BURNING,
    ObjectiveState.EXHAUSTED: Reason.ERROR_BUDGET_EXHAUSTED,
}
_SLO_WORDS = {
    SLOStatus.UNKNOWN: (Truth.UNKNOWN, Reason.NOT_EVALUATED, "No value has been evaluated yet."),
    SLOStatus.OK: (Truth.TRUE, Reason.WITHIN_OBJECTIVES, "All values are acceptable."),
    SLOStatus.ELEVATED: (
        Truth.TRUE,
        Reason.WITHIN_OBJECTIVES,
        "All values are below their warning levels.",
    ),
    SLOStatus.WARNING: (
        Truth.TRUE,
        Reason.APPROACHING_OBJECTIVES,
        "A value exceeds its warning level; look at the service.",
    ),
    SLOStatus.BREACHED: (
        Truth.FALSE,
        Reason.OBJECTIVES_BREACHED,
        "A value exceeds its critical level; look at the service.",
    ),
}
