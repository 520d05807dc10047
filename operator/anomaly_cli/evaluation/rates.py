"""F1, precision and recall from counts. A figure that has no denominator is NaN, never zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anomaly_cli.figures import Bools
from detector_runtime.series.frame import Floats


@dataclass(frozen=True, slots=True)
class Rates:
    f1: float
    precision: float
    recall: float


def rates(flagged: Bools, anomalous: Bools) -> Rates:
    """Of one choice on rows (n,)."""
    counts = np.ones((1, len(flagged)))
    found = rates_of(counts, flagged[:, None], anomalous)
    return Rates(*(float(one[0, 0]) for one in found))


def rates_of(counts: Floats, flagged: Bools, anomalous: Bools) -> tuple[Floats, Floats, Floats]:
    """F1, precision and recall, each (t, q): `counts` (t, c) how often each of c cells is there,
    `flagged` (c, q) what q choices say of it, `anomalous` (c,) what it is."""
    hits = counts @ (flagged & anomalous[:, None]).astype(np.float64)
    said = counts @ flagged.astype(np.float64)
    wanted = (counts @ anomalous.astype(np.float64))[:, None]
    return _share(2 * hits, said + wanted), _share(hits, said), _share(hits, wanted)


def _share(part: Floats, whole: Floats) -> Floats:
    part, whole = np.broadcast_arrays(part, whole)
    share: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return share
