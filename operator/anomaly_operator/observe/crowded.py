"""Tells the administrator of namespaces whose children find no room: once an hour for each, however
many there are.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from anomaly_operator.telemetry import logs
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import Meta

PERIOD = 3600.0
_HINT = (
    "its objects with the label of a service take more than 4 MiB and 64 KiB for each of its "
    "services; delete what the operator did not make, or limit objects with a ResourceQuota"
)

logger = logging.getLogger(__name__)


class Crowded:
    """Called for each child that is left out."""

    def __init__(self, metrics: Metrics, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._told: dict[str, float] = {}

    def __call__(self, meta: Meta) -> None:
        self._metrics.leave_out(meta.kind)
        now = self._monotonic()
        if now - self._told.get(meta.namespace, -PERIOD) < PERIOD:
            return
        self._told[meta.namespace] = now
        logs.event(
            logger,
            logging.WARNING,
            "namespace holds too much",
            namespace=meta.namespace,
            kind=meta.kind,
            name=meta.name,
            hint=_HINT,
        )
