"""The severity of a window: first by the model alone, then through the SLO.

The model's severity is a ladder of probability, anchored at the alert threshold. A common scheme
grades every window by its percentile in validation (10, 5, 1, 0.1 %), which calls a tenth of all
normal windows "Low". Here nothing below the alert threshold has a severity, and above it the same
ratios hold: the alert's own probability, a half, a tenth and a hundredth of it. A score saturates,
so magnitude and persistence count as well. The SLO decides last: what is rare need not be bad.
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
    """

    excess: float
    magnitude: float
    lasted: int
    windows: int


def model_severity(inputs: SeverityInputs) -> Severity:
    """Severity of an anomalous window by the model alone; None below the alert threshold."""
    found = next((level for least, level in LADDER if inputs.excess >= least), Severity.NONE)
    if found is Severity.NONE:
        return found
    if inputs.lasted >= LASTING_SECONDS:
        found = _at_most(_raised(found), max(Severity.HIGH, found, key=_rank))
    if inputs.magnitude < SLIGHT:
        return _at_most(found, Severity.MEDIUM)
    if inputs.magnitude < LARGE or inputs.windows < 2:
        return _at_most(found, Severity.HIGH)
    return found


def through_slo(
    model: Severity,
    status: SLOStatus,
    policy: SLOSpec | None,
    provisional: bool = False,
    floored: bool = False,
) -> Severity:
    """The window's severity: `model` (None for a window that is not anomalous) through the SLO.

    `floored`: the leading metric lies under a floor of the policy. `provisional`: a model of a few
    days, which alone raises nothing above Medium.
    """
    if status is SLOStatus.BREACHED:
        return Severity.CRITICAL
    if model is Severity.NONE:
        return Severity.NONE
    if floored:
        return Severity.INFORMATIONAL
    ceiling = Severity.MEDIUM if provisional else Severity.CRITICAL
    return _at_most(_adjusted(model, status, policy), ceiling)


def _adjusted(model: Severity, status: SLOStatus, policy: SLOSpec | None) -> Severity:
    if policy is None or status is SLOStatus.UNKNOWN:
        return _at_most(model, Severity.HIGH)
    if status is SLOStatus.OK:
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
