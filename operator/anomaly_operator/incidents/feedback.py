"""The two questions that training and the Anomaly objects both ask of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomaly_operator.incidents.state import Verdict

_VERDICTS = {verdict.value: verdict for verdict in Verdict}


def verdict_of(spec: Mapping[str, Any]) -> Verdict | None:
    """The verdict in an Anomaly's spec, None where there is none."""
    return _VERDICTS.get(str((spec.get("feedback") or {}).get("verdict", "")))


def learned(first_seen: int, last_seen: int, learn_after_seconds: int) -> bool:
    """Whether an incident has lasted so long that training takes its level for the new normal."""
    return last_seen - first_seen > learn_after_seconds
