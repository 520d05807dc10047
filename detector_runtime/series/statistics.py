"""What training remembers of each metric for people and for the injected faults: its usual values.
No detector reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.features import IQR_TO_SIGMA
from detector_runtime.series.frame import Floats

TRIM = 0.01
"""Share cut from each end for the mean, so that a few wild values do not move it."""
PERCENTILES = np.array([0, 0.1, 1, 5, 10, 20, 25, 50, 75, 80, 90, 95, 99, 99.9, 100])
STILL = 0.2
ZERO_NORMAL = 0.95
"""Share of zeros from which a metric's normal value is zero and any other is an activation."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Per metric (m,), in its own unit: trimmed `mean`, robust `std` (IQR / 1.349, the plain one
    where that is 0), `p95`, `quantiles` (m, 15) at PERCENTILES, `zero_normal`, `restless` (its
    value hardly ever stays the same for a while, so a flatline would be a fault), `samples`.
    """

    mean: Floats
    std: Floats
    quantiles: Floats
    zero_normal: NDArray[np.bool_]
    restless: NDArray[np.bool_]
    samples: NDArray[np.int64]

    @property
    def p95(self) -> Floats:
        return self.quantiles[:, 11]

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "mean": self.mean,
            "std": self.std,
            "quantiles": self.quantiles,
            "zero_normal": self.zero_normal,
            "restless": self.restless,
            "samples": self.samples,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Statistics:
        return cls(**arrays)  # type: ignore[arg-type]


def metric_statistics(values: Floats) -> Statistics:
    """Statistics of values (n, m), NaN left out; a metric without values is all zero."""
    m = values.shape[1]
    mean, std, zero = np.zeros(m), np.zeros(m), np.zeros(m, dtype=bool)
    restless = np.zeros(m, dtype=bool)
    quantiles, samples = np.zeros((m, len(PERCENTILES))), np.zeros(m, dtype=np.int64)
    for column in range(m):
        present = np.sort(values[np.isfinite(values[:, column]), column])
        count = samples[column] = len(present)
        if count == 0:
            continue
        cut = int(count * TRIM)
        quantiles[column] = np.percentile(present, PERCENTILES)
        mean[column] = present[cut : count - cut].mean()
        width = float(quantiles[column, 8] - quantiles[column, 6]) / IQR_TO_SIGMA
        std[column] = width if width > 0 else _deviation(present)
        zero[column] = np.count_nonzero(present == 0) >= ZERO_NORMAL * count
        restless[column] = _restless(values[:, column])
    return Statistics(mean, std, quantiles, zero, restless, samples)


def _deviation(present: Floats) -> float:
    """Standard deviation of sorted values; squares of garbage of 1e300 must not overflow."""
    peak = max(abs(float(present[0])), abs(float(present[-1])), 1e-300)
    return float((present / peak).std()) * peak


def _restless(series: Floats) -> bool:
    """Two neighbouring values are equal in at most one case of five."""
    present = series[np.isfinite(series)]
    return len(present) > 1 and float(np.mean(np.diff(present) == 0)) <= STILL
