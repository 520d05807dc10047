"""The metrics of one window as one row, for members that know nothing of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats


def plain_rows(rows: Prepared) -> tuple[Floats, NDArray[np.bool_]]:
    """(scored rows, m) scaled values, the harmless side of one-sided metrics flattened and a
    missing one at its centre, and (scored rows,) whether the window has any value."""
    values = rows.folded[rows.first :]
    missing = np.isnan(values)
    present: NDArray[np.bool_] = np.asarray(~missing.all(axis=1))
    return np.where(missing, 0.0, values), present
