"""What a metric shows beyond what the others explain: the residual of a principal-component model.

The components that carry 99 % of the variance are what usually moves together. Each metric's
residual is judged on its own, which also says who broke the correlation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from detector_runtime.detectors.base import Arrays
from detector_runtime.features import Prepared
from detector_runtime.series import Floats

VARIANCE = 0.99
MAX_INPUT = 10.0
"""Clip before the projection: one broken metric must not show up in all the others' residuals."""


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalComponents:
    """`mean`, `unit` (m,) of the scaled values; `basis` (m, k) orthonormal columns."""

    mean: Floats
    unit: Floats
    basis: Floats
    name: ClassVar[str] = "principal-components"
    joint: ClassVar[bool] = False
    multivariate: ClassVar[bool] = True
    history: ClassVar[int] = 0

    @classmethod
    def fit(cls, rows: Prepared, seed: int) -> Self | None:  # noqa: ARG003
        z = np.clip(rows.scored, -MAX_INPUT, MAX_INPUT)
        m = z.shape[1]
        whole = np.isfinite(z).all(axis=1)
        if m < 2 or whole.sum() < 20 * m:
            return None
        mean = z[whole].mean(axis=0)
        unit = np.maximum(z[whole].std(axis=0), 0.1)
        y = (z[whole] - mean) / unit
        values, vectors = np.linalg.eigh(y.T @ y / len(y))
        share = np.cumsum(values[::-1]) / max(values.sum(), 1e-12)
        kept = min(int(np.searchsorted(share, VARIANCE)) + 1, m - 1)
        return cls(mean, unit, np.ascontiguousarray(vectors[:, ::-1][:, :kept]))

    def deviation(self, rows: Prepared) -> Floats:
        """A missing metric stands at its mean for the others' sake and gets no score itself."""
        z = rows.scored
        y = np.nan_to_num((np.clip(z, -MAX_INPUT, MAX_INPUT) - self.mean) / self.unit)
        residual: Floats = y - (y @ self.basis) @ self.basis.T
        return np.where(np.isnan(z), np.nan, residual)

    def to_arrays(self) -> Arrays:
        return {"mean": self.mean, "unit": self.unit, "basis": self.basis}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        return cls(**arrays)  # type: ignore[arg-type]
