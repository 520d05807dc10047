"""The metrics of a service in its newest window, each beside its usual range, and the windows that
were scored before it.

It is what stands on the page without JavaScript, and what a chart replaces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_cli.verbs.explained import Explained, MetricStanding
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.detection import Detection, WindowVerdict
from detector_runtime.contract.vocabulary import Severity, Verdict
from detector_runtime.series.units import readable, readable_range

MAX_CELLS = 64
CAP = 10.0
"""Highest score there is."""
_ROOM = 0.25
"""Of the usual range, on both sides of a gauge."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """Places from 0 to 100 in the drawing."""

    low: float
    high: float
    value: float


@dataclass(frozen=True, slots=True)
class MetricView:
    """`standing`: `within`, `above` or `below` its usual range, empty where that is not known."""

    name: str
    value: str
    usual: str
    standing: str
    gauge: Gauge | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A window; `height` of its score from 0 to 100, 0 where none is known."""

    end: int
    verdict: str
    severity: Severity
    score: str
    height: float
    patterns: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class WindowStrip:
    """The newest windows, oldest first; `level`: height of the alert level, -1 = not known."""

    cells: tuple[Cell, ...]
    level: float
    level_text: str
    start: int
    end: int
    step: int

    @property
    def told(self) -> tuple[Cell, ...]:
        """Those that were not Normal, the newest first."""
        return tuple(one for one in reversed(self.cells) if one.verdict != Verdict.NORMAL.value)


def metric_views(found: Explained) -> tuple[MetricView, ...]:
    """Those outside their usual range first, then in the order of the spec."""
    order = {one.name: -one.position for one in found.nearest if one.position > 1}
    return tuple(
        _metric(one) for one in sorted(found.metrics, key=lambda one: order.get(one.name, 0))
    )


def window_strip(found: Explained) -> WindowStrip | None:
    """None where nothing has been scored."""
    detection = found.scoring.detection
    if detection is None or not detection.scored_through or not detection.step_seconds:
        return None
    level = found.level
    return WindowStrip(
        cells=tuple(_cells(detection, found.score)),
        level=_height(level) if math.isfinite(level) else -1,
        level_text=f"{level:.2f}" if math.isfinite(level) else "",
        start=unix_seconds(detection.scored_from),
        end=unix_seconds(detection.scored_through),
        step=detection.step_seconds,
    )


def _metric(one: MetricStanding) -> MetricView:
    known = math.isfinite(one.low) and math.isfinite(one.high)
    usual = readable_range(one.low, one.high, one.value, one.unit) if known else ""
    if known and one.low == one.high == 0:
        usual = "0"
    return MetricView(
        name=one.name,
        value=readable(one.value, one.unit) if math.isfinite(one.value) else "no value",
        usual=usual,
        standing=_standing(one) if known and math.isfinite(one.value) else "",
        gauge=_gauge(one) if known and math.isfinite(one.value) else None,
    )


def _standing(one: MetricStanding) -> str:
    if one.value > one.high:
        return "above"
    return "below" if one.value < one.low else "within"


def _gauge(one: MetricStanding) -> Gauge | None:
    room = (one.high - one.low) * _ROOM
    least, most = min(one.low - room, one.value), max(one.high + room, one.value)
    if not most > least:
        return None
    low, high, value = (
        round(100 * (at - least) / (most - least), 1) for at in (one.low, one.high, one.value)
    )
    return Gauge(low, high, value)


def _cells(detection: Detection, newest: float) -> Iterator[Cell]:
    listed = {unix_seconds(one.end): one for one in detection.windows}
    last, step = unix_seconds(detection.scored_through), detection.step_seconds
    first = max(unix_seconds(detection.scored_from) + step, last - (MAX_CELLS - 1) * step)
    for end in range(first, last + 1, step):
        one = listed.get(end)
        yield _cell(end, one) if one else _normal(end, newest if end == last else math.nan)


def _cell(end: int, one: WindowVerdict) -> Cell:
    try:
        score = float(one.score)
    except ValueError:
        score = math.nan
    return Cell(
        end, one.verdict.value, one.severity, one.score, _height(score), one.patterns, one.reason
    )


def _normal(end: int, score: float) -> Cell:
    text = f"{score:.2f}" if math.isfinite(score) else ""
    return Cell(end, Verdict.NORMAL.value, Severity.NONE, text, _height(score), (), "")


def _height(score: float) -> float:
    if not math.isfinite(score):
        return 0.0
    return round(100 * min(max(score, 0.0), CAP) / CAP, 1)
