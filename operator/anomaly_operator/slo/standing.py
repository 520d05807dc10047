"""What `.status.slo` says of the newest window, with figures that stay until what they say changes.

Values move with each window, and a write for each would cost as many writes as there are windows.
So status, metric, bound and figures are those of the window in which the metric came to decide the
status, and the text names that window. They change when the status does, when the metric that
decided it no longer has that status, or when its bound changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import SLOEvaluation
from detector_runtime.contract.vocabulary import ContractError, SLOStatus


@dataclass(frozen=True, slots=True)
class SLOStanding:
    """`.status.slo`. `metric`, `bound`: what decided the status; `explanation`: with the figures of
    the window that ended at `at` (ISO 8601), or why nothing was evaluated.
    """

    omit_empty: ClassVar[bool] = True

    status: SLOStatus = SLOStatus.UNKNOWN
    policy: str = ""
    metric: str = ""
    bound: str = ""
    explanation: str = ""
    at: str = ""


def next_standing(before: SLOStanding, found: SLOEvaluation, policy: str, end: str) -> SLOStanding:
    """The standing after the window that ended at `end`, of which `found` is the evaluation against
    the SLOPolicy named `policy`."""
    if not found.metric:
        return SLOStanding(found.status, policy, explanation=found.explanation)
    if (before.status, before.policy) == (found.status, policy) and _holds(before, found):
        return before
    return SLOStanding(found.status, policy, found.metric, found.bound, found.explanation, end)


def _holds(before: SLOStanding, found: SLOEvaluation) -> bool:
    """Whether the metric that decided before still has the status, by the same bound."""
    if found.metric == before.metric:
        return found.bound == before.bound
    return any(row.metric == before.metric and row.status is found.status for row in found.metrics)


def read_standing(document: Any) -> SLOStanding:
    """From `.status.slo` as any version wrote it; an unreadable one counts as none."""
    if not isinstance(document, Mapping):
        return SLOStanding()
    try:
        return decode(SLOStanding, document)
    except ContractError:
        return SLOStanding()


def write_standing(standing: SLOStanding) -> dict[str, Any]:
    """JSON without its empty fields."""
    written: dict[str, Any] = encode(standing)
    return written
