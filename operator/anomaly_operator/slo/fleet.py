"""`.status.objectives` of an SLOPolicy: the services that are worst off, seldom written.

A thousand services must not rewrite one object each hour: a change of state is written at once,
budgets that merely move at most every WRITE_SECONDS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from anomaly_operator.api.text import to_text, unix_seconds
from anomaly_operator.slo.budgets import Budget
from detector_runtime.contract.objectives import ObjectiveState

MAX_SERVICES = 50
WRITE_SECONDS = 600


def fleet(
    services: Mapping[str, tuple[Budget, ...]], before: Mapping[str, Any], now: int
) -> dict[str, Any]:
    """The part of the policy's status that speaks of objectives. `services`: their budgets by name;
    `before`: the status as it stands. Empty where no service has an objective."""
    worst = {
        name: min(budgets, key=lambda one: one.order)
        for name, budgets in services.items()
        if budgets
    }
    if not worst:
        return {}
    ordered = sorted(worst.items(), key=lambda pair: (*pair[1].order, pair[0]))
    rows = [_row(name, budget) for name, budget in ordered[:MAX_SERVICES]]
    counts = Counter(budget.state for budget in worst.values())
    wanted = {
        "objectives": rows,
        "burning": counts[ObjectiveState.BURNING],
        "exhausted": counts[ObjectiveState.EXHAUSTED],
    }
    kept = {key: before[key] for key in wanted if key in before}
    written = unix_seconds(before.get("objectivesAt"))
    same = _by_service(wanted) == _by_service(kept)
    early = _states(wanted) == _states(kept) and now - written < WRITE_SECONDS
    if same or early:
        return {**kept, "objectivesAt": before.get("objectivesAt") or to_text(now)}
    return {**wanted, "objectivesAt": to_text(now)}


def _row(name: str, budget: Budget) -> dict[str, str]:
    row = {
        "service": name,
        "objective": budget.name,
        "state": budget.state.value,
        "tier": budget.tier.value if budget.tier else "",
        "budgetLeft": budget.budget_left,
    }
    return {key: value for key, value in row.items() if value}


def _by_service(status: Mapping[str, Any]) -> Any:
    rows = status.get("objectives", ())
    return {**status, "objectives": {row.get("service"): row for row in rows}}


def _states(status: Mapping[str, Any]) -> Any:
    """What is not Ok, and how many are. Which of the healthy ones are listed is no state."""
    rows = {
        (row.get("service"), row.get("objective"), row.get("state"), row.get("tier"))
        for row in status.get("objectives", ())
        if row.get("state") != ObjectiveState.OK.value
    }
    return rows, status.get("burning"), status.get("exhausted")
