"""From figures of recordings to the table: means of point figures, pooled incident counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anomaly_cli.figures import Figures


@dataclass(frozen=True, slots=True)
class Row:
    family: str
    method: str
    name: str
    half: str
    figures: Figures

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Line:
    family: str
    half: str
    method: str
    average_precision: float
    best_f1: float
    onset_recall: float
    false_incidents_per_day: float
    false_windows_per_day: float
    delay: float
    predicted: float
    realised: float


def summarise(rows: Sequence[Row]) -> list[Line]:
    keys = dict.fromkeys(
        (row.family, half, row.method) for row in rows for half in ("report", "tune")
    )
    lines = []
    for family, half, method in sorted(keys, key=lambda key: key[:2]):
        part = [
            row.figures
            for row in rows
            if (row.family, row.half, row.method) == (family, half, method)
        ]
        if part:
            lines.append(_line(family, half, method, part))
    return lines


def _line(family: str, half: str, method: str, part: Sequence[Figures]) -> Line:
    days = sum(figures.days for figures in part)
    events = sum(figures.events for figures in part)
    false = sum(figures.false_incidents for figures in part)
    delays = [delay for figures in part for delay in figures.delays]
    return Line(
        family,
        half,
        method,
        _mean([figures.average_precision for figures in part]),
        _mean([figures.best_f1 for figures in part]),
        sum(figures.onsets for figures in part) / events if events else float("nan"),
        false / days,
        sum(figures.false_windows for figures in part) / days,
        float(np.median(delays)) if delays else float("nan"),
        sum(figures.predicted for figures in part),
        float(false),
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


HEAD = (
    "| data | half | method | AP | best F1 | onset recall | false incidents/day | "
    "false windows/day | delay (windows) | false incidents predicted | actual |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def render(lines: Sequence[Line]) -> str:
    return HEAD + "".join(
        f"| {x.family} | {x.half} | {x.method} | {x.average_precision:.3f} | {x.best_f1:.3f} | "
        f"{x.onset_recall:.2f} | {x.false_incidents_per_day:.2f} | {x.false_windows_per_day:.1f} | "
        f"{x.delay:.0f} | {x.predicted:.0f} | {x.realised:.0f} |\n"
        for x in lines
    )
