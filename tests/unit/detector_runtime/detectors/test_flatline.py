"""The detector of values that repeat themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detector_runtime.detectors.flatline import WIDTH, Flatline
from detector_runtime.series.features import Prepared

rng = np.random.default_rng(5)


def rows(z: np.ndarray, first: int = 0) -> Prepared:
    still = np.zeros(len(z), dtype=np.int64)
    return Prepared(z, z, z, still, still.astype(bool), first, 60)


LIVELY = rng.normal(0, 1, (500, 3))
LIVELY[:, 2] = np.repeat(rng.integers(0, 3, 50), 10)  # changes once in ten windows


def fitted() -> Flatline:
    found = Flatline.fit(rows(LIVELY), 0)
    assert found is not None
    return found


def test_a_full_flatline_is_one_and_usual_life_is_far_from_it() -> None:
    z = LIVELY[:80].copy()
    z[40:] = z[39]
    out = fitted().deviation(rows(z))[:, 0]
    assert out[:40].max() < 0.1
    assert out[40 + WIDTH - 1 :].min() > 0.999
    assert (np.diff(out[40 : 40 + WIDTH]) > 0).all()


def test_a_metric_that_mostly_stands_still_weighs_little() -> None:
    z = LIVELY[:60].copy()
    z[20:, 2] = z[19, 2]
    slow = fitted().deviation(rows(z))[-1, 0]
    z = LIVELY[:60].copy()
    z[20:, 0] = z[19, 0]
    assert fitted().deviation(rows(z))[-1, 0] > 4 * slow


def test_missing_values_are_no_flatline() -> None:
    z = LIVELY[:60].copy()
    z[20:40] = np.nan
    out = fitted().deviation(rows(z))[:, 0]
    assert np.isnan(out[20:40]).all()
    assert out[40:].max() < 0.1


def test_rows_scored_alone_get_what_they_get_among_others() -> None:
    z = LIVELY[:80].copy()
    z[50:] = z[49]
    whole = fitted().deviation(rows(z))[:, 0]
    for first in (0, 3, WIDTH, 55, 79):
        part = replace(rows(z), first=first)
        np.testing.assert_allclose(fitted().deviation(part)[:, 0], whole[first:], atol=1e-12)


def test_it_has_nothing_to_say_of_metrics_that_hardly_move() -> None:
    assert Flatline.fit(rows(np.zeros((500, 3))), 0) is None
