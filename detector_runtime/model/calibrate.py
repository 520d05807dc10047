"""Tail probabilities: what a deviation is worth, learned from behaviour taken as normal.

The bulk is the empirical survival function at fixed probabilities; the tail is a generalised
Pareto distribution over a high quantile (peaks over threshold, Pickands 1975), fitted by
probability-weighted moments (Hosking and Wallis 1987), which needs no optimiser. The shape is
kept >= 0: a bounded tail would make every value beyond it equal, and severity would saturate.
This module claims no probability that the sample cannot carry: beyond it, the tail extrapolates
and `CAP` ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.frame import Floats

CAP = 10.0
"""The score's maximum: -log10 of the smallest probability that is told apart."""
UNUSUAL = 1.3
"""Score of a probability of 0.05: below it nothing counts as unusual, and no window alarms."""
SURVIVAL = np.array([1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.035, 0.02])
"""Survival probabilities of the bulk's knots; the last is the tail's threshold (q98)."""
MAX_SHAPE = 0.5
"""Heavier tails (infinite variance) are estimation noise in the samples at hand."""
_BULK = -np.log10(SURVIVAL)
_GAIN = np.diff(_BULK)
CHUNK = 500_000
PRECISION = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """Calibrated tails of `c` channels: `knots` (c, 12) rising quantiles, `sigma` and `xi` (c,)."""

    knots: Floats
    sigma: Floats
    xi: Floats

    def surprise(self, evidence: Floats, cap: float = CAP) -> Floats:
        """-log10 tail probability, 0 .. `cap`, of evidence (n, c); NaN stays NaN."""
        u = self.knots[:, -1]
        excess = np.maximum(evidence - u, 0.0) / self.sigma
        xi = np.maximum(self.xi, 1e-6)
        tail = _BULK[-1] + np.log1p(xi * excess) / xi / np.log(10)
        bulk = self._bulk(evidence)
        out: Floats = np.minimum(np.where(evidence > u, tail, bulk), cap)
        return np.where(np.isnan(evidence), np.nan, out)

    def _bulk(self, evidence: Floats) -> Floats:
        """Linear between the knots, all knots at once; in pieces, to bound memory."""
        low = self.knots[:, :-1]
        width = np.maximum(np.diff(self.knots, axis=1), 1e-12)
        out = np.empty_like(evidence)
        rows = max(CHUNK // low.size, 1)
        for at in range(0, len(evidence), rows):
            share = (evidence[at : at + rows, :, None] - low) / width
            out[at : at + rows] = np.minimum(np.maximum(share, 0.0), 1.0) @ _GAIN
        return out

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"knots": self.knots, "sigma": self.sigma, "xi": self.xi}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Tails:
        return cls(**arrays)  # type: ignore[arg-type]


def fit_tails(evidence: Floats) -> Tails:
    """Calibrate each column of `evidence` (n, c), values >= 0, NaN left out."""
    count = evidence.shape[1]
    knots, sigma, xi = np.zeros((count, len(SURVIVAL))), np.ones(count), np.zeros(count)
    for column in range(count):
        sample = evidence[:, column]
        sample = sample[np.isfinite(sample)]
        if len(sample):
            knots[column] = np.quantile(sample, 1.0 - SURVIVAL)
            sigma[column], xi[column] = pareto(sample, knots[column])
    return Tails(knots, sigma, xi)


def pareto(sample: Floats, knots: Floats) -> tuple[float, float]:
    """Scale and shape of the excesses over the last knot (probability-weighted moments).

    With fewer than 10 excesses (under 500 samples) the tail is exponential, its scale the fall
    from q90 to q98: ln 5 units of it. A degenerate tail takes a share of the threshold itself.
    """
    u = float(knots[-1])
    floor = max(0.05 * u, 1e-6 * max(float(sample.max()), 1e-9), 1e-9)
    excess = np.sort(sample[sample > u] - u)
    count = len(excess)
    if count < 10:
        return max((u - float(knots[7])) / np.log(5.0), floor), 0.1
    b0 = float(excess.mean())
    b1 = float((excess * (count - 1 - np.arange(count))).sum() / (count * (count - 1)))
    if b0 - 2 * b1 <= 1e-12 * b0:
        return max(b0, floor), 0.0
    xi = float(np.clip(2.0 - b0 / (b0 - 2 * b1), 0.0, MAX_SHAPE))
    return max(b0 * (1.0 - xi), floor), xi


def border(tails: Tails, surprise: float) -> float:
    """Evidence of a single channel just below which `surprise` lies, which is one of the bulk."""
    return float(np.interp(surprise - PRECISION, _BULK, tails.knots[0]))
