"""Innovations: what no metric's past explains, all metrics together."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.detectors.innovations import MIN_METRICS, WIDTH, Innovations
from detector_runtime.detectors.mahalanobis import Mahalanobis
from detector_runtime.series.features import Prepared

ROWS = 3000


def prepared(z: np.ndarray, first: int = 0) -> Prepared:
    zeros = np.zeros(len(z), dtype=np.int64)
    return Prepared(z, z, z, zeros, zeros.astype(bool), first, 60)


def wandering(seed: int) -> np.ndarray:
    """Metrics that wander slowly, with moves in common."""
    noise = np.random.default_rng(seed).normal(size=(ROWS, MIN_METRICS + 1))
    moves = 0.95 * noise[:, :1] + 0.3 * noise[:, 1:]
    out = np.zeros(moves.shape)
    for row in range(1, ROWS):
        out[row] = 0.97 * out[row - 1] + 0.2 * moves[row]
    return out


@pytest.fixture(scope="module")
def fitted() -> Innovations:
    found = Innovations.fit(prepared(wandering(1)), seed=42)
    assert found is not None
    return found


def test_a_move_within_the_usual_range_stands_out_where_the_level_does_not(
    fitted: Innovations,
) -> None:
    rows = wandering(2)
    level = Mahalanobis.fit(prepared(wandering(1)), seed=42)
    assert level is not None
    row = 1000 + int(np.abs(rows[1000:2000] + 0.6).sum(axis=1).argmin())
    broken = rows.copy()
    broken[row:] += 1.2  # from one usual level to another within one window
    for detector, finds in ((fitted, True), (level, False)):
        usual = detector.deviation(prepared(rows))[:, 0]
        found = detector.deviation(prepared(broken))[row, 0]
        assert (found > np.quantile(usual, 0.999)) == finds


def test_a_level_that_stays_is_news_only_once(fitted: Innovations) -> None:
    rows = wandering(2)
    moved = rows.copy()
    moved[2000:] += 3.0
    usual = fitted.deviation(prepared(rows))[:, 0]
    found = fitted.deviation(prepared(moved))[:, 0]
    assert found[2000 : 2000 + WIDTH].min() > np.quantile(usual, 0.999)
    assert found[2100:].mean() < 1.5 * usual[2100:].mean()


def test_a_window_has_the_same_distance_alone_as_among_others(fitted: Innovations) -> None:
    rows = wandering(3)
    whole = fitted.deviation(prepared(rows, 500))
    last = fitted.deviation(prepared(rows[-fitted.history - 1 :], fitted.history))
    assert last[-1] == pytest.approx(whole[-1])


def test_a_missing_metric_stands_at_its_mean_and_no_metric_has_no_distance(
    fitted: Innovations,
) -> None:
    rows = wandering(4)
    rows[-2, 0] = np.nan
    rows[-1] = np.nan
    found = fitted.deviation(prepared(rows))[:, 0]
    assert np.isfinite(found[:-1]).all()
    assert np.isnan(found[-1])


def test_it_has_nothing_to_say_of_few_metrics_or_of_few_rows() -> None:
    assert Innovations.fit(prepared(wandering(1)[:, 1:]), seed=42) is None
    assert Innovations.fit(prepared(wandering(1)[:60]), seed=42) is None


def test_it_comes_back_from_its_arrays_as_it_was(fitted: Innovations) -> None:
    rows = prepared(wandering(5), 100)
    again = Innovations.from_arrays(fitted.to_arrays())
    np.testing.assert_array_equal(again.deviation(rows), fitted.deviation(rows))
