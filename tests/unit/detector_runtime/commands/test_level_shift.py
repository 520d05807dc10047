"""A training tells of a level shift in a field of its own, whether its model may serve or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector_runtime.commands.train import train
from detector_runtime.contract.run_config import RunConfig, SourceSpec, TrainingSpec
from detector_runtime.contract.vocabulary import RunKind, RunOutcome, SourceType
from detector_runtime.series.frame import Frame
from detector_runtime.sources.fetched import Fetched
from loopback.settings import LATENCY, RATE, run_config

STEP, DAY, DAYS = 3600, 86_400, 30
NOW = 1_706_659_300


class Recorded:
    """The rate doubles eight days before the end."""

    def fetch(self, start: int, end: int) -> Fetched:
        rng = np.random.default_rng(2)
        times = np.arange(start + STEP, end + 1, STEP, dtype=np.int64)
        rate = rng.normal(100, 3, len(times)).clip(0)
        rate[-8 * 24 :] *= 2
        latency = rng.normal(0.1, 0.01, len(times)).clip(0)
        return Fetched(
            Frame(times, np.column_stack([rate, latency]), (RATE.name, LATENCY.name), STEP)
        )


def config() -> RunConfig:
    source = SourceSpec("files", SourceType.CSV, file="shop.csv", delay_seconds=0)
    return replace(
        run_config(RunKind.TRAIN, source),
        step_seconds=STEP,
        metrics=(RATE, LATENCY),
        training=TrainingSpec(DAYS * DAY, 500, 1000),
    )


def test_the_report_names_the_shift_and_what_takes_it(tmp_path: Path) -> None:
    report = train(config(), Recorded(), tmp_path, NOW)
    assert report.outcome is RunOutcome.SUCCEEDED
    assert report.level_shift.startswith(f"{RATE.name} has stood at 20")
    assert "lookback to 8d and spec.training.minSamples.univariate to 153" in report.level_shift
    assert report.level_shift not in report.warnings


def test_a_candidate_that_fails_says_the_shift_beside_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector_runtime.fitting.validate.MIN_RECALL", 1.2)
    report = train(config(), Recorded(), tmp_path, NOW)
    assert report.outcome is RunOutcome.REJECTED
    assert report.level_shift in report.message
    assert "injected faults found" in report.message
    step = "leave incidents out with spec.training.exclude, or change spec.training.lookback"
    assert report.message.endswith(f"; {step}")
