"""The report of one objective: its state now, in words, and what the next run goes on from.

Nothing that is missing spends a budget: what was known of it before is carried on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from detector_runtime.contract.objectives import (
    MAX_EXPLANATION,
    BurnRate,
    ObjectiveReport,
    ObjectiveSpec,
    ObjectiveState,
    TierName,
    window_text,
)
from detector_runtime.contract.text import decimal, iso
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.errors import one_line
from detector_runtime.objectives.burn import (
    Burn,
    Windows,
    budget_left,
    burn_rate,
    burning,
    smoulders,
    undecided,
)
from detector_runtime.objectives.words import burn_text, left_text, missing_text, target

RETRY_SECONDS = 3600
"""Before a query that the source refuses is asked again. An edited one is asked at once."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run has seen of an objective at the window that ends at `end`. `missing`: by window
    the queries without a value. `failure`: why nothing was answered; `refused`: for good;
    `budget_failure`: why the budget was not. `budget_due`: when it is asked for again."""

    end: int
    digest: str
    windows: Windows
    missing: Mapping[int, tuple[str, ...]]
    failure: str = ""
    budget_failure: str = ""
    refused: bool = False
    waits: bool = False
    budget_due: str = ""


def report_of(spec: ObjectiveSpec, before: ObjectiveReport | None, seen: Seen) -> ObjectiveReport:
    """`before`: of the previous run, for the same spec."""
    if seen.waits and before is not None:
        return before
    left = budget_of(spec, before, seen)
    burn = burning(spec, seen.windows)
    if burn is not None:
        burn = replace(burn, budget_left=left)
    state, explanation = _state(spec, seen, burn, left)
    tier = burn.tier if burn else None
    same = before is not None and (before.state, before.tier) == (state, tier and tier.name)
    return ObjectiveReport(
        name=spec.name,
        digest=seen.digest,
        state=state,
        since=before.since if same and before is not None else iso(seen.end),
        tier=tier.name if tier else None,
        severity=tier.severity if tier else Severity.NONE,
        explanation=one_line(explanation, MAX_EXPLANATION),
        budget_left="" if left is None else f"{decimal(100 * left)}%",
        budget_due=seen.budget_due,
        budget_failure=one_line(seen.budget_failure, MAX_EXPLANATION),
        smouldering=_smouldering(spec, seen.windows),
        burn=tuple(
            BurnRate(window_text(seconds), decimal(burn_rate(spec, events), 3), decimal(events.bad))
            for seconds, events in sorted(seen.windows.items())
            if events is not None and seconds != spec.window_seconds
        ),
        retry_at=iso(seen.end + RETRY_SECONDS) if seen.refused else "",
    )


def budget_of(spec: ObjectiveSpec, before: ObjectiveReport | None, seen: Seen) -> float | None:
    """The share that is left; what is missing now leaves it as it was before."""
    events = seen.windows.get(spec.window_seconds)
    if events is not None:
        return budget_left(spec, events)
    if before is None or not before.budget_left:
        return None
    return float(before.budget_left.rstrip("%")) / 100


def _state(
    spec: ObjectiveSpec, seen: Seen, burn: Burn | None, left: float | None
) -> tuple[ObjectiveState, str]:
    if burn is not None:
        return ObjectiveState.BURNING, burn_text(burn)
    if seen.failure:
        return ObjectiveState.INCONCLUSIVE, f"{spec.name}: {seen.failure}"
    if seen.budget_failure and left is None:
        return _without_budget(spec, seen)
    if undecided(spec, seen.windows) or (not spec.tiers and left is None):
        gaps = {seconds: sides for seconds, sides in seen.missing.items() if sides}
        seconds = min(gaps, default=min(seen.windows, default=spec.window_seconds))
        text = missing_text(spec, gaps.get(seconds, ()), seconds)
        return ObjectiveState.INCONCLUSIVE, f"{spec.name}: {text}"
    if left is None:
        return ObjectiveState.OK, f"{spec.name}: nothing burns; the budget is not known yet"
    if left <= 0:
        text = f"{left_text(spec, left)}, target {target(spec)}; nothing burns now"
        return ObjectiveState.EXHAUSTED, f"{spec.name}: {text}"
    return ObjectiveState.OK, f"{spec.name}: {left_text(spec, left)}, target {target(spec)}"


def _without_budget(spec: ObjectiveSpec, seen: Seen) -> tuple[ObjectiveState, str]:
    known = spec.tiers and not undecided(spec, seen.windows)
    state = ObjectiveState.OK if known else ObjectiveState.INCONCLUSIVE
    return state, f"{spec.name}: the budget is not known: {seen.budget_failure}"


def _smouldering(spec: ObjectiveSpec, windows: Windows) -> tuple[TierName, ...]:
    return tuple(tier.name for tier in spec.tiers if smoulders(spec, tier, windows))
