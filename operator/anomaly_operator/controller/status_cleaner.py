"""Removes from a status what its owner has just not applied: what another manager left there.

Once in an hour for each object, so that a manager that writes the same again and again is named to
people and not fought. The parts of the runtime and of the notifier are theirs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api import resources
from anomaly_operator.api.leftovers import Path, field, leftovers, managers, removal
from anomaly_operator.api.reasons import EventReason
from anomaly_operator.api.text import cut
from anomaly_operator.client.kube import Kube
from anomaly_operator.observe import read
from anomaly_operator.telemetry import logs
from anomaly_operator.world.plan import EventSpec, EventType, ObjectRef

PAUSE_SECONDS = 3600.0
_PARTS_OF_OTHERS: Mapping[str, frozenset[str]] = {
    resources.SERVICE.kind: frozenset({"detection", "trainingRun"}),
    resources.ANOMALY.kind: frozenset({"notifications"}),
}
_BEFORE_ANY = "before-first-apply"
"""Whom the API server names as the owner of fields that nobody owned before the first apply."""
_MAX_CLEANED = 10_000
_MAX_SHOWN = 5
_MAX_FIELDS, _MAX_MANAGERS = 400, 200
"""Characters; the note of an Event has at most 1024 bytes."""

logger = logging.getLogger(__name__)

Raw = Mapping[str, Any]


@dataclass(slots=True)
class _Cleaning:
    """`at`: monotonic seconds. `told`: people know that fields came back within the pause."""

    at: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    paths: tuple[Path, ...]
    fields: str
    managers: str


class StatusCleaner:
    """`post` takes Events. `monotonic`: seconds."""

    def __init__(
        self,
        kube: Kube,
        post: Callable[[EventSpec], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._post = post
        self._monotonic = monotonic
        self._cleaned: dict[str, _Cleaning] = {}

    def remaining(self, uid: str) -> float:
        """Seconds until the object may be cleaned; 0 = now."""
        known = self._cleaned.get(uid)
        return max(known.at + PAUSE_SECONDS - self._monotonic(), 0.0) if known else 0.0

    async def clean(self, resource: resources.Resource, raw: Raw, applied: Raw) -> Raw:
        """The object as it is afterwards. `raw`: the answer to the apply of `applied`. Raises
        ConflictError when it has moved on since."""
        found = _find(resource, raw, applied)
        if found is None:
            return raw
        meta = read.metadata(raw)
        if self.remaining(meta.uid):
            self._contested(meta.ref, found)
            return raw
        operations = removal(found.paths, meta.resource_version)
        cleaned = await self._kube.patch_status(resource, meta.namespace, meta.name, operations)
        self._remember(meta.uid)
        text = f"Removed fields that {found.managers} wrote: {found.fields}. "
        text += "Only the operator writes them; exclude the status from restores."
        self._tell(meta.ref, EventReason.STATUS_FIELDS_REMOVED, text, found)
        return cleaned

    async def put_off(self, resource: resources.Resource, target: ObjectRef, applied: Raw) -> None:
        """Say, once in a pause, that others left fields again that the operator does not remove
        yet. Nothing is written to the object."""
        known = self._cleaned.get(target.uid)
        if known is None or known.told:
            return
        raw = await self._kube.get(resource, target.namespace, target.name)
        if raw is None or read.metadata(raw).uid != target.uid:
            return
        found = _find(resource, raw, applied)
        if found is not None:
            self._contested(target, found)

    def _contested(self, target: ObjectRef, found: _Found) -> None:
        known = self._cleaned[target.uid]
        if known.told:
            return
        known.told = True
        text = (
            f"{found.managers} wrote fields again within an hour of their removal: "
            f"{found.fields}. They stay until the operator removes them again, at most once an "
            "hour. Stop the tool from writing the status, for example exclude it from restores."
        )
        self._tell(target, EventReason.STATUS_CONTESTED, text[0].upper() + text[1:], found)

    def _tell(self, target: ObjectRef, reason: EventReason, text: str, found: _Found) -> None:
        self._post(EventSpec(target, EventType.WARNING, reason.value, text))
        logs.event(
            logger,
            logging.WARNING,
            "status fields of another field manager",
            event=reason.value,
            kind=target.kind,
            namespace=target.namespace,
            name=target.name,
            fields=found.fields,
            managers=found.managers,
        )

    def _remember(self, uid: str) -> None:
        self._cleaned.pop(uid, None)
        self._cleaned[uid] = _Cleaning(self._monotonic())
        while len(self._cleaned) > _MAX_CLEANED:
            del self._cleaned[next(iter(self._cleaned))]


def _find(resource: resources.Resource, raw: Raw, applied: Raw) -> _Found | None:
    """What others left, and who, in words; None where there is nothing."""
    kind, live = resource.kind, raw.get("status") or {}
    theirs = _PARTS_OF_OTHERS.get(kind, frozenset())
    paths = tuple(path for path in leftovers(kind, live, applied) if path[0] not in theirs)
    if not paths:
        return None
    shown = ", ".join(field(kind, live, path) for path in paths[:_MAX_SHOWN])
    more = f" and {len(paths) - _MAX_SHOWN} more" if len(paths) > _MAX_SHOWN else ""
    owners = [one for one in managers(kind, raw, paths) if one != _BEFORE_ANY]
    word = "field manager" if len(owners) == 1 else "field managers"
    names = cut(", ".join(owners), _MAX_MANAGERS)
    known = f"{word} {names}" if owners else "a field manager that is not recorded"
    return _Found(paths, cut(shown, _MAX_FIELDS) + more, known)
