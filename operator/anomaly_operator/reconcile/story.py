"""The parts of an incident's story that need more than its own windows, in the order they are told.

A later part may build on what an earlier one found.
"""

from __future__ import annotations

from anomaly_operator.anomalies.story import Part
from anomaly_operator.reconcile.situation import Situation


def parts(situation: Situation) -> tuple[Part, ...]:
    """For the incidents of one service."""
    del situation
    return ()
