"""Candidates that several fits of the same windows share.

Settings that differ in the alert level, in what makes an incident or in what is judged beside the
model learn the same detectors, and learning is most of a fit. A candidate is a function of its
arguments, so one that is kept by all of them is the one that would be fitted: nothing is decided
here on which settings matter.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from detector_runtime.fitting.candidate import Candidate, Learning, candidate
from detector_runtime.fitting.members import Choice
from detector_runtime.series.frame import Frame

OF_ONE_FIT = 3
"""The first look, the one that is tested and the one that serves."""
_Key = tuple[bytes, Learning, Choice, tuple[str, ...]]


class SharedCandidates:
    """A `Fit` that keeps the last `count` candidates: enough for fits of the same windows one
    after the other."""

    def __init__(self, count: int = OF_ONE_FIT) -> None:
        self._count = count
        self._kept: OrderedDict[_Key, Candidate] = OrderedDict()

    def __call__(
        self,
        frame: Frame,
        trimmed: NDArray[np.bool_],
        learning: Learning,
        choice: Choice,
        order: tuple[str, ...] = (),
    ) -> Candidate:
        key = (_digest(frame, trimmed), learning, choice, order)
        found = self._kept.get(key)
        if found is None:
            found = candidate(frame, trimmed, learning, choice, order)
        self._kept[key] = found
        self._kept.move_to_end(key)
        if len(self._kept) > self._count:
            self._kept.popitem(last=False)
        return found


def _digest(frame: Frame, trimmed: NDArray[np.bool_]) -> bytes:
    """SHA-256 of all that a candidate reads of its windows."""
    found = hashlib.sha256(repr((frame.values.shape, frame.names, frame.step)).encode())
    undefined = np.zeros(0, bool) if frame.undefined is None else frame.undefined
    for part in (frame.times, frame.values, undefined, trimmed):
        found.update(np.ascontiguousarray(part).tobytes())
    return found.digest()
