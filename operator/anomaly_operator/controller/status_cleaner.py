"""Removes from a status what its owner has just not applied: what another manager left there.

Once in an hour for each object, so that a manager that writes the same again and again is named in
the log and not fought. The parts of the runtime and of the notifier are theirs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.api.leftovers import leftovers, pointer, removal
from anomaly_operator.client.kube import Kube
from anomaly_operator.telemetry import logs

PAUSE_SECONDS = 3600.0
_PARTS_OF_OTHERS: Mapping[str, frozenset[str]] = {
    resources.SERVICE.kind: frozenset({"detection", "trainingRun"}),
    resources.ANOMALY.kind: frozenset({"notifications"}),
}
_MAX_CLEANED = 10_000
_MAX_SHOWN = 5

logger = logging.getLogger(__name__)


class StatusCleaner:
    """`monotonic`: seconds."""

    def __init__(self, kube: Kube, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._monotonic = monotonic
        self._cleaned: dict[str, float] = {}

    async def clean(
        self, resource: resources.Resource, raw: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The object as it is afterwards. `raw`: the answer to the apply of `applied`. Raises
        ConflictError when it has moved on since."""
        live = raw.get("status") or {}
        theirs = _PARTS_OF_OTHERS.get(resource.kind, frozenset())
        paths = tuple(path for path in leftovers(live, applied) if path[0] not in theirs)
        metadata = raw["metadata"]
        if not paths or self._lately(metadata["uid"]):
            return raw
        logs.event(
            logger,
            logging.WARNING,
            "status fields of another field manager removed",
            kind=resource.kind,
            namespace=metadata["namespace"],
            name=metadata["name"],
            fields=", ".join(pointer(path) for path in paths[:_MAX_SHOWN]),
            managers=", ".join(_managers(metadata)),
        )
        operations = removal(paths, metadata["resourceVersion"])
        return await self._kube.patch_status(
            resource, metadata["namespace"], metadata["name"], operations
        )

    def _lately(self, uid: str) -> bool:
        """Whether this object was cleaned within the last hour; else it is from now on."""
        now = self._monotonic()
        if now - self._cleaned.get(uid, -PAUSE_SECONDS) < PAUSE_SECONDS:
            return True
        self._cleaned.pop(uid, None)
        self._cleaned[uid] = now
        while len(self._cleaned) > _MAX_CLEANED:
            del self._cleaned[next(iter(self._cleaned))]
        return False


def _managers(metadata: Mapping[str, Any]) -> list[str]:
    """The field managers of the status that are not ours."""
    entries = metadata.get("managedFields") or ()
    found = {str(one.get("manager")) for one in entries if one.get("subresource") == "status"}
    return sorted(found - {names.STATUS_FIELD_MANAGER, names.NOTIFY_FIELD_MANAGER})
