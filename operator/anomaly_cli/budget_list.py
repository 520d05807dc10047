"""The objectives of a backtest as a person and a machine are told of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from anomaly_cli.budgets import Budget
from anomaly_cli.local_time import moment
from detector_runtime.contract.objectives import window_text
from detector_runtime.objectives.words import target

HEADS = ("OBJECTIVE", "TARGET", "BUDGET LEFT", "BURNING", "WORST TIER", "AT THE END")
Row = tuple[str, ...]


def heads(*, several: bool) -> Row:
    """The heads of a table; `several` services need one more."""
    return (*(("SERVICE",) if several else ()), *HEADS)


def cells(one: Budget, service: str, *, several: bool) -> Row:
    """An objective that was evaluated, as a line of that table; `burning` counts windows."""
    left = one.report.budget_left if one.report else ""
    return (
        *((service,) if several else ()),
        one.objective.name,
        _goal(one),
        left or "not known",
        _windows(one) if one.burning else "never",
        one.worst.name.value if one.worst else "-",
        one.report.state.value if one.report else "-",
    )


def notes(one: Budget) -> Iterator[str]:
    """How an objective was read, or why it was not."""
    yield from one.notes
    if one.problem:
        yield f"objective {one.objective.name} is not evaluated: {one.problem}"


def line(one: Budget, zone: ZoneInfo) -> str:
    """An objective in one line."""
    if one.report is None:
        return " ".join(notes(one))
    burnt = "no tier burnt"
    if one.burning and one.worst:
        span = f"{moment(one.burning[0], zone)} to {moment(one.burning[-1], zone)}"
        burnt = f"it burnt in {_windows(one)}, {span}, at worst as {one.worst.name}"
    return f"objective {one.report.explanation or one.objective.name}; {burnt}"


def document(one: Budget, zone: ZoneInfo) -> dict[str, Any]:
    """The same as JSON values."""
    report = one.report
    return {
        "name": one.objective.name,
        "type": one.objective.type.value,
        "target": target(one.objective),
        "window": window_text(one.objective.window_seconds),
        "problem": one.problem or None,
        "notes": list(one.notes),
        "budgetLeft": (report.budget_left or None) if report else None,
        "state": report.state.value if report else None,
        "explanation": report.explanation if report else None,
        "burningWindows": len(one.burning),
        "burningFrom": moment(one.burning[0], zone) if one.burning else None,
        "burningTo": moment(one.burning[-1], zone) if one.burning else None,
        "worstTier": one.worst.name.value if one.worst else None,
    }


def _goal(one: Budget) -> str:
    return f"{target(one.objective)} in {window_text(one.objective.window_seconds)}"


def _windows(one: Budget) -> str:
    return "1 window" if len(one.burning) == 1 else f"{len(one.burning)} windows"
