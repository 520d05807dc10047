"""A report as one HTML page that asks nothing of any network.

Whatever comes from an object is text here, escaped where it is put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from anomaly_cli.html_chart import Shade, chart_of, svg
from anomaly_cli.html_report import HEAD
from anomaly_cli.html_style import STYLE
from anomaly_cli.incident_report.reading import Contribution, IncidentReport, Row
from anomaly_cli.incident_report.series import MetricSeries
from anomaly_operator.api.text import to_text
from detector_runtime.errors import one_line
from detector_runtime.series.units import readable

_OWN_STYLE = """
.bar { display: inline-block; width: 8rem; height: 0.8rem; background: var(--rule);
  vertical-align: middle; margin-right: 0.4rem; }
.bar svg { width: 100%; height: 100%; } .bar rect { fill: var(--value); }
.lead { font-size: 1.1rem; }
"""


def page(report: IncidentReport, series: Sequence[MetricSeries]) -> str:
    """The whole page."""
    title = _text(f"Incident {report.name}")
    return "\n".join(
        [
            f"{HEAD}<title>{title}</title><style>{STYLE}{_OWN_STYLE}</style></head><body>",
            f"<h1>{title}</h1><p>Service {_text(report.namespace)}/{_text(report.service)}</p>",
            f'<p class="lead">{_text(report.headline)}</p>',
            *_sections(report, series),
            "</body></html>\n",
        ]
    )


def _sections(report: IncidentReport, series: Sequence[MetricSeries]) -> Iterator[str]:
    yield "<h2>Summary</h2>"
    yield from _table(("What", "Value"), report.facts)
    yield "<h2>Timeline</h2>"
    moments = [(to_text(one.at), one.what, one.who, one.why) for one in report.timeline]
    yield from _table(("Time (UTC)", "What", "Who", "Why"), moments)
    if report.contributions:
        yield "<h2>What deviated</h2><p>In the worst window:</p>"
        yield from _contributions(report.contributions)
    if series:
        yield "<h2>Metrics</h2>"
        for one in series:
            yield from _figure(one)
    if report.cause or report.changes:
        yield "<h2>Root cause and changes</h2>"
        yield from _table(("What", "Value"), report.cause)
        yield from _table(("Time", "Change"), report.changes)
    for name, rows in report.context:
        yield f"<h3>{_text(name)}</h3>"
        yield from _table(("What", "Value"), rows)
    if report.actions:
        items = "".join(f"<li>{_text(one)}</li>" for one in report.actions)
        yield f"<h2>Recommended actions</h2><ol>{items}</ol>"
    yield "<h2>What people said</h2>"
    if not report.notes:
        yield "<p>Nobody acknowledged the incident or gave feedback.</p>"
    yield from _table(("What", "Who", "Words"), report.notes)
    if report.learned:
        items = "".join(f"<li>{_text(one)}</li>" for one in report.learned)
        yield f"<h2>What the model learned</h2><ul>{items}</ul>"


def _contributions(found: Sequence[Contribution]) -> Iterator[str]:
    heads = ("Metric", "Value", "Usual", "Deviation", "Share of the evidence")
    rows = [
        [*map(_text, (one.metric, one.value, one.usual, one.deviation)), _bar(one.share)]
        for one in found
    ]
    yield from _cells(heads, rows)


def _bar(share: float) -> str:
    drawn = (
        '<span class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="share"><rect width="{100 * share:.0f}" height="10"/></svg></span>'
    )
    return f"{drawn}{100 * share:.0f}%"


def _figure(one: MetricSeries) -> Iterator[str]:
    chart = chart_of(one.values)
    inside = one.first <= one.last
    shades = [Shade(one.first, one.last, 1, "incident", "The incident", "")] if inside else []
    said = f"{readable(chart.bottom, one.unit)} to {readable(chart.top, one.unit)}"
    more = "; shaded: the incident" if inside else ""
    yield f"<figure><figcaption><b>{_text(one.name)}</b> {_text(said)}{more}</figcaption>"
    yield f'<div class="plot">{svg(chart, shades, one_line(one.name))}</div>'
    yield (
        f'<div class="time"><span>{to_text(one.start)}</span><span>{to_text(one.end)}</span></div>'
        "</figure>"
    )


def _table(heads: Row, rows: Sequence[Row]) -> Iterator[str]:
    yield from _cells(heads, [[*map(_text, row)] for row in rows])


def _cells(heads: Row, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Cells that are HTML already."""
    if not rows:
        return
    yield '<div class="table"><table><thead><tr>'
    yield "".join(f"<th>{head}</th>" for head in heads)
    yield "</tr></thead><tbody>"
    for row in rows:
        named = zip(heads, row, strict=True)
        cells = "".join(f'<td data-head="{head}">{cell}</td>' for head, cell in named)
        yield f"<tr>{cells}</tr>"
    yield "</tbody></table></div>"


def _text(found: str) -> str:
    return escape(one_line(found))
