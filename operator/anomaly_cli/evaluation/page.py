"""`--report`: one page with the tables and the plots, which asks nothing of any network.

Whatever comes from the file is text here, escaped where it is put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from anomaly_cli.evaluation import text
from anomaly_cli.evaluation.candidates import Sort
from anomaly_cli.evaluation.conclusion import conclusion
from anomaly_cli.evaluation.drawings import (
    STYLE as DRAWING_STYLE,
)
from anomaly_cli.evaluation.drawings import (
    f1_bar,
    histogram,
    kind_style,
    scatter,
    sweep_lines,
)
from anomaly_cli.evaluation.evaluate import Evaluation
from anomaly_cli.evaluation.sweep import FIRST, LAST
from anomaly_cli.html_report import HEAD
from anomaly_cli.html_style import STYLE

_TITLE = "Evaluation of detectors and votes"


def page(found: Evaluation, notes: Sequence[str]) -> str:
    """The whole page; `notes`: how the rows were read."""
    told = "".join(f"<li>{escape(one)}</li>" for one in (*notes, *text.facts(found)))
    first, *rest = conclusion(found)
    return "\n".join(
        [
            f"{HEAD}<title>{_TITLE}</title><style>{STYLE}{DRAWING_STYLE}</style></head><body>",
            f"<h1>{_TITLE}</h1>",
            f"<p><b>{escape(first)}</b></p>",
            *(f"<p>{escape(one)}</p>" for one in rest),
            f"<ul>{told}</ul>",
            "<h2>F1 on the report part</h2>",
            "<p>Bar: F1 from 0 to 1; line: its 95 % interval.</p>",
            *_bars(found),
            "<h2>All figures, report part</h2>",
            *_table(text.choices(found, Sort.MEMBER, Sort.RULE, Sort.TUNED)),
            *_without(found),
            "<h2>By kind of anomaly: F1 / precision / recall</h2>",
            *_table(text.kinds(found)),
            "<h2>Scores, report part</h2>",
            *_table(text.scores(found)),
            *_histograms(found),
            *_sweep(found),
            "<h2>Rows by principal components</h2>",
            *_scatter(found),
            "<h2>Learned from train and tune together, nothing chosen</h2>",
            *_table(text.fixed(found)),
            "</body></html>\n",
        ]
    )


def _bars(found: Evaluation) -> Iterator[str]:
    rows = [
        (
            escape(one.name),
            text.figure(one.report.rates.f1),
            f1_bar(one.report.rates.f1, one.report.f1),
        )
        for one in found.choices
    ]
    yield from _rows(("choice", "F1", "interval"), rows)


def _without(found: Evaluation) -> Iterator[str]:
    if found.of(Sort.WITHOUT):
        yield "<h2>The majority without one member</h2>"
        yield from _table(text.choices(found, Sort.WITHOUT))


def _histograms(found: Evaluation) -> Iterator[str]:
    for one in found.separations:
        yield f"<figure><figcaption><b>{escape(one.member)}</b> density of the scores: "
        yield f"{_key('kind2')} normal, {_key('kind1')} anomalies; higher is more unusual"
        yield f'</figcaption><div class="plot">{histogram(one)}</div><div class="time">'
        yield f"<span>{one.edges[0]:.3g}</span><span>{one.edges[-1]:.3g}</span></div></figure>"


def _sweep(found: Evaluation) -> Iterator[str]:
    if found.sweep is None:
        return
    yield "<h2>Threshold of the z-score, tune part</h2>"
    yield f"<figure><figcaption>F1 from 0 to 1: {_key('kind2')} ZScore alone, best at "
    yield f"{found.sweep.best_alone:g}; {_key('kind3')} majority, best at {found.sweep.best_vote:g}"
    yield f'</figcaption><div class="plot">{sweep_lines(found.sweep)}</div><div class="time">'
    yield f"<span>{FIRST:g}</span><span>{LAST:g}</span></div></figure>"
    yield from _table(text.sweep(found))


def _scatter(found: Evaluation) -> Iterator[str]:
    first, second = found.projection.explained
    keys = ", ".join(
        f"{_key(kind_style(kind))} {escape(name)}"
        for kind, name in enumerate(("normal", *found.split.report.names))
    )
    yield f"<figure><figcaption>First component to the right ({first:.1%} of the variance), second "
    yield f"upwards ({second:.1%}); {len(found.projection.points):,} rows shown: {keys}"
    yield f'</figcaption><div class="plot">{scatter(found.projection)}</div></figure>'


def _key(style: str) -> str:
    return (
        '<svg class="key" viewBox="0 0 10 10" aria-hidden="true">'
        f'<line class="{style}" x1="0" y1="5" x2="10" y2="5"/></svg>'
    )


def _table(table: tuple[text.Row, Sequence[text.Row]]) -> Iterator[str]:
    heads, rows = table
    yield from _rows(heads, [tuple(escape(cell) for cell in row) for row in rows])


def _rows(heads: text.Row, rows: Sequence[text.Row]) -> Iterator[str]:
    """A table of cells that are HTML already."""
    yield '<div class="table"><table><thead><tr>'
    yield "".join(f"<th>{escape(head)}</th>" for head in heads)
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = zip(heads, row, strict=True)
        yield "<tr>" + "".join(
            f'<td data-head="{escape(head)}">{cell}</td>' for head, cell in cells
        )
        yield "</tr>"
    yield "</tbody></table></div>"
