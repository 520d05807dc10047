"""What orders windows: the highest scores still differ."""

from __future__ import annotations

import numpy as np

from detector_runtime.model.calibrate import CAP, fit_tails


def test_without_a_cap_windows_beyond_it_keep_their_order() -> None:
    tails = fit_tails(np.random.default_rng(1).gamma(2, 1, (2000, 1)))
    far = np.array([[1.0], [1e9], [1e10]])
    assert tails.surprise(far)[1:, 0].tolist() == [CAP, CAP]
    first, second, third = tails.surprise(far, np.inf)[:, 0]
    assert first == tails.surprise(far)[0, 0]
    assert CAP < second < third
