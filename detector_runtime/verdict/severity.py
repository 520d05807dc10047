"""The severity of a window: first by the model alone, then through the SLO.

The model's severity is a ladder of probability, anchored at the alert threshold. A common scheme
grades every window by its percentile in validation (10, 5, 1, 0.1 %), which calls a tenth of all
normal windows "Low". Here nothing below the alert threshold has a severity, and above it the same
ratios hold: the alert's own probability, a half, a tenth and a hundredth of it. A score saturates,
so magnitude and persistence count as well. The SLO decides last, on what its policy names: what is
rare need not be bad. Requests that stop are the one thing that needs no policy to be Critical.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import Severity, SLOStatus

LADDER = (
    (2.0, Severity.CRITICAL),
    (1.0, Severity.HIGH),
    (math.log10(2.0), Severity.MEDIUM),
    (0.0, Severity.LOW),
)
"""Score above the alert threshold -> severity: probabilities in the ratio 100 : 10 : 2 : 1."""
SLIGHT = 0.25
"""Up to this distance outside the usual range (in half-widths of it) at most Medium."""
LARGE = 1.0
"""From this distance on Critical is possible: the usual range is 3 sigma, so this is 6."""
LASTING_SECONDS = 30 * 60
"""A deviation that lasts this long counts one step more, but does not become Critical by that."""


@dataclass(frozen=True, slots=True)
class SeverityInputs:
    """`excess`: score - alert threshold. `magnitude`: farthest distance of a metric outside its
    usual range, in half-widths of it. `lasted` seconds and `windows` since it began to build.
    `outage`: requests have stopped.
    """

    excess: float
    magnitude: float
    lasted: int
    windows: int
    outage: bool = False


def model_severity(inputs: SeverityInputs) -> Severity:
    """Severity of an anomalous window by the model alone; None below the alert threshold."""
    found = next((level for least, level in LADDER if inputs.excess >= least), Severity.NONE)
    if found is Severity.NONE:
        return found
    if inputs.outage:
        # Nothing is left to be far from usual, and zero is no farther from a wide range than 1 %.
        return Severity.CRITICAL if inputs.windows > 1 else Severity.HIGH
    if inputs.lasted >= LASTING_SECONDS:
        found = _at_most(_raised(found), max(Severity.HIGH, found, key=_rank))
    if inputs.magnitude < SLIGHT:
        return _at_most(found, Severity.MEDIUM)
    if inputs.magnitude < LARGE or inputs.windows < 2:
        return _at_most(found, Severity.HIGH)
    return found


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


def _raised(severity: Severity) -> Severity:
    order = list(Severity)
    return order[min(severity.rank + 1, len(order) - 1)]
