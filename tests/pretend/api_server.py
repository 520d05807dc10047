"""An API server in memory: objects, uids, resourceVersions and a clock, told to the cache.

Strict where the real one is: uid and resourceVersion preconditions, immutable names, a write that
changes nothing changes no version. Time moves only when a test moves it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.resources import CUSTOM, SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.observe import read
from anomaly_operator.observe.cache import Cache, Change
from anomaly_operator.observe.intake import Intake
from anomaly_operator.status.packing import stored_form
from anomaly_operator.world.plan import (
    Apply,
    ApplyStatus,
    Create,
    Delete,
    Disown,
    ObjectRef,
    Suspend,
    Write,
)

Json = dict[str, Any]
START = 1_795_000_000
"""2026-11-18T11:06:40Z, a Wednesday."""


class Conflict(Exception):  # noqa: N818 - named as the API server names it
    """409."""


@dataclass
class ApiServer:
    """`objects` by kind, namespace and name. `suspensions`: workloads that were suspended."""

    now: int = START
    suspensions: int = 0
    objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    _versions: int = 0

    def __post_init__(self) -> None:
        self.cache = Cache()
        self._intake = Intake(self.cache, lambda change: None)

    def listen(self, listener: Callable[[Change], None]) -> Intake:
        """Tell `listener` of every change from now on."""
        self._intake = Intake(self.cache, listener)
        return self._intake

    def put(self, kind: str, name: str, namespace: str = "shop", **parts: Any) -> Json:
        known = self.objects.get((kind, namespace, name))
        version = names.API_VERSION if kind in _OURS else "v1"
        raw: Json = copy.deepcopy(known) if known else self._new(version, kind, namespace, name)
        labels = parts.pop("labels", None)
        annotations = parts.pop("annotations", None)
        if labels is not None:
            raw["metadata"]["labels"] = labels
        if annotations is not None:
            raw["metadata"]["annotations"] = annotations
        if known and parts.get("spec", known.get("spec")) != known.get("spec"):
            raw["metadata"]["generation"] += 1
        raw.update(parts)
        return self._store(raw)

    def remove(self, kind: str, name: str, namespace: str = "shop") -> None:
        """Delete, with what nobody else owns."""
        gone = self.objects.pop((kind, namespace, name))
        self._intake.remove(read.metadata(gone))
        uid = gone["metadata"]["uid"]
        for other in list(self.objects.values()):
            owners = other["metadata"].get("ownerReferences", [])
            left = [owner for owner in owners if owner["uid"] != uid]
            if owners and not left:
                self.remove(other["kind"], other["metadata"]["name"], namespace)
            elif len(left) != len(owners):
                other["metadata"]["ownerReferences"] = left
                self._store(other)

    def get(self, kind: str, name: str, namespace: str = "shop") -> Json:
        return self.objects[kind, namespace, name]

    def of_kind(self, kind: str) -> list[Json]:
        return [raw for (known, _, _), raw in self.objects.items() if known == kind]

    def jobs(self) -> list[Json]:
        return sorted(self.of_kind("Job"), key=lambda raw: int(raw["metadata"]["resourceVersion"]))

    def stored(self, raw: Json) -> Json:
        """`raw` as the operator gets it: tests read the status of a service in fields."""
        found = copy.deepcopy(raw)
        if found["kind"] == SERVICE.kind and "status" in found:
            found["status"] = stored_form(found["status"])
        return found

    def _delete(self, action: Delete) -> None:
        target, version = action.target, action.resource_version
        known = self.objects.get((target.kind, target.namespace, target.name))
        if known and known["metadata"]["uid"] == target.uid:
            if version not in ("", known["metadata"]["resourceVersion"]):
                raise Conflict(target)
            if action.owner:
                self.cache.holdings.gave(action.owner)
            self.remove(target.kind, target.name, target.namespace)

    def act(self, action: Write) -> None:
        """One write of the operator. Raises Conflict."""
        match action:
            case Apply(manifest, uid):
                self._apply(manifest, uid)
            case Create(manifest):
                metadata = manifest["metadata"]
                key = (manifest["kind"], metadata["namespace"], metadata["name"])
                if key not in self.objects:
                    self._apply(manifest, "")
            case Delete():
                self._delete(action)
            case Disown(target):
                self._disown(target)
            case Suspend():
                self._suspend(action)
            case ApplyStatus(target, version, status):
                raw = copy.deepcopy(self.get(target.kind, target.name, target.namespace))
                if version and raw["metadata"]["resourceVersion"] != version:
                    raise Conflict(target)
                kept = {name: raw.get("status", {}).get(name) for name in _OF_OTHERS}
                raw["status"] = json.loads(json.dumps(status))
                for name, value in kept.items():
                    if value and name not in raw["status"]:
                        raw["status"][name] = value
                self._store(raw)

    def _disown(self, target: ObjectRef) -> None:
        raw = copy.deepcopy(self.get(target.kind, target.name, target.namespace))
        owners = raw["metadata"].pop("ownerReferences", [])
        kept = [one for one in owners if one["kind"] != "AnomalyService"]
        if kept:
            raw["metadata"]["ownerReferences"] = kept
        self._store(raw)

    def _suspend(self, action: Suspend) -> None:
        target = action.target
        raw = copy.deepcopy(self.get(target.kind, target.name, target.namespace))
        if raw["metadata"]["resourceVersion"] != action.resource_version:
            raise Conflict(target)
        marked = raw["metadata"].setdefault("annotations", {})
        marked[names.ANNOTATION_SUSPENDED_FOR] = action.anomaly
        raw["spec"] = {**raw.get("spec", {}), "suspend": True}
        self.suspensions += 1
        self._store(raw)

    def _apply(self, manifest: Mapping[str, Any], uid: str) -> None:
        metadata = manifest["metadata"]
        kind, namespace, name = manifest["kind"], metadata["namespace"], metadata["name"]
        known = self.objects.get((kind, namespace, name))
        if uid and (known is None or known["metadata"]["uid"] != uid):
            raise Conflict(name)
        raw = copy.deepcopy(known) or self._new(manifest["apiVersion"], kind, namespace, name)
        applied = json.loads(json.dumps(manifest))
        for key, value in applied.pop("metadata").items():
            raw["metadata"][key] = value
        raw.update(applied)
        self._store(raw)

    def _new(self, version: str, kind: str, namespace: str, name: str) -> Json:
        self._versions += 1
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": f"{kind.lower()}-{self._versions:08d}",
            "generation": 1,
            "creationTimestamp": to_text(self.now),
        }
        return {"apiVersion": version, "kind": kind, "metadata": metadata}

    def _store(self, raw: Json) -> Json:
        key = (raw["kind"], raw["metadata"]["namespace"], raw["metadata"]["name"])
        known = self.objects.get(key)
        if known is not None and known is not raw and known == raw:
            return known
        self._versions += 1
        raw["metadata"]["resourceVersion"] = str(self._versions)
        self.objects[key] = raw
        self._intake.take(self.stored(raw))
        return raw


_OF_OTHERS = ("detection", "trainingRun", "notifications")
"""What an apply of a status leaves alone: it belongs to another field manager."""
_OURS = tuple(resource.kind for resource in CUSTOM)
