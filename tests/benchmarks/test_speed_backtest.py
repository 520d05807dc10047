"""A backtest over a month of minutes, learning anew each day, ends while one waits."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest

from anomaly_cli.__main__ import main

DAYS, STEP, DAY = 30, 60, 86_400
NAMES = ("rate", "latency", "errors", "dependency", "database")
MAX_CPU_SECONDS = 240

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]


def month(path: Path) -> Path:
    """A daily rhythm in each metric, without a fault."""
    rng = np.random.default_rng(0)
    n = DAYS * DAY // STEP
    times = 1_704_067_200 + STEP * np.arange(1, n + 1, dtype=np.int64)
    day = np.sin(2 * np.pi * times / DAY)
    columns = [100 + 50 * day + rng.normal(0, 5, n)]
    columns += [0.1 + 0.02 * day + rng.gamma(2, 0.005, n) for _ in range(4)]
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["timestamp", *NAMES])
        lines.writerows(
            [stamp, *(f"{value:.6g}" for value in values)]
            for stamp, values in zip(times.tolist(), np.column_stack(columns), strict=True)
        )
    return path


def test_a_month_of_minutes_with_daily_refits_takes_at_most_four_minutes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CPU seconds of all threads, which other work on the machine does not lengthen much."""
    data, scores = month(tmp_path / "month.csv"), tmp_path / "scores.csv"
    begin, began = time.perf_counter(), time.process_time()
    assert main(["backtest", "--data", str(data), "--output", str(scores)]) == 0
    used, waited = time.process_time() - began, time.perf_counter() - begin
    assert "23 models" in capsys.readouterr().out
    with capsys.disabled():
        print(f"\nbacktest of 30 days by the minute: {used:.0f} CPU s, {waited:.0f} s waited")
    with scores.open() as file:
        assert sum(1 for _ in file) == 1 + DAYS * DAY // STEP * 3 // 4
    assert used <= MAX_CPU_SECONDS
