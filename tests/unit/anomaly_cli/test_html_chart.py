"""The charts of the report: nothing unusual is lost, and no text of the user becomes markup."""

from __future__ import annotations

import re

import numpy as np

from anomaly_cli.html_chart import HEIGHT, STRETCHES, Line, Shade, chart_of, svg, tags

EVIL = "<script>alert('x')</script>\"&"


def heights(drawing: str) -> list[float]:
    (path,) = re.findall(r'class="value" d="([^"]*)"', drawing)
    return [float(y) for y in re.findall(r",([\d.]+)", path)]


def test_a_peak_of_one_window_of_many_is_drawn() -> None:
    values = np.zeros(100_000)
    values[54_321] = 7.0
    drawing = svg(chart_of(values), (), "latency")
    assert min(heights(drawing)) == 0
    assert len(heights(drawing)) <= 2 * STRETCHES + 2


def test_a_gap_is_a_gap() -> None:
    values = np.array([1.0, 2.0, np.nan, np.nan, 3.0, np.inf, 4.0, 5.0])
    (path,) = re.findall(r'class="value" d="([^"]*)"', svg(chart_of(values), (), "a"))
    assert path.count("M") == 3


def test_a_chart_without_a_value_is_empty() -> None:
    nothing = np.full(5, np.nan)
    drawing = svg(chart_of(nothing, nothing, nothing, [Line("x", nothing, "alert")]), (), "a")
    assert "path" not in drawing
    assert "polygon" not in drawing


def test_a_threshold_far_above_is_left_out_and_a_near_one_is_shown_whole() -> None:
    values = np.array([1.0, 2.0])
    near, far = Line("near", np.full(2, 2.5), "warning"), Line("far", np.full(2, 9.0), "critical")
    chart = chart_of(values, lines=[near, far])
    assert chart.lines == (near,)
    assert (chart.bottom, chart.top) == (1.0, 2.5)


def test_a_constant_is_in_the_middle() -> None:
    assert heights(svg(chart_of(np.full(3, 5.0)), (), "a")) == [HEIGHT / 2] * 3


def test_texts_are_escaped() -> None:
    shade = Shade(1, 2, 1, EVIL, EVIL, EVIL)
    drawing = svg(chart_of(np.arange(4.0)), (shade,), EVIL) + "".join(tags((shade,), 4))
    assert "<script" not in drawing
    assert "&lt;script&gt;" in drawing
    assert drawing.count('"') % 2 == 0


def test_many_incidents_are_numbered_and_few_are_named() -> None:
    shades = [Shade(at, at, at + 1, "pattern", "", f"n{at}") for at in range(20)]
    assert ">1 pattern</a>" in next(tags(shades[:3], 20))
    assert ">1</a>" in next(tags(shades, 20))
