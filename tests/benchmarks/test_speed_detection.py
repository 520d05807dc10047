"""Speed of the engine beside five period forests in scikit-learn, in one run, as ratios."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from detector_runtime.commands.score_windows import not_judged
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import (
    DatabaseThresholds,
    DetectorSpec,
    MetricSpec,
    PeriodSpec,
    RequestRateThresholds,
    SLOSpec,
    Thresholds,
)
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit, Verdict
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.patterns.assemble import assembled
from detector_runtime.series.calendar import read_calendar
from detector_runtime.series.features import trailing
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import read_as_trained, read_history
from detector_runtime.store.array_file import write_arrays
from detector_runtime.verdict.calendar_days import score_calendar
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.lost_metrics import lost_metrics
from detector_runtime.verdict.periods import period_lookup
from detector_runtime.verdict.window import JudgeContext, Naming

pytestmark = pytest.mark.benchmark

STEP, DAY, ROWS = 300, 86_400, 8640
PERIODS = 5
NAMES = ("rate", "latency", "errors", "dependency", "database")


def shop() -> Frame:
    rng = np.random.default_rng(0)
    times = 1_704_067_200 + STEP * np.arange(1, ROWS + 1, dtype=np.int64)
    day = np.sin(2 * np.pi * times / DAY)
    columns = [100 + 50 * day + rng.normal(0, 5, ROWS)]
    columns += [0.1 + 0.02 * day + rng.gamma(2, 0.005, ROWS) for _ in range(4)]
    return Frame(times, np.column_stack(columns), NAMES, STEP)


def settings() -> EngineSettings:
    metrics = tuple(MetricSpec(n, Role.CUSTOM, n, Unit.NONE, Direction.BOTH) for n in NAMES)
    detector = DetectorSpec(1.0, 0.05, 42)
    return EngineSettings(metrics, STEP, "Etc/UTC", (), Category.STANDARD, detector, 500, 1000)


def cpu(work: Callable[[], object], repeat: int) -> float:
    """The least CPU seconds of `repeat` calls: other load on the machine only adds."""
    found = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def features(frame: Frame) -> list[Floats]:
    tables = []
    for column in range(len(NAMES)):
        long = trailing(frame.values[:, [column]], 15, 0)
        parts = [long[:, 0, -1:], long.mean(2), long.std(2), long[:, :, -5:].mean(2)]
        tables.append(np.concatenate([*parts, long[:, :, -5:].std(2)], axis=1))
    return [*tables, frame.values]


def period_forests_training(frame: Frame) -> list[IsolationForest]:
    """Six forests in each of five periods, calibrated on the last 20 % of each."""
    tables, models = features(frame), []
    for period in range(PERIODS):
        taken = np.arange(period, len(frame), PERIODS)
        cut = int(0.8 * len(taken))
        for table in tables:
            model = IsolationForest(n_estimators=200, contamination=0.05, random_state=42)
            model.fit(table[taken[:cut]])
            model.score_samples(table[taken[:cut]])
            model.score_samples(table[taken[cut:]])
            models.append(model)
    return models


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    return fit_model(read_history(shop(), settings().metrics), settings())


def named_metrics() -> tuple[MetricSpec, ...]:
    """The same metrics with the roles that patterns and thresholds speak of."""
    kinds = (
        (Role.TRAFFIC, Unit.REQUESTS_PER_SECOND),
        (Role.LATENCY, Unit.SECONDS),
        (Role.ERRORS, Unit.RATIO),
        (Role.DEPENDENCY_LATENCY, Unit.SECONDS),
        (Role.DATABASE_LATENCY, Unit.SECONDS),
    )
    return tuple(
        MetricSpec(name, role, name, unit, Direction.BOTH)
        for name, (role, unit) in zip(NAMES, kinds, strict=True)
    )


POLICY = SLOSpec(
    "shop",
    latency=Thresholds(0.3, 0.5, 1.0),
    error_rate=Thresholds(0.3, 0.5, 0.8),
    database_latency=DatabaseThresholds(1.2, 1.5, 2.0, 3.0, 0.005),
    request_rate=RequestRateThresholds(3.0, 0.2, (("always", 1.0),)),
)


def test_one_warm_window_with_patterns_and_slo_beats_scikit_learn_by_the_bar(
    fitted: FittedModel,
) -> None:
    """What a scoring pod does with a window, from the source's values to the report, beside
    scikit-learn doing the scoring alone."""
    frame = shop()
    quiet = Frame(frame.times[-73:], frame.values[-73:], NAMES, STEP)
    slow = quiet.values.copy()
    slow[-4:, [1, 4]] *= 5
    since = int(quiet.times[-2])
    metrics = named_metrics()
    always = PeriodSpec("always", tuple(range(7)), 0, 0, 1.0)
    period_at = period_lookup((always,), "Etc/UTC")
    calendar = read_calendar(())
    names = Naming(assembled((), ()))

    def report(window: Frame) -> WindowReport:
        clean = read_as_trained(window, metrics, fitted.counter)
        scores, unjudged = score_calendar(fitted, clean, since, calendar)
        warnings = (
            *lost_metrics(fitted, clean),
            *not_judged(fitted, clean, since),
            *clean.warnings(),
        )
        context = JudgeContext(
            metrics, POLICY, period_at, fitted, warnings, unjudged=unjudged, naming=names
        )
        return judge(context, scores)[0]

    tables = features(frame)
    peers = [IsolationForest(n_estimators=200, random_state=1).fit(table) for table in tables]

    def theirs() -> None:
        now = features(quiet)
        for model, table in zip(peers, now, strict=True):
            model.score_samples(table[-1:])

    fault = Frame(quiet.times, slow, NAMES, STEP)
    assert report(quiet).verdict is Verdict.NORMAL
    assert report(fault).findings[0].pattern == "database_latency_bottleneck"
    mine, other = cpu(lambda: report(quiet), 200), cpu(theirs, 5)
    named = cpu(lambda: report(fault), 100)
    print(
        f"\nwarm window: {1e3 * mine:.2f} ms, peer {1e3 * other:.0f} ms, {other / mine:.0f}x; "
        f"with a finding to name: {1e3 * named:.2f} ms, {other / named:.0f}x"
    )
    assert mine <= 0.002
    assert other / mine >= 50


def test_training_costs_at_most_five_period_forests(fitted: FittedModel) -> None:
    frame = shop()
    mine, other = (
        cpu(lambda: fit_model(read_history(frame, settings().metrics), settings()), 1),
        cpu(lambda: period_forests_training(frame), 1),
    )
    print(f"\ntraining with gate: {mine:.1f} CPU s, five period forests {other:.1f} CPU s")
    assert mine <= other


def test_a_model_of_five_metrics_fits_a_mebibyte(fitted: FittedModel) -> None:
    file = io.BytesIO()
    write_arrays(file, fitted.to_arrays()[0])
    print(f"\nmodel: {file.tell() / 1024:.0f} KiB")
    assert file.tell() <= 1024 * 1024
