"""What others would have used: each peer learns from a training part and scores what follows.

A peer is a function (train (n, m), train times, seed) -> scorer, and a scorer a function
(values (k, m), times, first) -> raw score of the rows from `first` on, higher = more anomalous.
Holes are filled forward for them, as their libraries ask. Every scorer is causal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pyod.models.knn import KNN
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.model.calibrate import fit_tails
from detector_runtime.series.features import Prepared, clock, learn_scaling, trailing
from detector_runtime.series.frame import Floats, Frame, Ints

Scorer = Callable[[Floats, Ints, int], Floats]
Peer = Callable[[Floats, Ints, int], Scorer]


def plain_forest(train: Floats, times: Ints, seed: int) -> Scorer:
    """scikit-learn's IsolationForest on raw rows."""
    model = IsolationForest(n_estimators=200, random_state=seed).fit(train)
    return lambda values, _times, first: -model.score_samples(values[first:])


def period_forests(train: Floats, times: Ints, seed: int) -> Scorer:
    """Five periods apart, per metric a forest on value and rolling features, scaled
    robustly, calibrated on the last 20 %; several metrics: the most unusual of all models."""
    step = int(times[1] - times[0])
    period = _period(times, step)
    tables = [_rolling(train[:, [column]]) for column in range(train.shape[1])]
    tables += [train] if train.shape[1] > 1 else []
    models: dict[int, list[tuple[object, Floats, Floats, Floats]]] = {}
    for part in range(5):
        where = np.flatnonzero(period == part)
        if len(where) < 50:
            continue
        cut = int(0.8 * len(where))
        models[part] = []
        for table in tables:
            centre = np.median(table[where[:cut]], axis=0)
            width = np.subtract(*np.percentile(table[where[:cut]], [75, 25], axis=0))
            width[width <= 0] = 1.0
            forest = IsolationForest(n_estimators=100, random_state=seed)
            forest.fit((table[where[:cut]] - centre) / width)
            held = np.sort(-forest.score_samples((table[where[cut:]] - centre) / width))
            models[part].append((forest, centre, width, held))

    def scorer(values: Floats, stamps: Ints, first: int) -> Floats:
        parts = _period(stamps[first:], step)
        out = np.zeros(len(values) - first)
        inputs = [_rolling(values[:, [column]])[first:] for column in range(values.shape[1])]
        inputs += [values[first:]] if values.shape[1] > 1 else []
        for part, fitted in models.items():
            where = np.flatnonzero(parts == part)
            for table, (forest, centre, width, held) in zip(inputs, fitted, strict=True):
                if len(where):
                    raw = -forest.score_samples((table[where] - centre) / width)  # type: ignore[attr-defined]
                    rank = np.searchsorted(held, raw) / max(len(held), 1)
                    out[where] = np.maximum(out[where], rank + 0.1 * raw)
        return out

    return scorer


def _period(times: Ints, step: int) -> Ints:
    """Business hours, evening, night, weekend day, weekend night as 0 .. 4."""
    hour = (times - step) % 86_400 / 3600
    weekend = clock(times, step, "UTC")[1]
    work = np.where((hour >= 8) & (hour < 18), 0, np.where((hour >= 18) & (hour < 22), 1, 2))
    return np.where(weekend, np.where((hour >= 8) & (hour < 22), 3, 4), work)


def _rolling(values: Floats) -> Floats:
    long = trailing(values, 15, 0)
    near = long[:, :, -5:]
    parts = [long[:, :, -1], near.mean(2), near.std(2), long.mean(2), long.std(2)]
    return np.concatenate(parts, axis=1)


def pca_residual(train: Floats, times: Ints, seed: int) -> Scorer:
    """Squared reconstruction error beyond 99 % of the variance; one metric: of windows of ten."""
    mean, unit = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    width = 10 if train.shape[1] == 1 else 1

    def table(values: Floats, first: int) -> Floats:
        scaled = np.clip((values - mean) / unit, -20, 20)
        return trailing(scaled, width, first).reshape(len(values) - first, -1)

    x = table(train, 0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(x.T)))
    share = np.cumsum(values[::-1]) / max(values.sum(), 1e-12)
    basis = vectors[:, ::-1][:, : min(int(np.searchsorted(share, 0.99)) + 1, x.shape[1] - 1)]

    def scorer(values: Floats, _times: Ints, first: int) -> Floats:
        y = table(values, first)
        return ((y - y @ basis @ basis.T) ** 2).sum(axis=1)

    return scorer


def seasonal_mad(train: Floats, times: Ints, seed: int) -> Scorer:
    """Time-of-day median and MAD; the mean over metrics of the tail surprise."""
    return _tails(train, times, [_seasonal_deviation])


