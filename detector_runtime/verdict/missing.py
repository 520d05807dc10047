"""Why a window cannot be judged: too much of its evidence is missing.

A metric that training hardly saw is not missed, and an undefined one (0/0) is no lost data.
"""

from __future__ import annotations

import math

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import NotJudged, Role
from detector_runtime.verdict.window import JudgeContext, Window

STANDARD_ROLES = frozenset(
    {Role.TRAFFIC, Role.LATENCY, Role.ERRORS, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY}
)
MISSING_STANDARD = 3
"""So many standard metrics missing at once point at the monitoring, not at the service."""


def why_inconclusive(context: JudgeContext, window: Window) -> str:
    """The reason; empty where the window can be judged."""
    # A metric that training hardly saw (a service without a database) is not missing, and one that
    # is undefined (0/0) is no lost data: the others judge alone.
    known = context.model.ensemble.scaling.known
    columns = [
        column
        for column in range(len(context.metrics))
        if known[column] and (window.judged[column] or not window.undefined[column])
    ]
    if not columns and any(window.undefined):
        return NotJudged.UNDEFINED
    reason = missing_evidence(
        tuple(context.metrics[column] for column in columns),
        tuple(window.judged[column] for column in columns),
    )
    if not reason and not math.isfinite(window.score):
        return NotJudged.PARTIAL_DATA
    return reason


def missing_evidence(metrics: tuple[MetricSpec, ...], present: tuple[bool, ...]) -> str:
    """Why a window with these metrics present cannot be judged; empty when it can."""
    if not any(present):
        return NotJudged.NO_DATA
    pairs = list(zip(metrics, present, strict=True))
    traffic = [there for metric, there in pairs if metric.role is Role.TRAFFIC]
    if traffic and not any(traffic):
        return NotJudged.TRAFFIC_MISSING
    standard = [there for metric, there in pairs if metric.role in STANDARD_ROLES]
    if standard.count(False) >= MISSING_STANDARD or present.count(False) * 2 > len(present):
        return NotJudged.PARTIAL_DATA
    return ""
