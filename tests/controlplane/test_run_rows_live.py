"""Rows of a training run from a real Prometheus, with its own rules for what is stale."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from anomaly_sandbox import remote_write
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.run_log.prometheus_rows import PrometheusRows
from detector_runtime.run_log.source import BadLine, Position
from detector_runtime.sources.prometheus_api import PrometheusMounts
from detector_runtime.training_run.rows import Row
from loopback.settings import prometheus_source

pytestmark = pytest.mark.controlplane

STEPS, PAUSE, SCRAPE = 60, 30, 10
QUERIES = {
    "step": (Role.STEP, 'max(run_rows_step{run="llama"})'),
    "loss": (Role.LOSS, 'max(run_rows_loss{run="llama"})'),
}


def opened(url: str, folder: Path) -> PrometheusRows:
    metrics = tuple(
        MetricSpec(name, role, query, Unit.NONE, Direction.UP)
        for name, (role, query) in QUERIES.items()
    )
    return PrometheusRows(
        prometheus_source(url), metrics, step=60, lookback=7200,
        mounts=PrometheusMounts(folder, folder), deadline=time.monotonic() + 60,
    )  # fmt: skip


def test_each_step_of_a_trainer_is_one_row_whole_or_in_parts(prometheus_url, tmp_path):
    end = int(time.time()) // 60 * 60 - 600
    begin = end - STEPS * PAUSE
    # Scraped every 10 s, and gone ten minutes before now: the last value goes stale.
    moments = range(begin, end, SCRAPE)
    steps = [float((at - begin) // PAUSE) for at in moments]
    series = [
        ({"__name__": "run_rows_step", "run": "llama"}, [1000 * at for at in moments], steps),
        ({"__name__": "run_rows_loss", "run": "llama"}, [1000 * at for at in moments],
         [3.0 - step / 100 for step in steps]),
    ]  # fmt: skip
    remote_write.write(prometheus_url, series)
    expected = [
        Row(step, loss=3.0 - step / 100, time=float(begin + PAUSE * step)) for step in range(STEPS)
    ]
    whole = list(opened(prometheus_url, tmp_path).read(None, end + 600))
    assert whole == expected
    parts: list[Row | BadLine] = []
    position: Position | None = None
    for until in range(begin, end + 660, 300):
        rows = opened(prometheus_url, tmp_path)
        parts += rows.read(position, until)
        position = rows.position()
    assert parts == expected
