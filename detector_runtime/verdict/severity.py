"""The severity of a window: first by the model alone, then through the SLO.

The model's severity is a ladder of promised rates, and each rung wants evidence beside the score.
What opens is at least Low. Medium and above is what people are told, so it takes the score of the
tolerated rate and a metric that stayed far outside its usual range, or a score so rare that it is
trouble without one, and lasting.
The SLO decides last, on what its policy names: what is
rare need not be bad. Requests that stop are the one thing that needs no policy to be Critical.
"""

from __future__ import annotations

from dataclasses import dataclass

from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import Severity, SLOStatus
from detector_runtime.model.magnitude import LARGE, OVERWHELMING, VERY_LARGE
from detector_runtime.model.severity_levels import SeverityLevels

BREACHED = "the SLO is breached"
NEAR_BREACH = "the SLO is close to a breach"
NOT_BREACHED = "the SLO is not breached"
WITHIN = "unusual, yet within the SLO"
FLOORED = "the values are under a floor of the SLO"
NOT_NAMED = "the SLO has no threshold for all of its metrics"
NOT_EVALUATED = "no SLO is evaluated"
PROVISIONAL = "the model is provisional"

LASTING_SECONDS = 30 * 60
"""From here on a rare score counts without a metric outside its range: a freeze, a broken relation.
"""


@dataclass(frozen=True, slots=True)
class SeverityInputs:
    """`magnitude`: how far a metric has stayed outside its usual range, in half-widths of it.
    `lasted` seconds and `windows` since it began to build. `outage`: requests have stopped.
    """

    score: float
    magnitude: float
    lasted: int
    windows: int = 2
    outage: bool = False


def model_severity(inputs: SeverityInputs, levels: SeverityLevels) -> Severity:
    """Severity of an anomalous window by the model alone; None below the alert level."""
    if inputs.score < levels.alert:
        return Severity.NONE
    if inputs.outage:
        # Nothing is left to be far from usual, and zero is no farther from a wide range than 1 %.
        return Severity.CRITICAL if inputs.windows > 1 else Severity.HIGH
    large = inputs.magnitude >= LARGE
    rare = inputs.score >= levels.high or inputs.magnitude >= OVERWHELMING
    if inputs.score >= levels.critical and inputs.magnitude >= VERY_LARGE:
        return Severity.CRITICAL
    if rare and large:
        return Severity.HIGH
    told = large and inputs.score >= levels.medium
    if told or (rare and inputs.lasted >= LASTING_SECONDS):
        return Severity.MEDIUM
    return Severity.LOW


@dataclass(frozen=True, slots=True)
class Subject:
    """What an anomalous window is about, as the policy sees it.

    `covered`: each metric that makes up the finding has a threshold in the policy and a value.
    `floored`: each of them lies under a floor. `outage`: requests have stopped.
    """

    covered: bool = True
    floored: bool = False
    outage: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """A severity after the SLO. `reason`: why it differs from the one before, in words; empty where
    it does not."""

    severity: Severity
    reason: str = ""


def through_slo(
    model: Severity,
    status: SLOStatus,
    policy: SLOSpec | None,
    provisional: bool = False,
    subject: Subject = Subject(),
) -> Severity:
    """The window's severity: `model` (None for a window that is not anomalous) through the SLO.

    `provisional`: a model of a few days, which alone raises nothing above Medium.
    """
    return weighed(model, status, policy, provisional, subject).severity


def weighed(
    model: Severity,
    status: SLOStatus,
    policy: SLOSpec | None,
    provisional: bool = False,
    subject: Subject = Subject(),
) -> Weighed:
    """`through_slo` with the reason."""
    if status is SLOStatus.BREACHED:
        return _moved(model, Severity.CRITICAL, BREACHED)
    if model is Severity.NONE or subject.outage:
        return Weighed(model)
    # A floor quiets a metric, never a service that another metric brings near a breach.
    if subject.floored and status is not SLOStatus.WARNING:
        met = status is SLOStatus.OK
        return _moved(model, Severity.INFORMATIONAL, WITHIN if met else FLOORED)
    found = _adjusted(model, status, policy, subject.covered)
    if provisional and found.severity.rank > Severity.MEDIUM.rank:
        return _moved(model, Severity.MEDIUM, PROVISIONAL)
    return found


def _adjusted(model: Severity, status: SLOStatus, policy: SLOSpec | None, covered: bool) -> Weighed:
    if policy is None or status is SLOStatus.UNKNOWN:
        return _moved(model, _at_most(model, Severity.HIGH), NOT_EVALUATED)
    if status is SLOStatus.OK:
        # A policy judges what it names: it says nothing of a queue for which it has no threshold.
        if not covered:
            return _moved(model, _at_most(model, Severity.HIGH), NOT_NAMED)
        floor = Severity.INFORMATIONAL if policy.allow_downgrade else Severity.LOW
        return _moved(model, _at_most(model, floor), WITHIN)
    ceiling = Severity.HIGH if policy.require_breach_for_critical else Severity.CRITICAL
    least = Severity.HIGH if status is SLOStatus.WARNING else model
    severity = _at_most(max(model, least, key=_rank), ceiling)
    return _moved(model, severity, NEAR_BREACH if severity.rank > model.rank else NOT_BREACHED)


def _moved(model: Severity, severity: Severity, reason: str) -> Weighed:
    return Weighed(severity, "" if severity is model else reason)


def _rank(severity: Severity) -> int:
    return severity.rank


def _at_most(severity: Severity, ceiling: Severity) -> Severity:
    return min(severity, ceiling, key=_rank)
