"""Whether a newly found root replaces the one that people have been told.

A cause fades before its effects do, so a root whose incident has ended stays the root, and a
service that finds no other root any more keeps the one that it named.
"""

from __future__ import annotations

from anomaly_operator.incidents.cascade.find import RootCause
from anomaly_operator.incidents.cascade.suspect import ServiceKey

BETTER = 0.15
"""More probability than the named root's that another one needs: figures waver from window to
window, and each regrouping is told."""


def replaces(found: RootCause, named: ServiceKey | None, *, still_running: bool) -> bool:
    """`named`: the root so far, None where none is named; `still_running`: the incident of it that
    was named is not over."""
    if not found.elsewhere or found.root == named:
        return False
    if named is None:
        return True
    if not still_running:
        return False
    share = next((one.probability for one in found.candidates if one.key == named), 0.0)
    return found.probability >= share + BETTER
