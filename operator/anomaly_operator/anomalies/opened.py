"""A service's Anomaly objects as the control of its alert level counts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anomaly_operator.incidents.level_control import Opened
from anomaly_operator.world.objects import AnomalyObject
from detector_runtime.contract.vocabulary import Severity

_SEVERITIES = {severity.value: severity for severity in Severity}


def opened(anomalies: Sequence[AnomalyObject]) -> Iterator[Opened]:
    """Those with a status: an object without one is a moment old and counts from the next day."""
    for anomaly in anomalies:
        severity = _SEVERITIES.get(anomaly.severity)
        if anomaly.confirmed and severity is not None:
            yield Opened(anomaly.confirmed, severity, anomaly.feedback)
