"""Promised and found false incidents: what so few events can show."""

from __future__ import annotations

import numpy as np
import pytest

from anomaly_cli.false_incidents import promises
from anomaly_cli.poisson import exact_interval
from detector_runtime.contract.vocabulary import Severity


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 2.9957), (1, 0.0513, 4.7439), (3, 0.8177, 7.7537), (10, 5.4254, 16.9622)],
)
def test_the_interval_is_garwoods(count: int, low: float, high: float) -> None:
    """Half the quantiles of chi-squared at 5 and 95 %, as tables print them."""
    assert exact_interval(count) == pytest.approx((low, high), abs=1e-3)


def test_many_events_make_a_narrow_interval() -> None:
    low, high = exact_interval(400)
    assert low == pytest.approx(400 - 1.645 * 20, abs=2)
    assert high == pytest.approx(400 + 1.645 * 20, abs=2)


def test_a_promise_is_broken_only_beyond_what_chance_explains() -> None:
    false = [Severity.LOW, Severity.MEDIUM, Severity.MEDIUM, Severity.CRITICAL]
    found = promises(np.array([1.0, 0.5, 0.2, 0.01]), 2.0, false)
    assert [(one.predicted, one.found) for one in found] == [(2, 4), (1, 3), (0.4, 1), (0.02, 1)]
    assert [one.kept for one in found] == [True, True, True, False]