def combination(train: Floats, times: Ints, seed: int) -> Scorer:
    """The mean over metrics of the tails of seasonal, AR(5) and PCA residual, three-point mean."""
    parts = [_seasonal_deviation, _ar_deviation]
    parts += [_pca_deviation] if train.shape[1] > 1 else []
    raw = _tails(train, times, parts)

    def scorer(values: Floats, stamps: Ints, first: int) -> Floats:
        lead = min(2, first)
        score = raw(values, stamps, first - lead)
        padded = np.concatenate([np.repeat(score[:1], 2 - lead), score])
        return np.convolve(padded, np.ones(3) / 3, mode="valid")

    return scorer


Deviation = Callable[[Floats, Ints, int], Floats]


def _tails(train: Floats, times: Ints, parts: list[Callable[[Floats, Ints], Deviation]]) -> Scorer:
    fitted = []
    for part in parts:
        deviation = part(train, times)
        fitted.append((deviation, fit_tails(deviation(train, times, 0))))

    def scorer(values: Floats, stamps: Ints, first: int) -> Floats:
        found = [tails.surprise(d(values, stamps, first)).mean(axis=1) for d, tails in fitted]
        return np.mean(found, axis=0)

    return scorer


def _seasonal_deviation(train: Floats, times: Ints) -> Deviation:
    step = int(times[1] - times[0])
    names = tuple(str(column) for column in range(train.shape[1]))
    specs = [MetricSpec(n, Role.CUSTOM, "", Unit.NONE, Direction.BOTH) for n in names]
    scaling = learn_scaling(Frame(times, train, names, step), specs, "UTC")
    table = Seasonal.fit(scaling.prepare(Frame(times, train, names, step)), 0)

    def deviation(values: Floats, stamps: Ints, first: int) -> Floats:
        rows: Prepared = table.apply(scaling.prepare(Frame(stamps, values, names, step)))
        return np.abs(rows.residual[first:])

    return deviation


def _ar_deviation(train: Floats, times: Ints) -> Deviation:
    mean, unit = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)

    def table(values: Floats, first: int) -> Floats:
        scaled = np.clip((values - mean) / unit, -20, 20)
        return trailing(scaled, 6, first)

    x = table(train, 0)
    weights = []
    for column in range(train.shape[1]):
        past = np.column_stack([x[:, column, :5], np.ones(len(x))])
        gram = past.T @ past + 1e-3 * len(x) * np.eye(6)
        weights.append(np.linalg.solve(gram, past.T @ x[:, column, 5]))
    w = np.array(weights)

    def deviation(values: Floats, _times: Ints, first: int) -> Floats:
        y = table(values, first)
        return np.abs(y[:, :, 5] - np.einsum("nml,ml->nm", y[:, :, :5], w[:, :5]) - w[:, 5])

    return deviation


def _pca_deviation(train: Floats, times: Ints) -> Deviation:
    scorer = pca_residual(train, times, 0)
    return lambda values, stamps, first: scorer(values, stamps, first)[:, None]


def kmeans_windows(train: Floats, times: Ints, seed: int) -> Scorer:
    """Distance of windows of ten to the nearest of 50 centres."""
    mean, unit = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)

    def table(values: Floats, first: int) -> Floats:
        scaled = np.clip((values - mean) / unit, -20, 20)
        return trailing(scaled, 10, first).reshape(len(values) - first, -1)

    x = _sample(table(train, 0), seed)
    clusters = max(min(50, len(np.unique(x, axis=0)) // 2), 1)
    model = KMeans(clusters, n_init=1, random_state=seed, max_iter=50).fit(x)
    return lambda values, _times, first: model.transform(table(values, first)).min(axis=1)


def pyod_knn(train: Floats, times: Ints, seed: int) -> Scorer:
    """pyod's KNN (5 neighbours, largest distance), the best single library detector of the
    research: on scaled rows, for one metric on windows of ten."""
    mean, unit = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    width = 10 if train.shape[1] == 1 else 1

    def table(values: Floats, first: int) -> Floats:
        scaled = np.clip((values - mean) / unit, -20, 20)
        return trailing(scaled, width, first).reshape(len(values) - first, -1)

    model = KNN(n_neighbors=5).fit(_sample(table(train, 0), seed))
    return lambda values, _times, first: model.decision_function(table(values, first))


def _sample(x: Floats, seed: int) -> Floats:
    if len(x) <= 4000:
        return x
    return x[np.random.default_rng(seed).choice(len(x), 4000, replace=False)]


PEERS: dict[str, Peer] = {
    "plain isolation forest": plain_forest,
    "five period forests": period_forests,
    "PCA residual": pca_residual,
    "seasonal median/MAD": seasonal_mad,
    "combination": combination,
    "k-means windows": kmeans_windows,
    "pyod KNN": pyod_knn,
}
