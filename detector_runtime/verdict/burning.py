"""The finding of a burning error budget, beside whatever else was found in the window."""

from __future__ import annotations

from detector_runtime.contract.detection import Finding
from detector_runtime.contract.objectives import ERROR_BUDGET_BURN
from detector_runtime.contract.text import decimal, iso, percent
from detector_runtime.contract.vocabulary import MAX_FINDINGS, Severity
from detector_runtime.errors import one_line
from detector_runtime.objectives.burn import Burn
from detector_runtime.objectives.words import BURN_ACTIONS, burn_text
from detector_runtime.verdict.adjustment import by_budget
from detector_runtime.verdict.explain import MAX_SUMMARY


def with_burn(
    findings: tuple[Finding, ...], burn: Burn, end: int, score: float
) -> tuple[Finding, ...]:
    """`findings` of the window that ends at `end`, with the one of `burn`; the most severe first.

    Of equals a pattern comes first, because it tells the cause. At most MAX_FINDINGS, the burn
    always among them.
    """
    model = findings[0].model_severity if findings else Severity.NONE
    found = Finding(
        pattern=ERROR_BUDGET_BURN,
        severity=burn.tier.severity,
        model_severity=model,
        # Counted events over a stated rate are a fact, whatever model and period.
        confidence=percent(1.0),
        score=decimal(score, 3),
        summary=one_line(burn_text(burn), MAX_SUMMARY),
        since=iso(end),
        recommended_actions=BURN_ACTIONS,
        adjustment=by_budget(model, burn.tier.severity),
    )
    together = (*findings[: MAX_FINDINGS - 1], found)
    return tuple(sorted(together, key=lambda one: -one.severity.rank))
