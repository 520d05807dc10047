"""A metric that training knew and the source no longer has."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from detector_runtime.series.frame import Frame
from detector_runtime.series.reading import Cell, CleanRows
from detector_runtime.verdict.lost_metrics import lost_metrics

STEP = 300
NAMES = ("rate", "latency")


def model(samples: tuple[int, int] = (1000, 1000)) -> Any:
    """As much of a model as is asked for."""
    known = np.array([True, True])
    return SimpleNamespace(
        names=NAMES,
        step=STEP,
        samples=1000,
        statistics=SimpleNamespace(samples=np.array(samples)),
        ensemble=SimpleNamespace(scaling=SimpleNamespace(known=known)),
    )


def rows(latency: list[float]) -> CleanRows:
    values = np.column_stack([np.ones(len(latency)), latency])
    times = np.arange(1, len(latency) + 1) * STEP
    cells = np.where(np.isnan(values), np.int8(Cell.ABSENT), np.int8(Cell.VALUE))
    return CleanRows(Frame(times, values, NAMES, STEP), cells, SimpleNamespace())  # type: ignore[arg-type]


GONE = [math.nan] * 24


def test_it_is_named_with_the_time_and_what_to_do() -> None:
    (line,) = lost_metrics(model(), rows(GONE))
    assert line.startswith("NoValues: latency has had no value for 2 h,")
    assert "check its query" in line


@pytest.mark.parametrize(
    ("latency", "samples"),
    [
        ([*GONE[1:], 0.2], (1000, 1000)),
        (GONE, (1000, 800)),
        (GONE[:6], (1000, 1000)),
    ],
    ids=["one value is there", "it was often absent in training", "half an hour"],
)
def test_nothing_is_said_of(latency: list[float], samples: tuple[int, int]) -> None:
    assert lost_metrics(model(samples), rows(latency)) == ()


def test_a_source_without_any_value_is_the_runs_own_word() -> None:
    clean = rows(GONE)
    nothing = np.full_like(clean.cells, Cell.ABSENT)
    assert lost_metrics(model(), replace(clean, cells=nothing)) == ()
