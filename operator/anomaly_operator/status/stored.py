"""The operator's part of an AnomalyService's status, as an earlier reconcile left it.

A status of a newer `formatVersion` is not ours to touch: `Status.newer` says so, and the reconcile
stops there and tells it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.incidents import wire
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.slo.budgets import Budget, read_budgets
from anomaly_operator.slo.standing import SLOStanding, read_standing
from anomaly_operator.status.packing import RECORD, Live, joined, opened
from anomaly_operator.training.book import Model, TrainingBook, read
from detector_runtime.contract.vocabulary import ContractError


@dataclass(frozen=True, slots=True)
class Status:
    """What an earlier reconcile left. `incidents` is None when they cannot be read: then they are
    left as they are. `raw` is the document itself, `live` how it is stored.
    """

    raw: Mapping[str, Any] = field(default_factory=dict)
    live: Live = field(default_factory=Live)
    newer: bool = False
    model: Model | None = None
    slo: SLOStanding = field(default_factory=SLOStanding)
    objectives: tuple[Budget, ...] = ()
    training: TrainingBook = field(default_factory=TrainingBook)
    incidents: IncidentState | None = field(default_factory=IncidentState)
    last_training: str = ""
    last_request: str = ""
    state: str = ""

    def condition(self, kind: names.ConditionType) -> Mapping[str, Any]:
        """The condition as it stands, empty when it does not."""
        found = self.raw.get("conditions")
        for entry in found if isinstance(found, list) else ():
            if isinstance(entry, Mapping) and entry.get("type") == kind.value:
                return entry
        return {}


def read_status(text: bytes) -> Status:
    live = opened(json.loads(text)) if text else Live()
    raw = joined(live)
    version = raw.get("formatVersion", 0)
    if isinstance(version, int) and version > names.STATUS_FORMAT_VERSION:
        return Status(raw=raw, live=live, newer=True)
    model = dict(raw.get("model") or {})
    model.pop("pinned", None)
    return Status(
        raw=raw,
        live=live,
        model=read(Model, model),
        slo=read_standing(raw.get("slo")),
        objectives=read_budgets(raw.get("objectives")),
        training=read(TrainingBook, raw.get("training")) or TrainingBook(),
        incidents=None if RECORD in raw else _incidents(raw.get("incidents"), raw.get("expected")),
        last_training=str(raw.get("lastTrainingTime", "")),
        last_request=str(raw.get("lastHandledTrainRequest", "")),
        state=str(raw.get("state", "")),
    )


def _incidents(document: Any, expected: Any) -> IncidentState | None:
    try:
        return wire.parse(document, expected)
    except ContractError:
        return None
