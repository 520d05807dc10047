"""The numpy forest against scikit-learn itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from detector_runtime.detectors.forest import average_path, grow


@pytest.mark.parametrize("rows", [120, 256, 3000])
@pytest.mark.parametrize("columns", [1, 5])
def test_scores_equal_scikit_learn_within_1e_9(rows: int, columns: int) -> None:
    rng = np.random.default_rng(rows + columns)
    train = rng.normal(size=(rows, columns)).astype(np.float32)
    test = np.vstack([rng.normal(size=(500, columns)) * 3, train[:200]]).astype(np.float32)
    peer = IsolationForest(n_estimators=50, max_samples=min(256, rows), random_state=7).fit(train)
    ours = grow([train], trees=50, seed=7)
    np.testing.assert_allclose(ours.score(test[None])[0], -peer.score_samples(test), atol=1e-9)


def test_values_exactly_at_a_threshold_take_scikit_learns_side() -> None:
    train = np.repeat(np.arange(20, dtype=np.float32), 20)[:, None] / 7
    peer = IsolationForest(n_estimators=30, max_samples=256, random_state=1).fit(train)
    edges = np.unique(np.concatenate([t.tree_.threshold for t in peer.estimators_]))
    test = edges.astype(np.float32)[:, None]
    ours = grow([train], trees=30, seed=1)
    np.testing.assert_allclose(ours.score(test[None])[0], -peer.score_samples(test), atol=1e-9)


def test_several_forests_are_walked_at_once_and_stay_apart() -> None:
    rng = np.random.default_rng(3)
    tables = [rng.normal(size=(400, 3)).astype(np.float32) + shift for shift in (0, 50)]
    both = grow(tables, trees=20, seed=5)
    alone = grow([tables[1]], trees=20, seed=6)
    x = np.stack([tables[0][:9], tables[1][:9]])
    np.testing.assert_array_equal(both.score(x)[1], alone.score(x[1:])[0])


def test_average_path_length_is_that_of_the_paper() -> None:
    expected = [0.0, 1.0, 2 * (np.log(2) + 0.5772156649015329) - 4 / 3]
    np.testing.assert_allclose(average_path(np.array([1, 2, 3])), expected)
