"""The rows that a detector reads before the first one that is scored."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.series.features import Prepared
from detector_runtime.series.frame import Floats

Z = np.column_stack([np.arange(20.0), -np.arange(20.0)])
Z[7, 0] = np.nan


def rows(first: int) -> Prepared:
    still = np.zeros(len(Z), dtype=np.int64)
    return Prepared(Z, Z, Z, still, still.astype(bool), first, 60)


def by_hand(first: int, width: int, limit: float) -> Floats:
    held = Z.copy()
    held[7, 0] = held[6, 0]
    held = np.clip(held, -limit, limit)
    return np.array(
        [
            [[held[max(row - back, 0), one] for back in range(width)[::-1]] for one in (0, 1)]
            for row in range(first, len(Z))
        ]
    )


@pytest.mark.parametrize("first", [0, 1, 4, 8, 19])
@pytest.mark.parametrize("width", [1, 3, 6])
@pytest.mark.parametrize("limit", [5.0, np.inf])
def test_the_past_of_a_row_ends_with_it_and_stands_still_before_the_first(
    first: int, width: int, limit: float
) -> None:
    found = rows(first)
    np.testing.assert_array_equal(found.past(Z, width, limit), by_hand(first, width, limit))
    assert len(found.with_past(Z, width, limit)) == len(Z) - first + width - 1
