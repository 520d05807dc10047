"""The error budgets of a service beside the objectives that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.slo.budgets import Budget, share_left
from anomaly_operator.spec.policy import SLOPolicySpec
from detector_runtime.contract.objectives import (
    ObjectiveReport,
    ObjectiveSpec,
    ObjectiveState,
    window_text,
)

_TIERS = {
    "PageFast": "page, fast burn",
    "PageSlow": "page, slow burn",
    "TicketFast": "ticket, fast burn",
    "TicketSlow": "ticket, slow burn",
}


@dataclass(frozen=True, slots=True)
class BudgetView:
    """`goal`: such as `99.9% over 30d`, empty where the caller may not read the policy. `filled`:
    share of the budget that is left, 0 to 100, -1 = not known. `since`: unix seconds. `burn`:
    window and how many times faster than the budget allows."""

    name: str
    goal: str
    state: str
    bad: bool
    tier: str
    left: str
    filled: int
    since: int
    explanation: str
    burn: tuple[tuple[str, str], ...]


def budget_views(
    found: Sequence[Budget], reports: Sequence[ObjectiveReport], policy: SLOPolicySpec | None
) -> tuple[BudgetView, ...]:
    """The worst first. `reports`: of the newest scoring run."""
    goals = {one.name: one for one in policy.objectives} if policy else {}
    burning = {one.name: one for one in reports}
    return tuple(
        _view(one, goals.get(one.name), burning.get(one.name))
        for one in sorted(found, key=lambda one: one.order)
    )


def _view(one: Budget, goal: ObjectiveSpec | None, report: ObjectiveReport | None) -> BudgetView:
    left = share_left(one.budget_left)
    return BudgetView(
        name=one.name,
        goal=_goal(goal) if goal else "",
        state=one.state.value,
        bad=one.state in {ObjectiveState.BURNING, ObjectiveState.EXHAUSTED},
        tier=_TIERS.get(one.tier.value, one.tier.value) if one.tier else "",
        left=one.budget_left,
        filled=round(min(max(left, 0), 100)) if left != float("inf") else -1,
        since=unix_seconds(one.since),
        explanation=one.explanation,
        burn=tuple((rate.window, f"{rate.rate}x") for rate in report.burn if rate.rate)
        if report
        else (),
    )


def _goal(goal: ObjectiveSpec) -> str:
    return f"{goal.target * 100:.6g}% over {window_text(goal.window_seconds)}"
