"""Alerts counted: how many on runs without a fault, and which faults were found how soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.training_run.faults import ONSET, Fault
from tests.benchmarks.training_run.methods import Alert


@dataclass(frozen=True, slots=True)
class Found:
    """`rows` from the onset to the alert, None: not found in time; `early`: alerts before it."""

    rows: int | None
    early: int


def found_in(alerts: Sequence[Alert], fault: Fault) -> Found:
    kinds = {*fault.kinds, ""}
    after = [one.row - ONSET for one in alerts if one.kind in kinds and one.row >= ONSET]
    rows = min(after, default=None)
    early = sum(one.row < ONSET for one in alerts)
    return Found(rows if rows is not None and rows <= fault.within else None, early)


def render_quiet(found: Mapping[str, Sequence[Mapping[str, int]]]) -> str:
    methods = list(next(iter(found.values()))[0])
    lines = [f"| alerts on stable runs | runs | {' | '.join(methods)} |"]
    lines.append("|" + " --- |" * (2 + len(methods)))
    for name, runs in found.items():
        cells = (str(sum(run[method] for run in runs)) for method in methods)
        lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    every = [run for runs in found.values() for run in runs]
    cells = (str(sum(run[method] for run in every)) for method in methods)
    lines.append(f"| all | {len(every)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def render_faults(found: Mapping[str, Sequence[Mapping[str, Found]]]) -> str:
    methods = list(next(iter(found.values()))[0])
    lines = [f"| fault found, rows to the alert | runs | {' | '.join(methods)} |"]
    lines.append("|" + " --- |" * (2 + len(methods)))
    for name, runs in found.items():
        cells = (_cell([run[method] for run in runs]) for method in methods)
        lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} |")
    every = [run for runs in found.values() for run in runs]
    early = (str(sum(run[method].early for run in every)) for method in methods)
    lines.append(f"| alerts before the fault | {len(every)} | {' | '.join(early)} |")
    return "\n".join(lines) + "\n"


def _cell(found: Sequence[Found]) -> str:
    rows = [one.rows for one in found if one.rows is not None]
    return f"{len(rows)}, {median(rows):g}" if rows else "0"
