"""Isolation forests, trained by scikit-learn, scored by numpy: equal to it, without its import.

A tree of 256 samples is at most 8 deep, so every tree is laid out as a heap of 255 inner nodes and
256 leaves and a row takes 8 steps, all trees of all forests at once. Each step reads one level of
all trees, which lies together: the upper levels stay in the processor's cache.

scikit-learn compares float32 features with float64 thresholds; `x <= t` for a float32 x is the same
as `x <= t` rounded down to float32, which is how thresholds are stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.detectors.base import Arrays
from detector_runtime.series.frame import Floats

SAMPLES = 256
DEPTH = 8
INNER = 2**DEPTH - 1
EULER_GAMMA = 0.5772156649015329
CHUNK = 2_000_000
"""Cells (rows x trees) walked at a time: bounds the memory of offline scoring."""
_CODE = 512
"""A leaf is stored as depth x 512 + samples, two bytes that give its path length exactly."""


class Forests:
    """`count` forests of `trees` trees each.

    Arrays: `feature` uint8 and `threshold` float32 (count, trees, 255), `leaf` uint16
    (count, trees, 256), `samples` (1,) the rows each tree was grown from.
    """

    __slots__ = ("_arrays", "_leaf", "_levels", "count", "normal", "trees")

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self.count, self.trees = arrays["feature"].shape[:2]
        feature, threshold = arrays["feature"], arrays["threshold"]
        self._levels = []
        for depth in range(DEPTH):
            level = slice(2**depth - 1, 2 ** (depth + 1) - 1)
            self._levels.append(
                (feature[:, :, level].reshape(-1), threshold[:, :, level].reshape(-1))
            )
        self._leaf = arrays["leaf"].reshape(-1).astype(np.uint16)
        self.normal = float(average_path(arrays["samples"])[0])

    def to_arrays(self) -> Arrays:
        return self._arrays

    def score(self, x: NDArray[np.float32]) -> Floats:
        """Isolation score (count, n), in (0, 1), higher = more anomalous, of x (count, n, k)."""
        count, n, _ = x.shape
        rows = max(CHUNK // (count * self.trees), 1)
        parts = [self._walk(x[:, at : at + rows]) for at in range(0, n, rows)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((count, 0))

    def _walk(self, x: NDArray[np.float32]) -> Floats:
        count, n, k = x.shape
        values = np.ascontiguousarray(x).reshape(-1)
        row = (np.arange(count)[:, None, None] * n + np.arange(n)) * k
        node = np.repeat(np.arange(count * self.trees).reshape(count, -1, 1), n, axis=2)
        for feature, threshold in self._levels:
            # take() costs a third of indexing by an array, and few rows are all overhead; for the
            # same reason nodes are numbered through the level of all trees and moved in place.
            column = np.add(feature.take(node), row)
            right = np.greater(values.take(column), threshold.take(node))
            node *= 2
            node += right
        leaf = _PATH.take(self._leaf.take(node))
        out: Floats = np.exp2(-leaf.sum(axis=1) / self.trees / self.normal)
        return out


def average_path(samples: NDArray[Any]) -> Floats:
    """Average path length of an unsuccessful search in a binary tree (Liu, Ting, Zhou 2008)."""
    n = np.maximum(samples.astype(np.float64), 2.0)
    out = 2.0 * (np.log(np.maximum(n - 1.0, 1.0)) + EULER_GAMMA) - 2.0 * (n - 1.0) / n
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, out))


_PATH = np.arange(DEPTH + 1)[:, None] + average_path(np.arange(_CODE))
"""Path length by a leaf's code; so small that it stays in the cache, as the tables do whose numbers
are kept as short as they are stored."""


def grow(features: list[NDArray[np.float32]], trees: int, seed: int) -> Forests:
    """Train one scikit-learn forest per feature table (n, k) and lay them out as heaps."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - fit side only

    samples = min(SAMPLES, *(len(table) for table in features))
    layouts = []
    for offset, table in enumerate(features):
        model = IsolationForest(n_estimators=trees, max_samples=samples, random_state=seed + offset)
        model.fit(table)
        grown = zip(model.estimators_, model.estimators_features_, strict=True)
        layouts.append([_heap(tree.tree_, columns) for tree, columns in grown])
    names = ("feature", "threshold", "leaf")
    arrays: Arrays = {
        name: np.array([[tree[index] for tree in forest] for forest in layouts])
        for index, name in enumerate(names)
    }
    return Forests(arrays | {"samples": np.array([samples], dtype=np.int64)})


def _heap(tree: Any, columns: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    """One scikit-learn tree as (feature, threshold, leaf); short branches go left to the bottom."""
    feature = np.zeros(INNER, dtype=np.uint8)
    threshold = np.full(INNER, np.inf, dtype=np.float32)
    leaf = np.zeros(INNER + 1, dtype=np.uint16)
    # Each look at an attribute of the tree makes a new array.
    lefts, rights = tree.children_left.tolist(), tree.children_right.tolist()
    samples, features = tree.n_node_samples.tolist(), columns[np.maximum(tree.feature, 0)]
    thresholds = _round_down(tree.threshold)
    stack = [(0, 0, 0)]
    while stack:
        node, place, depth = stack.pop()
        left = lefts[node]
        if left < 0:
            bottom = place
            for _ in range(DEPTH - depth):
                bottom = 2 * bottom + 1
            leaf[bottom - INNER] = depth * _CODE + samples[node]
            continue
        feature[place] = features[node]
        threshold[place] = thresholds[node]
        stack += [(left, 2 * place + 1, depth + 1), (rights[node], 2 * place + 2, depth + 1)]
    return feature, threshold, leaf


def _round_down(values: Floats) -> NDArray[np.float32]:
    near = values.astype(np.float32)
    return np.where(near <= values, near, np.nextafter(near, np.float32(-np.inf)))
