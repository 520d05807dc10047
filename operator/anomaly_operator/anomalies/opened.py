"""A service's Anomaly objects as the control of its alert level counts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anomaly_operator.api.names import LABEL_PATTERN
from anomaly_operator.incidents.level_control import Opened
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.objectives import ERROR_BUDGET_BURN
from detector_runtime.contract.vocabulary import Severity

_SEVERITIES = {severity.value: severity for severity in Severity}


def opened(anomalies: Sequence[AnomalyObject]) -> Iterator[Opened]:
    """Those with a status: an object without one is a moment old and counts from the next day. An
    incident that a burning budget opened says nothing of the level, which cannot prevent it."""
    for anomaly in anomalies:
        severity = _SEVERITIES.get(anomaly.severity)
        burnt = anomaly.meta.labels.get(LABEL_PATTERN) == ERROR_BUDGET_BURN
        if anomaly.confirmed and severity is not None and not burnt:
            yield Opened(anomaly.confirmed, severity, anomaly.feedback)
