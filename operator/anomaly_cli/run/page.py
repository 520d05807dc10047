"""`--report`: one page that shows a training run and its triggers, and asks nothing of any network.

Whatever comes from a log is text here, escaped where it is put in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape

import numpy as np

from anomaly_cli.html_chart import Shade, chart_of, svg, tags
from anomaly_cli.html_report import HEAD
from anomaly_cli.html_style import STYLE
from anomaly_cli.run.kinds import rank_of
from anomaly_cli.run.replay import Curve, Replayed
from anomaly_cli.run.sketch import top_of
from anomaly_cli.verbs.wording import moment
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.text import decimal
from detector_runtime.contract.training_run import RunTrigger
from detector_runtime.errors import one_line
from detector_runtime.following.figures import figure
from detector_runtime.following.snapshot_metadata import MULTIPLE
from detector_runtime.series.frame import Floats
from detector_runtime.training_run.trigger import Tier

MAX_SHADES = 100
MAX_ROWS = 1000
_HEADS = ("step", "time", "trigger", "tier", "action", "what was found")
_OWN_STYLE = """
.lead { font-size: 1.1rem; } .best { fill: var(--value); opacity: 0.35; }
tr.warning { border-left: 0.3rem solid var(--warning); }
"""


def page_of(name: str, found: Replayed, curve: Curve) -> str:
    """The whole page; `name` of the log."""
    title, report = _text(f"Training run {name}"), found.report
    resumed = f", resumed {report.resumes} times" if report.resumes else ""
    facts = f"{report.rows:,} rows to step {report.step:,}{resumed}"
    shades = _shades(found)
    return "\n".join(
        [
            f"{HEAD}<title>{title}</title><style>{STYLE}{_OWN_STYLE}</style></head><body>",
            f"<h1>{title}</h1><p>{facts}</p>",
            f'<p class="lead">{_text(report.conclusion)}</p><p>{_text(report.advice)}</p>',
            *_figure("loss", _values(curve.losses), shades, curve, named=True),
            *_figure("learning rate", _values(curve.rates), shades, curve),
            *_figure("accuracy in percent", _values(curve.accuracies), shades, curve),
            *_table(found.told),
            "</body></html>\n",
        ]
    )


def _values(found: Sequence[float]) -> Floats:
    return np.asarray(found, dtype=np.float64)


def _shades(found: Replayed) -> tuple[Shade, ...]:
    """The rows with a trigger above Normal, the worst where they are many, and the best step."""
    by_row: dict[int, list[RunTrigger]] = {}
    for row, one in zip(found.at, found.told, strict=True):
        if rank_of(one.tier) > Tier.NORMAL.rank:
            by_row.setdefault(row, []).append(one)
    worst = sorted(by_row, key=lambda row: -max(rank_of(one.tier) for one in by_row[row]))
    shades = []
    for number, row in enumerate(sorted(worst[:MAX_SHADES]), start=1):
        names = [one.name for one in by_row[row]]
        step = by_row[row][0].step
        label = MULTIPLE if MULTIPLE in names else names[0]
        told = f"step {step}: {', '.join(names)}"
        shades.append(Shade(row, row, number, label, told, _anchor(step)))
    if found.best_loss is not None:
        row, number = found.best_row, len(shades) + 1
        told = f"step {found.report.best_step}: best loss {figure(found.best_loss)}"
        shades.append(Shade(row, row, number, "best step", told, "", "best"))
    return tuple(shades)


def _figure(
    name: str, values: Floats, shades: tuple[Shade, ...], curve: Curve, *, named: bool = False
) -> Iterator[str]:
    if not np.isfinite(values).any():
        return
    chart = chart_of(values)
    said = f"{decimal(chart.bottom)} to {decimal(chart.top)}"
    top = top_of(values[np.isfinite(values)].tolist(), chart.bottom) if named else chart.top
    if top < chart.top:
        chart, said = replace(chart, top=top), f"{said}, drawn up to {decimal(top)}"
    marked = "; marked: triggers above Normal, and the best step" if named else ""
    yield f"<figure><figcaption><b>{name}</b> {said}{marked}</figcaption>"
    yield f'<div class="{"plot named" if named else "plot"}">{svg(chart, shades, name)}'
    if named:
        yield from tags(shades, len(values))
    first, last = curve.steps[0], curve.steps[-1]
    yield '</div><div class="time">'
    yield f"<span>step {first}</span><span>step {last}</span></div></figure>"


def _table(told: Sequence[RunTrigger]) -> Iterator[str]:
    yield f"<h2>Triggers: {len(told):,}</h2>"
    shown = list(told)
    if len(shown) > MAX_ROWS:
        shown = sorted(shown, key=lambda one: -rank_of(one.tier))[:MAX_ROWS]
        shown.sort(key=lambda one: one.step)
        yield f"<p>The {MAX_ROWS:,} worst are shown.</p>"
    if not shown:
        return
    yield '<div class="table"><table><thead><tr>'
    yield "".join(f"<th>{head}</th>" for head in _HEADS)
    yield "</tr></thead><tbody>"
    seen: set[int] = set()
    for one in shown:
        at = unix_seconds(one.at)
        cells = (
            str(one.step), moment(at) if at else "", one.name, one.tier, one.action, one.message
        )  # fmt: skip
        row = "".join(
            f'<td data-head="{head}">{_text(cell)}</td>'
            for head, cell in zip(_HEADS, cells, strict=True)
        )
        anchor = "" if one.step in seen else f' id="{_anchor(one.step)}"'
        seen.add(one.step)
        yield f'<tr{anchor} class="{escape(one.tier.lower())}">{row}</tr>'
    yield "</tbody></table></div>"


def _anchor(step: int) -> str:
    return f"step-{step}"


def _text(found: str) -> str:
    return escape(one_line(found))
