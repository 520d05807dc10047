"""The three members that people name by hand, held against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as SklearnForest
from sklearn.neighbors import LocalOutlierFactor as SklearnFactor
from sklearn.preprocessing import StandardScaler

from detector_runtime.detectors.isolation_forest import IsolationForest
from detector_runtime.detectors.local_outlier_factor import LocalOutlierFactor
from detector_runtime.detectors.zscore import ZScore

EQUAL = 1e-9


def tables(columns: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(columns)
    train, test = rng.normal(size=(900, columns)), 3 * rng.normal(size=(400, columns))
    if kind == "duplicates":
        train[300:600] = train[:300]
        train[600:640] = train[0]
        test[:200] = train[100:300]
    return train, test


@pytest.mark.parametrize("columns", [1, 2, 8])
@pytest.mark.parametrize("kind", ["distinct", "duplicates"])
def test_the_isolation_forest_scores_as_scikit_learn(columns: int, kind: str) -> None:
    train, test = tables(columns, kind)
    theirs = SklearnForest(n_estimators=200, contamination=0.05, random_state=42).fit(train)
    ours = IsolationForest.learn(train, trees=200, contamination=0.05, seed=42)
    np.testing.assert_allclose(
        ours.score_samples(test), theirs.score_samples(test), rtol=0, atol=EQUAL
    )
    assert ours.threshold == pytest.approx(-theirs.offset_, abs=EQUAL)


@pytest.mark.parametrize("columns", [1, 2, 8])
@pytest.mark.parametrize("kind", ["distinct", "duplicates"])
def test_the_local_outlier_factor_scores_as_scikit_learn(columns: int, kind: str) -> None:
    train, test = tables(columns, kind)
    theirs = SklearnFactor(n_neighbors=20, contamination=0.05, novelty=True).fit(train)
    ours = LocalOutlierFactor.learn(train, neighbours=20, contamination=0.05)
    np.testing.assert_allclose(
        ours.score_samples(test), theirs.score_samples(test), rtol=EQUAL, atol=EQUAL
    )
    assert ours.threshold == pytest.approx(-theirs.offset_, rel=EQUAL)


def test_the_factor_keeps_no_more_rows_than_told_and_says_of_how_many() -> None:
    train, test = tables(2, "distinct")
    ours = LocalOutlierFactor.learn(train, references=300, seed=7)
    assert ours.kept.shape == (2, 300)
    assert ours.sampled_from == 900
    chosen = np.sort(np.random.default_rng(7).choice(900, 300, replace=False))
    theirs = SklearnFactor(n_neighbors=20, novelty=True).fit(train[chosen])
    np.testing.assert_allclose(
        ours.score_samples(test), theirs.score_samples(test), rtol=EQUAL, atol=EQUAL
    )


@pytest.mark.parametrize("hole", [False, True])
def test_the_z_score_is_that_of_the_standard_scaler(hole: bool) -> None:
    train, test = tables(8, "distinct")
    train[:, 3] = 0.1  # constant: scikit-learn gives it a scale of 1
    if hole:
        train[5, 1] = test[7, 2] = np.nan
    theirs = StandardScaler().fit(train)
    ours = ZScore.learn(train)
    np.testing.assert_allclose(ours.transform(test), theirs.transform(test), rtol=0, atol=EQUAL)
    largest = np.nanmax(np.abs(theirs.transform(test)), axis=1)
    np.testing.assert_allclose(ours.score_samples(test), -largest, rtol=0, atol=EQUAL)


def test_a_row_without_a_value_has_no_z_score() -> None:
    train, _ = tables(2, "distinct")
    assert np.isnan(ZScore.learn(train).score_samples(np.full((1, 2), np.nan))).all()


@pytest.mark.parametrize(
    "fitted",
    [
        IsolationForest.learn(tables(3, "distinct")[0], trees=5),
        LocalOutlierFactor.learn(tables(3, "distinct")[0], references=200),
        ZScore.learn(tables(3, "distinct")[0], threshold=2.5),
    ],
    ids=lambda fitted: fitted.name,
)
def test_arrays_give_the_same_member_back(
    fitted: IsolationForest | LocalOutlierFactor | ZScore,
) -> None:
    again = type(fitted).from_arrays(fitted.to_arrays())
    test = tables(3, "distinct")[1]
    np.testing.assert_array_equal(again.score_samples(test), fitted.score_samples(test))
    assert again.threshold == fitted.threshold


def test_a_damaged_factor_is_refused() -> None:
    arrays = LocalOutlierFactor.learn(tables(2, "distinct")[0]).to_arrays()
    with pytest.raises(ValueError, match="900 rows, 899 distances"):
        LocalOutlierFactor.from_arrays({**arrays, "radius": arrays["radius"][:-1]})
    with pytest.raises(ValueError, match="1000 neighbours of 900 kept rows"):
        LocalOutlierFactor.from_arrays({**arrays, "counts": np.array([1000, 900])})
