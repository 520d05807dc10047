"""Whether a newly found root replaces the one that people have been told.

A cause fades before its effects do, so a root whose incident has ended stays the root, and a
service that finds no other root any more keeps the one that it named. All symptoms name one root:
what is itself a symptom is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from anomaly_operator.incidents.cascade.find import NOBODY, CascadeVerdict, RootCause
from anomaly_operator.incidents.cascade.suspect import IncidentRef, ServiceKey

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


def followed(found: RootCause, named: Mapping[ServiceKey, IncidentRef]) -> RootCause:
    """`found`, or the root that the service found names itself; NOBODY where that is the service
    that asks, as in a circle the one that was named first stays. `named`: the roots that other
    services name."""
    if found.root is None or not found.elsewhere or found.root not in named:
        return found
    root = named[found.root]
    if root.service == found.path[0]:
        return NOBODY
    known = next((one.path for one in found.candidates if one.key == root.service), ())
    path = known or (*found.path, root.service)
    return replace(
        found,
        root=root.service,
        anomaly=root.anomaly,
        path=path,
        verdict=CascadeVerdict.CHAIN_DEGRADED if len(path) > 2 else found.verdict,
    )
