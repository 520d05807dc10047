"""The status of a service as it is stored: what people read as fields, the rest as one record.

`kubectl describe` prints every field on a line of its own, and a person has two screens. So what
only this program reads back (tracked incidents, the book of trainings, parts of the model) stands
in `workingState`, behind the summary, and conditions that warn of something are listed while they
do. Nothing is decided here, nothing is lost, and statuses of earlier releases, which have all of
it in fields, are read as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api.conditions import Truth, ordered
from anomaly_operator.api.names import ConditionType
from anomaly_operator.api.text import cut
from detector_runtime.contract.record import packed, unpacked
from detector_runtime.contract.vocabulary import ContractError

RECORD = "workingState"
QUIET = {
    ConditionType.RECONCILING.value: Truth.FALSE.value,
    ConditionType.STALLED.value: Truth.FALSE.value,
    ConditionType.DRIFTED.value: Truth.FALSE.value,
    ConditionType.BASELINE_SHIFTED.value: Truth.FALSE.value,
    ConditionType.DEPENDENCIES_RESOLVED.value: Truth.TRUE.value,
    ConditionType.PATTERNS_RESOLVED.value: Truth.TRUE.value,
}
"""Conditions that are listed while they warn of something, and the status in which they do not.
Tools that read Reconciling and Stalled (kstatus) take an absent one for False."""
_EARLIER = "earlier"
_DETECTORS = "detectors"
_MAX_DETECTORS = 256
_MAX_EARLIER = 2048
_WHOLE = ("training",)
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "falseIncidents": ("toleratedPerWeek", "observedPerWeek", "levelOffset"),
    "incidents": ("open", "suspected", "recovering"),
    "model": ("revision", "trainedAt", "grade", "expectedPerWeek", "provisional", "pinned"),
    "references": ("trainingJob", "inferenceCronJob"),
    "slo": ("status",),
}
"""Of each part the fields that people and columns read; one that is 0 or false goes without saying,
but for the number of open incidents."""


@dataclass(frozen=True, slots=True)
class Live:
    """A stored status as it is, and what its record holds; None where none can be read."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None


def opened(stored: Mapping[str, Any]) -> Live:
    """The record is unpacked once, as that takes longer than all else."""
    text = stored.get(RECORD)
    if not isinstance(text, str):
        return Live(stored)
    try:
        return Live(stored, unpacked(text, f"status.{RECORD}"))
    except ContractError:
        return Live(stored)


def stored_form(status: Mapping[str, Any], live: Live | None = None) -> dict[str, Any]:
    """`status` as it is applied. One whose record could not be read keeps that record. The record
    of `live` is taken where it holds the same: another zlib may write another text."""
    shown, hidden = _split(status)
    if not hidden:
        return shown
    if live and live.record is not None and ordered(live.record) == ordered(hidden):
        return {**shown, RECORD: live.fields[RECORD]}
    return {**shown, RECORD: packed(hidden)}


def _split(status: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is stored as fields and what in the record."""
    if RECORD in status:
        return dict(status), {}
    shown = {key: value for key, value in status.items() if key not in _WHOLE}
    hidden = {key: status[key] for key in _WHOLE if key in status}
    for key, fields in _SHOWN.items():
        part = shown.get(key)
        if isinstance(part, Mapping):
            said = (name for name in fields if name in part)
            seen = {name: part[name] for name in said if name == "open" or _says(part[name])}
            shown[key] = seen
            hidden[key] = {name: value for name, value in part.items() if name not in seen}
    if "model" in shown:
        shown["model"] = {**shown["model"], **_model_lines(status)}
    shown["conditions"], hidden["conditions"] = _conditions(status)
    found = {key: part for key, part in hidden.items() if part not in ({}, [])}
    kept = {key: part for key, part in shown.items() if part not in ({}, [])}
    return kept, found


def whole_form(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The status that was stored. A record that cannot be read stays in it under its name."""
    return joined(opened(stored))


def joined(live: Live) -> dict[str, Any]:
    """The whole form of a status that is opened already."""
    status, hidden = dict(live.fields), live.record
    if hidden is None:
        return status
    del status[RECORD]
    for key in _SHOWN:
        part, seen = hidden.get(key) or {}, status.get(key) or {}
        if isinstance(part, Mapping) and isinstance(seen, Mapping) and (part or seen):
            status[key] = {**{name: seen[name] for name in seen if name != _EARLIER}, **part}
    status |= {key: hidden[key] for key in _WHOLE if key in hidden}
    conditions = _whole_conditions(status, hidden)
    return {**status, "conditions": conditions} if conditions else status


def _says(value: Any) -> bool:
    return value not in (None, 0, "0", "")


def _model_lines(status: Mapping[str, Any]) -> dict[str, Any]:
    """The detectors in a line, and the revisions that a pin may name besides the one that serves.

    A line `name: reason` is one detector's; the others say what else there is to know."""
    model = status["model"]
    lines = [str(line).partition(": ") for line in model.get(_DETECTORS) or ()]
    names = ", ".join(name for name, _, _ in lines if " " not in name and name != "calendar")
    more = [f"{name}: {text}" for name, _, text in lines if " " in name or name == "calendar"]
    told = [cut(line, _MAX_DETECTORS) for line in (names, *more) if line]
    known = (status.get("training") or {}).get("revisions") or ()
    others = [one["revision"] for one in known if one["revision"] != model.get("revision")]
    lines_of = {_DETECTORS: told, _EARLIER: cut(", ".join(others), _MAX_EARLIER)}
    return {key: value for key, value in lines_of.items() if value}


def _conditions(status: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those to list and the others. The generation of all stands once, in the status itself."""
    shown: list[dict[str, Any]] = []
    quiet: list[dict[str, Any]] = []
    for condition in status.get("conditions") or ():
        entry = dict(condition)
        if entry.get("observedGeneration") == status.get("observedGeneration"):
            entry.pop("observedGeneration", None)
        (quiet if QUIET.get(entry["type"]) == entry["status"] else shown).append(entry)
    return shown, quiet


def _whole_conditions(status: Mapping[str, Any], hidden: Mapping[str, Any]) -> list[dict[str, Any]]:
    generation = status.get("observedGeneration")
    default = {} if generation is None else {"observedGeneration": generation}
    both = [*(status.get("conditions") or ()), *(hidden.get("conditions") or ())]
    return [{**default, **entry} for entry in both if isinstance(entry, Mapping)]
