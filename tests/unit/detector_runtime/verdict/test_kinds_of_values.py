"""A window's verdict where values are zero, undefined, infinite, beyond a range, or new."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import DetectorSpec, MetricSpec, PeriodSpec
from detector_runtime.contract.vocabulary import Category, Verdict
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.frame import Bools, Floats, Frame, on_grid
from detector_runtime.series.reading import read_as_trained, read_history
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.window import JudgeContext
from loopback.settings import ERRORS, LATENCY, RATE

STEP = 300
DAYS = 4
ALWAYS = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
METRICS = (RATE, LATENCY, replace(ERRORS, valid_max=1.0))
NAMES = tuple(metric.name for metric in METRICS)
TRAIN = DAYS * 86_400 // STEP
TAIL = 6


def history(windows: int, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(windows) * 2 * np.pi * STEP / 86_400)
    return np.column_stack([
        100 + 40 * wave + rng.normal(0, 3, windows),
        200 + 10 * wave + rng.normal(0, 5, windows),
        0.004 + 0.0005 * rng.random(windows),
    ])  # fmt: skip


def framed(values: Floats, absent: Bools | None = None) -> Frame:
    """The frame of a source whose samples are `values`, with none where `absent`."""
    times = np.arange(1, len(values) + 1, dtype=np.int64) * STEP
    samples = {
        name: (times, values[:, column])
        if absent is None
        else (times[~absent[:, column]], values[~absent[:, column], column])
        for column, name in enumerate(NAMES)
    }
    return on_grid(samples, NAMES, 0, int(times[-1]), STEP)


def trained(frame: Frame) -> FittedModel:
    settings = EngineSettings(
        METRICS, STEP, "UTC", (ALWAYS,), Category.STANDARD, DetectorSpec(4.0, 0.05, 1), 60, 240
    )
    return fit_model(read_history(frame, METRICS), settings)


def judged(
    model: FittedModel, frame: Frame, metrics: tuple[MetricSpec, ...] = METRICS
) -> tuple[WindowReport, ...]:
    """The reports of the last TAIL windows."""
    clean = read_as_trained(frame, metrics, model.counter)
    scores = score_rows(model, clean, int(frame.times[-TAIL - 1]))
    return judge(JudgeContext(metrics, None, lambda _: ALWAYS, model), scores)


@pytest.fixture(scope="module")
def usual() -> Floats:
    return history(TRAIN + TAIL)


@pytest.fixture(scope="module")
def model(usual: Floats) -> FittedModel:
    return trained(framed(usual[:TRAIN]))


def verdicts(reports: tuple[WindowReport, ...]) -> list[Verdict]:
    return [report.verdict for report in reports]


def test_an_outage_is_found_from_the_request_rate_alone(usual: Floats, model: FittedModel) -> None:
    """Without a request all ratios are 0/0, whether the source says NaN or nothing."""
    values = usual.copy()
    values[-TAIL:] = [0.0, math.nan, math.nan]
    gone = np.zeros(values.shape, dtype=bool)
    gone[-TAIL:, 1:] = True
    for frame in (framed(values), framed(values, gone)):
        reports = judged(model, frame)
        assert verdicts(reports) == [Verdict.ANOMALOUS] * TAIL
        assert reports[1].findings[0].pattern == "metric_request_rate"


def test_a_ratio_that_is_missing_while_requests_come_is_lost_data(
    usual: Floats, model: FittedModel
) -> None:
    gone = np.zeros(usual.shape, dtype=bool)
    gone[-TAIL:, 1:] = True
    reports = judged(model, framed(usual, gone))
    assert verdicts(reports) == [Verdict.INCONCLUSIVE] * TAIL
    assert {(report.score, report.probability) for report in reports} == {("", "")}


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_value_that_is_undefined_for_the_first_time_or_infinite_is_a_finding(
    usual: Floats, model: FittedModel, broken: float
) -> None:
    values = usual.copy()
    values[-TAIL:, 1] = broken
    reports = judged(model, framed(values))
    assert verdicts(reports) == [Verdict.ANOMALOUS] * TAIL
    assert reports[1].findings[0].pattern == "metric_application_latency"


def test_a_value_beyond_the_valid_range_is_evidence(usual: Floats, model: FittedModel) -> None:
    """1.4 errors a request, counted per attempt."""
    values = usual.copy()
    values[-TAIL:, 2] = 1.4
    reports = judged(model, framed(values))
    assert verdicts(reports) == [Verdict.ANOMALOUS] * TAIL
    assert reports[1].findings[0].pattern == "metric_error_rate"


def test_a_quiet_night_is_undefined_and_no_lost_data(usual: Floats) -> None:
    values = usual.copy()
    nights = np.arange(len(values)) % (86_400 // STEP) < 24
    values[nights] = [0.0, math.nan, math.nan]
    values[-TAIL:] = [0.0, math.nan, math.nan]
    reports = judged(trained(framed(values[:TRAIN])), framed(values))
    assert all(report.verdict is not Verdict.INCONCLUSIVE for report in reports)


@pytest.fixture(scope="module")
def silent(usual: Floats) -> FittedModel:
    """A model of a service that never had an error series."""
    gone = np.zeros((TRAIN, 3), dtype=bool)
    gone[:, 2] = True
    return trained(framed(usual[:TRAIN], gone))


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [(0.3, Verdict.ANOMALOUS), (0.00005, Verdict.NORMAL)],  # the second: two of 30,000 requests
)
def test_the_first_errors_ever_are_found_once_they_are_more_than_a_few(
    usual: Floats, silent: FittedModel, errors: float, verdict: Verdict
) -> None:
    values = usual.copy()
    values[-TAIL:, 2] = errors
    gone = np.zeros(values.shape, dtype=bool)
    gone[:-TAIL, 2] = True
    reports = judged(silent, framed(values, gone))
    assert verdicts(reports)[2:] == [verdict] * (TAIL - 2)
    if verdict is Verdict.ANOMALOUS:
        assert reports[-1].findings[0].pattern == "metric_error_rate"


def test_no_errors_are_zero_errors_where_there_never_were_any(
    usual: Floats, silent: FittedModel
) -> None:
    gone = np.zeros(usual.shape, dtype=bool)
    gone[:, 2] = True
    assert verdicts(judged(silent, framed(usual, gone))) == [Verdict.NORMAL] * TAIL
