"""`.status.trainingRun` of an AnomalyService as the contract has it: once, and never failing.

A release that is newer or older than this program may have written it, so a field that is absent or
of another type counts as not said.
"""

from __future__ import annotations

from typing import Any

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import part
from detector_runtime.contract.codec import decode
from detector_runtime.contract.training_run import RunState, TrainingRunReport
from detector_runtime.contract.vocabulary import ContractError

_WAITING = {"state": RunState.WAITING.value}


def report_of(service: Raw) -> TrainingRunReport | None:
    """What the service says of its run; None where no pod has reported one yet."""
    raw = part(part(service, "status"), "trainingRun")
    if not raw:
        return None
    readable = {key: value for key, value in raw.items() if _fits({key: value})}
    return decode(TrainingRunReport, _WAITING | readable)


def _fits(field: dict[str, Any]) -> bool:
    try:
        decode(TrainingRunReport, _WAITING | field)
    except ContractError:
        return False
    return True
