"""The forest over all metrics sees combinations that are rare, not values."""

from __future__ import annotations

import numpy as np

from detector_runtime.detectors.joint_forest import JointForest
from detector_runtime.series.features import Prepared

ROWS = 600


def prepared(z: np.ndarray) -> Prepared:
    n = len(z)
    zeros = np.zeros(n, dtype=np.int64)
    return Prepared(z, z, z, zeros, zeros.astype(bool), 0, 60)


def pair(seed: int = 1) -> np.ndarray:
    """Two metrics that go together."""
    level = np.random.default_rng(seed).normal(size=ROWS)
    return np.stack([level, level + 0.05 * np.random.default_rng(seed + 1).normal(size=ROWS)], 1)


def test_a_rare_combination_of_ordinary_values_stands_out() -> None:
    forest = JointForest.fit(prepared(pair()), seed=42)
    assert forest is not None
    usual = forest.deviation(prepared(pair(seed=5)))[:, 0]
    odd = forest.deviation(prepared(np.array([[2.0, -2.0], [-2.0, 2.0]])))[:, 0]
    assert odd.min() > np.quantile(usual, 0.95)


def test_restlessness_within_the_usual_range_stands_out() -> None:
    wave = np.sin(np.arange(ROWS) / 40)
    calm = np.stack([wave, wave], 1) + 0.05 * pair()
    forest = JointForest.fit(prepared(calm), seed=42)
    assert forest is not None
    restless = np.tile([[0.5, 0.5], [-0.5, -0.5]], (20, 1))
    usual = forest.deviation(prepared(calm))[:, 0]
    assert forest.deviation(prepared(restless))[10:, 0].min() > np.quantile(usual, 0.9)


def test_one_missing_metric_leaves_a_score_and_none_at_all_leaves_none() -> None:
    forest = JointForest.fit(prepared(pair()), seed=42)
    assert forest is not None
    got = forest.deviation(prepared(np.array([[0.0, np.nan], [np.nan, np.nan]])))[:, 0]
    assert np.isfinite(got[0])
    assert np.isnan(got[1])


def test_it_has_nothing_to_say_of_one_metric_or_of_few_rows() -> None:
    assert JointForest.fit(prepared(pair()[:, :1]), seed=42) is None
    assert JointForest.fit(prepared(pair()[:50]), seed=42) is None


def test_it_comes_back_from_its_arrays_as_it_was() -> None:
    forest = JointForest.fit(prepared(pair()), seed=42)
    assert forest is not None
    rows = prepared(pair(seed=9))
    again = JointForest.from_arrays(forest.to_arrays())
    np.testing.assert_array_equal(again.deviation(rows), forest.deviation(rows))
