"""The plots of the page as inline SVG. Each is stretched to the width of the page and has no text:
what it says stands beside it in HTML, readable at any width.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from anomaly_cli.evaluation.bootstrap import Interval
from anomaly_cli.evaluation.projection import Projection
from anomaly_cli.evaluation.separation import Separation
from anomaly_cli.evaluation.sweep import Sweep
from anomaly_cli.html_chart import HEIGHT, WIDTH
from detector_runtime.series.frame import Floats

COLOURS = 6
"""Classes kind1 to kind6 of the style sheet; further kinds begin again."""
STYLE = """
.hist { fill: var(--value); opacity: 0.55; } .hist.odd { fill: var(--alert); }
.bar { fill: var(--value); opacity: 0.55; } .whisker { stroke: var(--ink); stroke-width: 2; }
.dot { stroke-width: 4; stroke-linecap: round; opacity: 0.6; } .kind0 { stroke: var(--rule); }
.kind1 { stroke: var(--alert); } .kind2 { stroke: var(--value); } .kind3 { stroke: var(--warning); }
.kind4 { stroke: #2e8b57; } .kind5 { stroke: #8e5bb5; } .kind6 { stroke: #7a6a53; }
.other { stroke: var(--warning); stroke-width: 2; } svg.square { height: 22rem; }
svg.f1 { height: 1.2rem; min-width: 9rem; }
.key { display: inline-block; width: 0.9rem; height: 0.9rem; vertical-align: -0.1rem; }
.key line { stroke-width: 100; }
"""


def histogram(found: Separation) -> str:
    """The density of the scores of normal rows, and of anomalies over it."""
    top = max(float(found.normal_density.max()), float(found.anomaly_density.max()))
    parts = [
        *_steps(found.normal_density / top, "hist"),
        *_steps(found.anomaly_density / top, "hist odd"),
    ]
    return _svg(parts, f"Scores of {found.member}")


def _steps(heights: Floats, style: str) -> Iterator[str]:
    width = WIDTH / len(heights)
    for at, height in enumerate(heights.tolist()):
        if height > 0:
            size = HEIGHT * height
            yield (
                f'<rect class="{style}" x="{at * width:.1f}" y="{HEIGHT - size:.1f}" '
                f'width="{width:.1f}" height="{size:.1f}"/>'
            )


def sweep_lines(found: Sweep) -> str:
    """F1 from 0 to 1 over the threshold: the member alone, and the majority with it."""
    parts = [_line(found.alone, "value"), _line(found.vote, "other")]
    return _svg(parts, "F1 by threshold of the z-score")


def _line(values: Floats, style: str) -> str:
    across = np.linspace(0, WIDTH, len(values))
    points = [
        f"{x:.1f},{HEIGHT * (1 - y):.1f}"
        for x, y in zip(across.tolist(), values.tolist(), strict=True)
        if np.isfinite(y)
    ]
    return f'<path class="{style}" d="M{" L".join(points)}"/>' if points else ""


def scatter(found: Projection) -> str:
    """The first component to the right, the second upwards; normal rows below all anomalies."""
    low, high = found.points.min(axis=0), found.points.max(axis=0)
    place = (found.points - low) / np.where(high > low, high - low, 1.0)
    parts = []
    for kind in sorted(set(found.kinds.tolist())):
        dots = "".join(
            f"M{WIDTH * x:.0f},{HEIGHT * (1 - y):.1f}h0.1"
            for x, y in place[found.kinds == kind].tolist()
        )
        parts.append(f'<path class="dot {kind_style(kind)}" d="{dots}"/>')
    return _svg(parts, "Rows by their first two principal components", "square")


def kind_style(kind: int) -> str:
    """The class of a kind of anomaly; 0 is normal."""
    return "kind0" if kind == 0 else f"kind{(kind - 1) % COLOURS + 1}"


def f1_bar(value: float, interval: Interval) -> str:
    """A bar from 0 to 1, and a line over its interval."""
    if not np.isfinite([value, interval.low, interval.high]).all():
        return ""
    middle = HEIGHT / 2
    bar = f'<rect class="bar" x="0" y="0" width="{WIDTH * value:.1f}" height="{HEIGHT}"/>'
    low, high = WIDTH * interval.low, WIDTH * interval.high
    whisker = f'<path class="whisker" d="M{low:.1f},{middle} L{high:.1f},{middle}"/>'
    return _svg([bar, whisker], f"F1 {value:.3f}", "f1")


def _svg(parts: list[str], title: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return (
        f'<svg{named} viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
