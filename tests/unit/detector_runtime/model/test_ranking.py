"""What orders windows: one metric's detectors are averaged, the highest scores still differ."""

from __future__ import annotations

import numpy as np
import pytest

from detector_runtime.model.calibrate import CAP, fit_tails
from detector_runtime.model.ensemble import Surprises

NO_JOINT = np.zeros((0, 1))
NO_WEIGHTS = np.zeros(0)


def test_the_detectors_of_one_metric_are_averaged_and_of_several_squared() -> None:
    one = Surprises(np.array([[[1.0]], [[3.0]]]), NO_JOINT, NO_WEIGHTS)
    assert one.combined() == pytest.approx([2.0])
    two = Surprises(np.array([[[1.0, 1.0]], [[3.0, 3.0]]]), NO_JOINT, NO_WEIGHTS)
    assert two.combined() == pytest.approx([np.sqrt(5.0)])


def test_a_detector_without_a_value_does_not_count() -> None:
    one = Surprises(np.array([[[np.nan]], [[3.0]]]), NO_JOINT, NO_WEIGHTS)
    assert one.combined() == pytest.approx([3.0])
    none = Surprises(np.full((2, 1, 1), np.nan), NO_JOINT, NO_WEIGHTS)
    assert np.isnan(none.combined()).all()


def test_without_a_cap_windows_beyond_it_keep_their_order() -> None:
    tails = fit_tails(np.random.default_rng(1).gamma(2, 1, (2000, 1)))
    far = np.array([[1.0], [1e9], [1e10]])
    assert tails.surprise(far)[1:, 0].tolist() == [CAP, CAP]
    first, second, third = tails.surprise(far, np.inf)[:, 0]
    assert first == tails.surprise(far)[0, 0]
    assert CAP < second < third
