"""`--report`: one page that shows what was judged, and asks nothing of any network.

Whatever comes from a recording or a spec is text here, escaped where it is put in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from anomaly_cli.backtest import Outcome
from anomaly_cli.budget_list import line
from anomaly_cli.html_chart import Chart, Line, Shade, chart_of, svg, tags
from anomaly_cli.html_style import STYLE
from anomaly_cli.incident_list import IncidentLine, cells, heads, incident_lines
from anomaly_cli.local_time import moment
from anomaly_cli.recording import Recording
from detector_runtime.contract.text import decimal
from detector_runtime.series.frame import Floats
from detector_runtime.series.units import readable

HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "style-src 'unsafe-inline'\">"
)


def page(sections: Sequence[str], incidents: Sequence[IncidentLine]) -> str:
    """The whole page: the incidents of all services, then the `section` of each."""
    count = f"{len(incidents)} incident{'' if len(incidents) == 1 else 's'}"
    return "\n".join(
        [
            f"{HEAD}<title>Backtest: {count}</title><style>{STYLE}</style></head><body>",
            f"<h1>Backtest: {count}</h1>",
            *_table(sorted(incidents, key=lambda one: one.start), several=len(sections) > 1),
            *sections,
            "</body></html>\n",
        ]
    )


def section(recording: Recording, outcome: Outcome) -> str:
    """The charts of one service: its score, then each metric."""
    incidents = incident_lines(recording, outcome)
    first = outcome.warmup
    shades = tuple(
        Shade(
            rows.first - first,
            rows.seen - first,
            at,
            line.pattern,
            f"{line.pattern}, {line.severity.value}: {line.sentence}",
            line.name,
        )
        for at, (rows, line) in enumerate(
            zip(outcome.folded.incidents, incidents, strict=True), start=1
        )
    )
    objectives = (line(one, recording.zone) for one in outcome.budgets.each)
    told = (*recording.notes, *recording.warnings, *objectives)
    notes = "".join(f"<li>{escape(one)}</li>" for one in told)
    return "\n".join(
        [
            f"<section><h2>{escape(outcome.plan.meta.name)}</h2>",
            f"<ul>{notes}</ul>" if notes else "",
            *_figure("score", _score(outcome), shades, _span(recording, first), named=True),
            *_metrics(recording, outcome, shades),
            "</section>",
        ]
    )


def _score(outcome: Outcome) -> tuple[Chart, str]:
    rows = slice(outcome.warmup, None)
    level = Line("alert level", outcome.course.level[rows], "alert")
    chart = chart_of(outcome.course.score[rows], lines=[level])
    return chart, f"{decimal(chart.bottom, 2)} to {decimal(chart.top, 2)}; dashed: alert level"


def _metrics(recording: Recording, outcome: Outcome, shades: tuple[Shade, ...]) -> Iterator[str]:
    first, course = outcome.warmup, outcome.course
    limits = _limits(outcome)
    for at, metric in enumerate(outcome.plan.metrics):
        lines = [
            Line(f"SLO {level}", limits[metric.name, level][first:], level)
            for level in ("warning", "critical")
            if (metric.name, level) in limits
        ]
        chart = chart_of(
            course.values[first:, at], course.low[first:, at], course.high[first:, at], lines
        )
        said = [
            f"{readable(chart.bottom, metric.unit)} to {readable(chart.top, metric.unit)}",
            "shaded band: usual at that time",
            *(
                f"{line.label} {readable(float(np.nanmax(line.values)), metric.unit)}"
                + ("" if line in chart.lines else " (above the chart)")
                for line in lines
            ),
        ]
        yield from _figure(
            metric.name, (chart, "; ".join(said)), shades, _span(recording, first), named=False
        )


def _limits(outcome: Outcome) -> dict[tuple[str, str], Floats]:
    """The SLO's thresholds (n,) by metric and level, as they were at each window."""
    found: dict[tuple[str, str], Floats] = {}
    for row, report in outcome.reports.items():
        for one in report.slo.metrics:
            for level, value in (("warning", one.warning), ("critical", one.critical)):
                if value:
                    empty = np.full(len(outcome.score), np.nan)
                    found.setdefault((one.metric, level), empty)[row] = float(value)
    return found


def _span(recording: Recording, first: int) -> tuple[str, str]:
    frame, zone = recording.frame, recording.zone
    return moment(int(frame.times[first]), zone), moment(int(frame.times[-1]), zone)


def _figure(
    title: str,
    drawn: tuple[Chart, str],
    shades: tuple[Shade, ...],
    span: tuple[str, str],
    *,
    named: bool,
) -> Iterator[str]:
    chart, said = drawn
    yield f"<figure><figcaption><b>{escape(title)}</b> {escape(said)}</figcaption>"
    yield f'<div class="{"plot named" if named else "plot"}">{svg(chart, shades, title)}'
    if named:
        yield from tags(shades, len(chart.values))
    yield "</div>"
    yield f'<div class="time"><span>{span[0]}</span><span>{span[1]}</span></div></figure>'


def _table(incidents: Sequence[IncidentLine], *, several: bool) -> Iterator[str]:
    if not incidents:
        yield "<p>Nothing was found that lasted long enough to be an incident.</p>"
        return
    names = ["no.", *(head.lower() for head in heads(several=several))]
    # The number that the charts of its service give it.
    numbers: Counter[str] = Counter()
    yield '<div class="table"><table><thead><tr>'
    yield "".join(f"<th>{name}</th>" for name in names)
    yield "</tr></thead><tbody>"
    for one in incidents:
        severity = one.severity.value.lower()
        numbers[one.service] += 1
        shown = (str(numbers[one.service]), *cells(one, several=several))
        named = zip(names, shown, strict=True)
        row = "".join(f'<td data-head="{name}">{escape(cell)}</td>' for name, cell in named)
        yield f'<tr id="{escape(one.name)}" class="{severity}">{row}</tr>'
    yield "</tbody></table></div>"
