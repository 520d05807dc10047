"""What a service's spec calls normal for a while, so that it can be said in Git.

It says no more than feedback can: never that a breach of the SLO or a burning error budget is
normal, and nothing without an end.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api.fields import Fields
from detector_runtime.contract.objectives import ERROR_BUDGET_BURN
from detector_runtime.contract.vocabulary import Severity, SLOStatus

MAX_EXPECTED = 32
NEVER_EXPECTED = frozenset({"slo_breach", ERROR_BUDGET_BURN})


@dataclass(frozen=True, slots=True)
class Expectation:
    """Windows with `pattern`, up to `severity`, that end by `until` (unix seconds)."""

    pattern: str
    until: int
    reason: str = ""
    severity: Severity = Severity.MEDIUM

    @property
    def slo(self) -> SLOStatus:
        """The worst SLO status of such a window: a breach never is expected."""
        return SLOStatus.WARNING


def read_expected(fields: Fields) -> tuple[Expectation, ...]:
    """The list `expected` of a spec. Raises the error of `fields`."""
    found = tuple(map(_expectation, fields.items("expected")))
    if len(found) > MAX_EXPECTED:
        text = f"has {len(found)} entries, at most {MAX_EXPECTED} are allowed"
        raise fields.refuse("expected", text)
    return found


def _expectation(item: Fields) -> Expectation:
    pattern, metric = item.text("pattern"), item.text("metric")
    if bool(pattern) == bool(metric):
        raise item.refuse("", "write either pattern or metric, and not both")
    if pattern in NEVER_EXPECTED:
        raise item.refuse("pattern", f"{pattern} cannot be expected, because users are affected")
    severity = item.choice("severity", Severity.MEDIUM)
    if severity is Severity.NONE:
        raise item.refuse("severity", "None is no severity of an incident; write Informational")
    return Expectation(
        pattern=pattern or f"metric_{metric}",
        until=item.moment("until"),
        reason=item.text("reason"),
        severity=severity,
    )
