"""Which windows the operator would fold into one incident, under the service's own settings.

The rules are those of the operator's life cycle, for one pattern: a test holds the two against
each other. A fit counts thousands of courses, so only spans of rows are kept here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import IncidentSpec

Bools = NDArray[np.bool_]


def incident_spans(
    anomalous: Bools, step: int, rules: IncidentSpec, present: Bools | None = None
) -> list[tuple[int, int]]:
    """Confirmed incidents of consecutive windows (n,) as (row that confirms it, row last seen).

    `present` (n,): windows with a verdict, all without it; the others neither advance nor reset a
    count.
    """
    rows = np.flatnonzero(anomalous)
    judged = np.arange(len(anomalous)) if present is None else np.flatnonzero(present)
    order = np.searchsorted(judged, rows).tolist()
    grace = max(rules.grace_cycles, 1)
    # as the operator does, so that a long step does not end an incident within its grace
    separation = max(rules.separation_seconds, (grace + 1) * step + 1)
    found: list[tuple[int, int]] = []
    confirmed, run, last, last_order = False, 0, 0, 0
    for row, at in zip(rows.tolist(), order, strict=True):
        missed = at - last_order - 1
        goes_on = run > 0 and missed < grace and (row - last) * step <= separation
        if confirmed and missed >= grace:
            closed = int(judged[last_order + grace])
            goes_on = (row - closed) * step <= rules.reopen_seconds
        if confirmed and goes_on:
            found[-1] = (found[-1][0], row)
        else:
            run = run + 1 if goes_on and missed == 0 else 1
            confirmed = run >= rules.confirmation_cycles
            if confirmed:
                found.append((row, row))
        last, last_order = row, at
    return found
