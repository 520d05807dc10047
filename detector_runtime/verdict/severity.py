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
    if status is SLOStatus.BREACHED:
        return Severity.CRITICAL
    if model is Severity.NONE or subject.outage:
        return model
    # A floor quiets a metric, never a service that another metric brings near a breach.
    if subject.floored and status is not SLOStatus.WARNING:
        return Severity.INFORMATIONAL
    ceiling = Severity.MEDIUM if provisional else Severity.CRITICAL
    return _at_most(_adjusted(model, status, policy, subject.covered), ceiling)


def _adjusted(
    model: Severity, status: SLOStatus, policy: SLOSpec | None, covered: bool
) -> Severity:
    if policy is None or status is SLOStatus.UNKNOWN:
        return _at_most(model, Severity.HIGH)
    if status is SLOStatus.OK:
        # A policy judges what it names: it says nothing of a queue for which it has no threshold.
        if not covered:
            return _at_most(model, Severity.HIGH)
        floor = Severity.INFORMATIONAL if policy.allow_downgrade else Severity.LOW
        return _at_most(model, floor)
    ceiling = Severity.HIGH if policy.require_breach_for_critical else Severity.CRITICAL
    least = Severity.HIGH if status is SLOStatus.WARNING else model
    return _at_most(max(model, least, key=_rank), ceiling)


def _rank(severity: Severity) -> int:
    return severity.rank


def _at_most(severity: Severity, ceiling: Severity) -> Severity:
    return min(severity, ceiling, key=_rank)
