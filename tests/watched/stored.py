"""An AnomalyService of a real API server with what its records hold, for tests that look inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.status.packing import whole_form
from detector_runtime.contract.record import whole_detection


def whole_status(raw: Mapping[str, Any]) -> dict[str, Any]:
    """`.status` of the object as the operator reads it."""
    status = whole_form(dict(raw.get("status") or {}))
    if "detection" in status:
        status["detection"] = whole_detection(status["detection"])
    return status
