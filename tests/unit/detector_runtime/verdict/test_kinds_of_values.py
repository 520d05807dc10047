"""A window's verdict where values are zero, undefined, infinite, beyond a range, or new."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import (
    DetectorSpec,
    MetricSpec,
    PeriodSpec,
    SLOSpec,
    SourceSpec,
    Thresholds,
)
from detector_runtime.contract.vocabulary import (
    Category,
    Direction,
    NotJudged,
    Role,
    SLOStatus,
    SourceType,
    Unit,
    Verdict,
)
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.frame import Bools, Floats, Frame, on_grid
from detector_runtime.series.presence import COMMON
from detector_runtime.series.reading import read_as_trained, read_history
from detector_runtime.sources.csv_file import CSVSource
from detector_runtime.sources.prometheus_reply import parse_range
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.window import JudgeContext
from loopback.prometheus import matrix
from loopback.settings import ERRORS, LATENCY, RATE

STEP = 300
DAYS = 4
ALWAYS = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
METRICS = (RATE, LATENCY, replace(ERRORS, valid_max=1.0))
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


def framed(
    values: Floats, absent: Bools | None = None, metrics: tuple[MetricSpec, ...] = METRICS
) -> Frame:
    """The frame of a source whose samples are `values`, with none where `absent`."""
    times = np.arange(1, len(values) + 1, dtype=np.int64) * STEP
    samples = {
        name: (times, values[:, column])
        if absent is None
        else (times[~absent[:, column]], values[~absent[:, column], column])
        for column, name in enumerate(metric.name for metric in metrics)
    }
    return on_grid(samples, tuple(samples), 0, int(times[-1]), STEP)


def trained(frame: Frame, metrics: tuple[MetricSpec, ...] = METRICS) -> FittedModel:
    settings = EngineSettings(
        metrics, STEP, "UTC", (ALWAYS,), Category.STANDARD, DetectorSpec(4.0, 0.05, 1), 60, 240
    )
    return fit_model(read_history(frame, metrics), settings)


def judged(
    model: FittedModel,
    frame: Frame,
    metrics: tuple[MetricSpec, ...] = METRICS,
    policy: SLOSpec | None = None,
) -> tuple[WindowReport, ...]:
    """The reports of the last TAIL windows."""
    clean = read_as_trained(frame, metrics, model.counter)
    scores = score_rows(model, clean, int(frame.times[-TAIL - 1]))
    return judge(JudgeContext(metrics, policy, lambda _: ALWAYS, model), scores)


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
        assert reports[1].findings[0].pattern == "request_rate_cliff"


def test_a_ratio_that_is_missing_while_requests_come_is_lost_data(
    usual: Floats, model: FittedModel
) -> None:
    gone = np.zeros(usual.shape, dtype=bool)
    gone[-TAIL:, 1:] = True
    reports = judged(model, framed(usual, gone))
    assert verdicts(reports) == [Verdict.INCONCLUSIVE] * TAIL
    assert {(report.score, report.probability) for report in reports} == {("", "")}


@pytest.mark.parametrize(
    ("broken", "pattern"),
    [(math.nan, "metric_application_latency"), (math.inf, "latency_spike_recent")],
)
def test_a_value_that_is_undefined_for_the_first_time_or_infinite_is_a_finding(
    usual: Floats, model: FittedModel, broken: float, pattern: str
) -> None:
    values = usual.copy()
    values[-TAIL:, 1] = broken
    reports = judged(model, framed(values))
    assert verdicts(reports) == [Verdict.ANOMALOUS] * TAIL
    assert reports[1].findings[0].pattern == pattern


def test_a_value_that_is_undefined_for_longer_than_ever_is_a_finding(usual: Floats) -> None:
    values = usual.copy()
    values[[200, 201, 700], 1] = math.nan  # two windows in a row at most
    values[-TAIL:, 1] = math.nan
    reports = judged(trained(framed(values[:TRAIN])), framed(values))
    assert verdicts(reports)[:2] == [Verdict.NORMAL] * 2
    assert verdicts(reports)[3:] == [Verdict.ANOMALOUS] * (TAIL - 3)
    assert reports[-1].findings[0].pattern == "metric_application_latency"


def test_a_value_beyond_the_valid_range_is_evidence(usual: Floats, model: FittedModel) -> None:
    """1.4 errors a request, counted per attempt."""
    values = usual.copy()
    values[-TAIL:, 2] = 1.4
    reports = judged(model, framed(values))
    assert verdicts(reports) == [Verdict.ANOMALOUS] * TAIL
    assert reports[1].findings[0].pattern == "error_rate_critical"


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
        assert reports[-1].findings[0].pattern == "error_rate_critical"


def test_no_errors_are_zero_errors_where_there_never_were_any(
    usual: Floats, silent: FittedModel
) -> None:
    gone = np.zeros(usual.shape, dtype=bool)
    gone[:, 2] = True
    assert verdicts(judged(silent, framed(usual, gone))) == [Verdict.NORMAL] * TAIL


QUEUE = MetricSpec("queue", Role.SATURATION, "q", Unit.COUNT, Direction.UP)
TIMEOUTS = MetricSpec("timeouts", Role.CUSTOM, "t", Unit.REQUESTS_PER_SECOND, Direction.UP)


@pytest.mark.parametrize("metric", [QUEUE, TIMEOUTS])
def test_what_is_counted_for_the_first_time_is_found(usual: Floats, metric: MetricSpec) -> None:
    """A queue or timeouts that never had a series; far fewer than three of them stay quiet."""
    metrics = (*METRICS, metric)
    gone = np.zeros((len(usual), len(metrics)), dtype=bool)
    gone[:-TAIL, 3] = True
    frames = [
        framed(np.column_stack([usual, np.full(len(usual), value)]), gone, metrics)
        for value in (40.0, 0.001)
    ]
    model = trained(frames[0].rows(0, TRAIN), metrics)
    many, few = (judged(model, frame, metrics) for frame in frames)
    assert verdicts(many)[2:] == [Verdict.ANOMALOUS] * (TAIL - 2)
    assert many[-1].findings[0].summary.startswith(f"{metric.name} is 40")
    assert verdicts(few) == [Verdict.NORMAL] * TAIL


def test_a_number_that_stays_from_its_first_value_on_is_a_new_metric(usual: Floats) -> None:
    metrics = (*METRICS, QUEUE)
    values = np.column_stack([usual, np.full(len(usual), 40.0)])
    gone = np.zeros(values.shape, dtype=bool)
    gone[: TRAIN - 60, 3] = True
    frame = framed(values, gone, metrics)
    model = trained(frame.rows(0, TRAIN), metrics)
    assert verdicts(judged(model, frame, metrics)) == [Verdict.NORMAL] * TAIL


KINDS = {
    "absent": None,
    "stale": None,
    "zero": 0.0,
    "undefined": math.nan,
    "infinite": math.inf,
    "minus infinite": -math.inf,
}
"""The table in operator/docs/detection.md: what the latency is in its last windows."""
SAMPLES = {"zero": "0", "undefined": "NaN", "infinite": "+Inf", "minus infinite": "-Inf"}
CELLS = {"absent": "null", "zero": "0", "undefined": "NaN", "infinite": "inf"}
POLICY = SLOSpec("web", latency=Thresholds(0.5, 0.8, 1.0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_from_the_answer_to_the_frame(tmp_path: Path, kind: str) -> None:
    """A window of each kind between two with values; what is stale has none from there on."""
    points: list[list[object]] = [[STEP, "7"]]
    rows = [f"{STEP},7"]
    if kind in SAMPLES:
        points.append([2 * STEP, SAMPLES[kind]])
    if kind != "stale":
        points.append([3 * STEP, "8"])
        rows += [f"{2 * STEP},{CELLS.get(kind, '-inf')}", f"{3 * STEP},8"]
    answer = parse_range(matrix(points), "latency", "latency")
    grid = on_grid({"latency": (answer.times, answer.values)}, ("latency",), 0, 3 * STEP, STEP)
    (tmp_path / "latency.csv").write_text("\n".join(["time,latency", *rows]))
    spec = SourceSpec("files", SourceType.CSV, file="latency.csv", max_response_bytes=10_000)
    file = CSVSource(spec, (LATENCY,), STEP, tmp_path).fetch(0, 3 * STEP).frame
    for frame in (grid, file):
        value = KINDS[kind]
        np.testing.assert_equal(frame.values[1, 0], math.nan if value is None else value)
        marked = frame.undefined is not None and bool(frame.undefined[1, 0])
        assert marked is (kind == "undefined")
        assert math.isnan(frame.values[2, 0]) is (kind == "stale")


def of_kind(usual: Floats, kind: str) -> Frame:
    values, gone = usual.copy(), np.zeros(usual.shape, dtype=bool)
    value = KINDS[kind]
    values[-TAIL:, 1] = math.nan if value is None else value
    gone[-TAIL:, 1] = value is None
    return framed(values, gone)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_from_training_to_the_detectors(
    usual: Floats, model: FittedModel, kind: str
) -> None:
    clean = read_as_trained(of_kind(usual, kind), METRICS, model.counter)
    learned = model.presence.learnable(clean).values[-1, 1]
    np.testing.assert_equal(learned, 0.0 if kind == "zero" else math.nan)
    read = model.presence.judged(clean).frame.values[-1, 1]
    infinite = {"infinite": math.inf, "minus infinite": -math.inf, "undefined": math.inf}
    np.testing.assert_equal(read, infinite.get(kind, learned))
    # where training knew it as undefined, it is no evidence
    known = replace(model.presence, undefined_for=np.full(3, COMMON))
    if kind == "undefined":
        assert math.isnan(known.judged(clean).frame.values[-1, 1])
    assert clean.left_out()[1].reasons == {
        "undefined": (f"{TAIL} values undefined (NaN)",),
        "infinite": (f"{TAIL} values infinite",),
        "minus infinite": (f"{TAIL} values infinite",),
    }.get(kind, ())


@pytest.mark.parametrize(
    ("kind", "status", "shown"),
    [
        ("absent", SLOStatus.UNKNOWN, ""),
        ("stale", SLOStatus.UNKNOWN, ""),
        ("zero", SLOStatus.OK, "0"),
        ("undefined", SLOStatus.UNKNOWN, "undefined"),
        ("infinite", SLOStatus.BREACHED, "+Inf"),
        ("minus infinite", SLOStatus.UNKNOWN, "-Inf"),
    ],
)
def test_the_table_from_verdict_to_slo(
    usual: Floats, model: FittedModel, kind: str, status: SLOStatus, shown: str
) -> None:
    report = judged(model, of_kind(usual, kind), policy=POLICY)[-1]
    if kind in {"undefined", "infinite"}:
        assert report.verdict is Verdict.ANOMALOUS
    elif kind in {"absent", "stale"}:
        assert report.verdict is Verdict.NORMAL
    else:
        assert report.verdict is not Verdict.INCONCLUSIVE
    (row,) = report.slo.metrics
    assert (row.status, row.value, report.slo.status) == (status, shown, status)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_where_every_metric_is_of_the_kind(
    usual: Floats, model: FittedModel, kind: str
) -> None:
    values, gone = usual.copy(), np.zeros(usual.shape, dtype=bool)
    value = KINDS[kind]
    values[-TAIL:] = math.nan if value is None else value
    gone[-TAIL:] = value is None
    undefined = replace(model.presence, undefined_for=np.full(3, COMMON))
    knowing = replace(model, presence=undefined)
    report = judged(knowing, framed(values, gone), policy=POLICY)[-1]
    lost = {
        "absent": NotJudged.NO_DATA,
        "stale": NotJudged.NO_DATA,
        "undefined": NotJudged.UNDEFINED,
    }
    assert report.reason == lost.get(kind, "")
    assert (report.verdict is Verdict.INCONCLUSIVE) is (kind in lost)
    if kind in lost:
        assert (report.score, report.probability) == ("", "")
        why = "missing" if kind != "undefined" else "undefined (no requests)"
        assert report.slo.explanation == f"not evaluated: application_latency is {why}"
