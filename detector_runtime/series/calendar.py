"""The days of `spec.calendars` on the grid of windows.

Own: days with a usual of their own. Excluded: not judged. Busy: what the SLO and training treat
differently. A window belongs to a span if it shares any time with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import CalendarSpec, Interval
from detector_runtime.contract.vocabulary import DayTreatment
from detector_runtime.series.frame import Ints

Spans = tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Spans by what becomes of them, each with the name of its calendar as reason."""

    own: Spans = ()
    excluded: Spans = ()
    busy: Spans = ()

    @property
    def untrained(self) -> Spans:
        """Spans that training leaves out whatever they hold."""
        return (*self.excluded, *self.busy)


def read_calendar(calendars: Iterable[CalendarSpec]) -> Calendar:
    found: dict[DayTreatment, list[Interval]] = {kind: [] for kind in DayTreatment}
    for one in calendars:
        found[one.treat] += [Interval(span.start, span.end, one.name) for span in one.spans]
    return Calendar(
        own=tuple(found[DayTreatment.OWN_BASELINE]),
        excluded=tuple(found[DayTreatment.EXCLUDE]),
        busy=tuple(found[DayTreatment.BUSY]),
    )


def inside(times: Ints, step: int, spans: Sequence[Interval]) -> NDArray[np.bool_]:
    """(n,): windows (end - step, end] that share any time with a span [start, end)."""
    out = np.zeros(len(times), dtype=bool)
    for span in spans:
        first = int(np.searchsorted(times, span.start, side="right"))
        last = int(np.searchsorted(times, span.end + step, side="left"))
        out[first:last] = True
    return out
