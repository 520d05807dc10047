"""A series of windows as an inline SVG that is readable at any width.

The drawing is stretched to the width of the page and its lines keep their own, so all text stands
beside it in HTML. A long series is reduced to the lowest and the highest value of each stretch:
no peak is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from detector_runtime.series.frame import Floats

WIDTH, HEIGHT = 1000, 200
STRETCHES = 500
_ROOM = 1.5
"""A line further outside than so many times the highest value is said, not drawn: it would flatten
everything else."""
_MAX_NAMED = 12
_TAG_ROWS = 3


@dataclass(frozen=True, slots=True)
class Shade:
    """Windows [first, last] of the chart; `label` is shown while there are few, `text` is what a
    pointer shows, `anchor` where a click leads; `style` is a class of the style sheet."""

    first: int
    last: int
    number: int
    label: str
    text: str
    anchor: str
    style: str = "shade"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A threshold (n,), which may change with time; `style` is a class of the style sheet."""

    label: str
    values: Floats
    style: str


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """`values`, `low`, `high` (n,) with NaN where there is nothing; `bottom` to `top` is drawn, and
    of all lines those in `lines`."""

    values: Floats
    low: Floats | None
    high: Floats | None
    lines: tuple[Line, ...]
    bottom: float
    top: float


def chart_of(
    values: Floats,
    low: Floats | None = None,
    high: Floats | None = None,
    lines: Sequence[Line] = (),
) -> Chart:
    """A chart that shows all values, what is usual, and the lines that fit."""
    series = [one for one in (values, low, high) if one is not None]
    known = np.concatenate([one[np.isfinite(one)] for one in series])
    bottom, top = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = _ROOM * top if top > 0 else top
    drawn = tuple(one for one in lines if -np.inf < _largest(one.values) <= room)
    top = max([top, *(_largest(one.values) for one in drawn)])
    if not top > bottom:
        bottom, top = bottom - 1, top + 1
    return Chart(values, low, high, drawn, bottom, top)


def svg(chart: Chart, shades: Sequence[Shade], title: str) -> str:
    """The drawing alone."""
    head = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">'
    )
    return "".join(
        [
            head,
            *_band(chart),
            *(_shade(one, len(chart.values)) for one in shades),
            *(_path(one.values, chart, f"limit {one.style}") for one in chart.lines),
            _path(chart.values, chart, "value"),
            "</svg>",
        ]
    )


def tags(shades: Sequence[Shade], windows: int) -> Iterator[str]:
    """The names of the shades, to stand over the drawing."""
    for at, one in enumerate(shades):
        left = 100 * _x(one.first, windows) / WIDTH
        side = f"left:{left:.2f}%" if left < 60 else f"right:{100 - left:.2f}%"
        said = f"{one.number} {one.label}" if len(shades) <= _MAX_NAMED else str(one.number)
        yield (
            f'<a class="tag row{at % _TAG_ROWS}" style="{side}" href="#{escape(one.anchor)}" '
            f'title="{escape(one.text)}">{escape(said)}</a>'
        )


def _shade(one: Shade, windows: int) -> str:
    left, right = _x(one.first - 0.5, windows), _x(one.last + 0.5, windows)
    return (
        f'<rect class="{one.style}" x="{left:.1f}" y="0" width="{max(right - left, 4):.1f}" '
        f'height="{HEIGHT}"><title>{escape(one.text)}</title></rect>'
    )


def _band(chart: Chart) -> Iterator[str]:
    if chart.low is None or chart.high is None:
        return
    both = np.isfinite(chart.low) & np.isfinite(chart.high)
    for rows in _runs(both):
        kept = rows[:: max(len(rows) // STRETCHES, 1)]
        there = [_point(row, chart.high[row], chart) for row in kept]
        back = [_point(row, chart.low[row], chart) for row in reversed(kept)]
        yield f'<polygon class="band" points="{" ".join([*there, *back])}"/>'


def _path(values: Floats, chart: Chart, style: str) -> str:
    parts = []
    for rows in _runs(np.isfinite(values)):
        points = [_point(row, values[row], chart) for row in _extremes(rows, values, len(values))]
        # A single window between two gaps is a dot, which needs a length to be drawn.
        parts.append("M" + " L".join(points) + ("h0.1" if len(points) == 1 else ""))
    return f'<path class="{style}" d="{" ".join(parts)}"/>' if parts else ""


def _extremes(rows: list[int], values: Floats, windows: int) -> list[int]:
    """The rows to draw: all of them, or the lowest and the highest of each stretch."""
    width = -(-windows // STRETCHES)
    if width <= 2:
        return rows
    found: list[int] = []
    for at in range(0, len(rows), width):
        part = rows[at : at + width]
        heights = values[part]
        found.extend(sorted({part[int(heights.argmin())], part[int(heights.argmax())]}))
    return found


def _runs(there: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[list[int]]:
    """Unbroken runs of rows."""
    rows = np.flatnonzero(there)
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if len(run):
            yield run.tolist()


def _point(row: int, value: float, chart: Chart) -> str:
    height = HEIGHT * (1 - (float(value) - chart.bottom) / (chart.top - chart.bottom))
    return f"{_x(row, len(chart.values)):.1f},{min(max(height, 0), HEIGHT):.1f}"


def _x(row: float, windows: int) -> float:
    return WIDTH * min(max((row + 0.5) / windows, 0), 1)


def _largest(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else -np.inf
