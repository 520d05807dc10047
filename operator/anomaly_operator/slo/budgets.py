"""`.status.objectives` of a service: how its error budgets stand, in steps that are worth a write.

Burn rates move with each window and stand in the detection alone. Here the state, the tier and the
explanation are those of the window in which they began, and a budget is rounded down to 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from anomaly_operator.slo.objectives import ServiceObjectives
from detector_runtime.contract.codec import OMIT_DEFAULT, decode, encode
from detector_runtime.contract.objectives import ObjectiveReport, ObjectiveState, TierName
from detector_runtime.contract.vocabulary import ContractError

NOT_YET = "No scoring run has evaluated it yet."
NOT_NOW = "It is not evaluated now; see the condition Detecting."


@dataclass(frozen=True, slots=True)
class Budget:
    """One objective. `budget_left`: a whole percentage, empty where it is not known; `since`: ISO
    8601; `explanation`: why it is not Ok."""

    omit_empty: ClassVar[bool] = True

    name: str
    state: ObjectiveState
    tier: Annotated[TierName | None, OMIT_DEFAULT] = None
    budget_left: str = ""
    since: str = ""
    explanation: str = ""

    @property
    def order(self) -> tuple[int, int, float]:
        """Sort key: the worst has the smallest."""
        tier = list(TierName).index(self.tier) if self.tier else len(TierName)
        return -self.state.rank, tier, share_left(self.budget_left)


def share_left(text: str) -> float:
    """Percent in `text`; an unknown budget comes after all known ones."""
    try:
        return float(text.rstrip("%"))
    except ValueError:
        return math.inf


def budgets(
    objectives: ServiceObjectives,
    reports: Sequence[ObjectiveReport],
    before: Sequence[Budget],
    *,
    evaluated: bool,
) -> tuple[Budget, ...]:
    """`reports`: of the newest run; `before`: what the status says; `evaluated`: whether the pods
    evaluate anything now."""
    found = {one.name: one for one in reports}
    known = {one.name: one for one in before}
    return tuple(
        _budget(
            name, objectives.problems.get(name, ""), found.get(name), known.get(name), evaluated
        )
        for name in objectives.names
    )


def _budget(
    name: str, problem: str, report: ObjectiveReport | None, before: Budget | None, evaluated: bool
) -> Budget:
    if problem:
        return Budget(name, ObjectiveState.INCONCLUSIVE, explanation=problem)
    if report is None:
        text = NOT_YET if evaluated else NOT_NOW
        return Budget(name, ObjectiveState.INCONCLUSIVE, explanation=text)
    left = share_left(report.budget_left)
    shown = f"{math.floor(left)}%" if math.isfinite(left) else ""
    if not evaluated:
        return Budget(name, ObjectiveState.INCONCLUSIVE, budget_left=shown, explanation=NOT_NOW)
    explanation = "" if report.state is ObjectiveState.OK else report.explanation
    same = before is not None and (before.state, before.tier) == (report.state, report.tier)
    if same and before is not None and report.state is not ObjectiveState.INCONCLUSIVE:
        # Its figures move with each window, and each change would be a write.
        explanation = before.explanation
    return Budget(name, report.state, report.tier, shown, report.since, explanation)


def read_budgets(document: Any) -> tuple[Budget, ...]:
    """From `.status.objectives` as any version wrote it; what cannot be read is left out."""
    found = []
    for item in document if isinstance(document, list) else ():
        try:
            found.append(decode(Budget, item))
        except ContractError:
            continue
    return tuple(found)


def write_budgets(found: Sequence[Budget]) -> list[Mapping[str, Any]]:
    """JSON without the empty fields."""
    return [encode(one) for one in found]
