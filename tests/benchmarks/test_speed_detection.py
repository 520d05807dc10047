"""Speed of the engine beside five period forests in scikit-learn, in one run, as ratios."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from detector_runtime.contract.run_config import DetectorSpec, MetricSpec
from detector_runtime.contract.vocabulary import Category, Direction, Role, Unit
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import score_rows
from detector_runtime.series.features import trailing
from detector_runtime.series.frame import Floats, Frame
from detector_runtime.series.reading import read_as_trained, read_history
from detector_runtime.store.array_file import write_arrays

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
    """Seed 003: six forests in each of five periods, calibrated on the last 20 % of each."""
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


def test_one_warm_window_beats_scikit_learn_by_the_bar(fitted: FittedModel) -> None:
    frame = shop()
    recent = Frame(frame.times[-73:], frame.values[-73:], NAMES, STEP)
    since = int(recent.times[-2])
    metrics = settings().metrics
    tables = features(frame)
    peers = [IsolationForest(n_estimators=200, random_state=1).fit(table) for table in tables]

    def ours() -> None:
        for _ in range(20):
            score_rows(fitted, read_as_trained(recent, metrics, fitted.counter), since)

    def theirs() -> None:
        now = features(recent)
        for model, table in zip(peers, now, strict=True):
            model.score_samples(table[-1:])

    mine, other = cpu(ours, 5) / 20, cpu(theirs, 3)
    print(f"\nwarm window: {1e3 * mine:.2f} ms, peer {1e3 * other:.0f} ms, {other / mine:.0f}x")
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
