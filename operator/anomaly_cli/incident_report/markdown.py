"""A report as Markdown, for a ticket or a wiki. Whatever comes from an object is text in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from anomaly_cli.incident_report.reading import Contribution, IncidentReport, Row
from anomaly_cli.incident_report.series import MetricSeries
from anomaly_operator.api.text import to_text
from detector_runtime.errors import one_line
from detector_runtime.series.frame import Floats
from detector_runtime.series.units import readable

BAR = 20
WIDTH = 72
_BLOCKS = "▁▂▃▄▅▆▇█"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def page(report: IncidentReport, series: Sequence[MetricSeries]) -> str:
    """The whole document."""
    title = f"# Incident {_text(report.name)}"
    where = f"Service {_text(report.namespace)}/{_text(report.service)}."
    parts = [title, where, _text(report.headline), *_sections(report, series)]
    return "\n\n".join(one for one in parts if one) + "\n"


def _sections(report: IncidentReport, series: Sequence[MetricSeries]) -> Iterator[str]:
    yield "## Summary"
    yield _table(("What", "Value"), report.facts)
    yield "## Timeline"
    yield _table(
        ("Time (UTC)", "What", "Who", "Why"),
        [(to_text(one.at), one.what, one.who, one.why) for one in report.timeline],
    )
    if report.contributions:
        yield "## What deviated"
        yield "In the worst window:"
        heads = ("Metric", "Value", "Usual", "Deviation", "Share of the evidence")
        yield _table(heads, [_contribution(one) for one in report.contributions])
    if series:
        yield "## Metrics"
        yield from (_plot(one) for one in series)
    if report.cause or report.changes:
        yield "## Root cause and changes"
        yield _table(("What", "Value"), report.cause) if report.cause else ""
        yield _table(("Time", "Change"), report.changes) if report.changes else ""
    for name, rows in report.context:
        yield f"### {_text(name)}"
        yield _table(("What", "Value"), rows)
    if report.actions:
        yield "## Recommended actions"
        yield "\n".join(f"{at}. {_text(one)}" for at, one in enumerate(report.actions, start=1))
    yield "## What people said"
    nobody = "Nobody acknowledged the incident or gave feedback."
    yield _table(("What", "Who", "Words"), report.notes) if report.notes else nobody
    if report.learned:
        yield "## What the model learned"
        yield "\n".join(f"- {_text(one)}" for one in report.learned)


def _contribution(one: Contribution) -> Row:
    bar = ("█" * round(BAR * one.share)).ljust(BAR, "·")
    return one.metric, one.value, one.usual, one.deviation, f"{bar} {100 * one.share:.0f}%"


def _plot(one: MetricSeries) -> str:
    """A line of blocks, with the incident marked below it."""
    groups = np.array_split(np.arange(len(one.values)), min(WIDTH, len(one.values)))
    highest = np.array([_highest(one.values[rows]) for rows in groups])
    inside = "".join(
        "^" if one.first <= rows[-1] and rows[0] <= one.last else " " for rows in groups
    )
    low, high = (readable(float(pick(one.values)), one.unit) for pick in (np.nanmin, np.nanmax))
    head = f"{_plain(one.name)}: {low} to {high}, {to_text(one.start)} to {to_text(one.end)}"
    mark = f"\n{inside.rstrip()} incident" if inside.strip() else ""
    return f"```\n{head}\n{_blocks(highest)}{mark}\n```"


def _blocks(values: Floats) -> str:
    known = values[np.isfinite(values)]
    low, high = float(known.min()), float(known.max())
    room = (high - low) or 1.0
    return "".join(
        _BLOCKS[round((value - low) / room * (len(_BLOCKS) - 1))] if np.isfinite(value) else " "
        for value in values.tolist()
    )


def _highest(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else float("nan")


def _table(heads: Row, rows: Sequence[Row]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(map(_text, row))} |" for row in rows]
    return "\n".join(lines)


def _text(found: str) -> str:
    return _SPECIAL.sub(r"\\\1", one_line(found))


def _plain(found: str) -> str:
    return one_line(found).replace("`", "'")
