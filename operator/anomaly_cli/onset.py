"""One number a window for measures that pay for the first sign of trouble and fine each later one.

The product's score is averaged over the last windows and calibrated, so it stays high as long as
trouble lasts: right for an incident, wrong for a threshold that counts every window on its own.
"""

from __future__ import annotations

import numpy as np

from detector_runtime.series.frame import Floats

FADE_SECONDS = 86_400
"""After a day what was seen has faded to 1/e. Chosen on the NAB recordings, where half a day to two
days differ little."""


def onset_score(evidence: Floats, step: int) -> Floats:
    """(n,): the evidence of each window by itself where it is more than what the windows before it
    have left, else 0. Causal; a window without evidence has 0 and changes nothing."""
    kept = float(np.exp(-step / FADE_SECONDS))
    out = np.zeros(len(evidence))
    left = 0.0
    for row, value in enumerate(evidence.tolist()):
        if value > left:
            out[row] = left = value
        else:
            left *= kept
    return out
