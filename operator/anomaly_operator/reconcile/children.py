"""Brings one child at a time to what it should be: made, repaired, or left alone when foreign.

A child that the cache does not know is asked for first, because an apply would merge into a
foreign object of that name. What has none of our marks is foreign: it stays as it is, and the
service says `NameConflict`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from anomaly_operator.api import names, resources
from anomaly_operator.manifests.containment import contained
from anomaly_operator.manifests.metadata import Component, Json
from anomaly_operator.world.objects import Child, Meta
from anomaly_operator.world.plan import Apply, Delete, Disown, GetObject, Lookup, Write
from anomaly_operator.world.view import ServiceView

KEPT_CONFIGS = 2
"""The one in force and the one before: a pod that was made with it may not have started yet."""


@dataclass(slots=True)
class Children:
    """Collects what is to be done; `conflicts` name foreign objects as `Kind name`."""

    world: ServiceView
    actions: list[Write] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def live(self, kind: str, name: str) -> Child | None:
        """From the cache, else from the answer to an earlier question."""
        known = self.world.children.get((kind, name))
        return known if known is not None else self._answer(kind, name)

    def ensure(self, manifest: Json) -> None:
        """Have `manifest` there, with one write at most and none when it is there already."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if self.world.withheld.holds(kind, name):
            return
        live = self.live(kind, name)
        if live is None:
            question = self._question(manifest)
            if question in self.world.lookups:
                self.actions.append(Apply(manifest))
            else:
                self.lookups.append(question)
        elif not self._ours(live.meta, manifest):
            self.conflicts.append(f"{kind} {name}")
        elif not live.meta.deleting:
            if live.of_services and _shared(manifest):
                self.actions.append(Disown(live.meta.ref))
            if not _as_rendered(manifest, live):
                self.actions.append(Apply(manifest, live.meta.uid, live.meta.resource_version))

    def delete(self, meta: Meta) -> None:
        if not self.world.withheld.holds(meta.kind, meta.name):
            self.actions.append(Delete(meta.ref))

    def prune_configs(self, wanted: Iterable[str]) -> None:
        """Delete RunConfigs that nothing names any more, but for the newest of each kind."""
        keep = {*wanted, *self._in_use()}
        for component in (Component.TRAINING_CONFIG, Component.SCORING_CONFIG):
            mine = [child for child in self._configs() if component_of(child) == component]
            mine.sort(key=lambda child: (child.meta.created, child.meta.name), reverse=True)
            for child in mine[KEPT_CONFIGS:]:
                held = self.world.withheld.holds(resources.CONFIG_MAP.kind, child.meta.name)
                if child.meta.name not in keep and not held:
                    self.actions.append(Delete(child.meta.ref))

    def _configs(self) -> list[Child]:
        uid = self.world.service.meta.uid
        return [
            child
            for (kind, _), child in self.world.children.items()
            if kind == resources.CONFIG_MAP.kind
            and uid in child.meta.owners
            and not child.meta.deleting
        ]

    def _in_use(self) -> set[str]:
        states = (child.state for child in self.world.children.values())
        return {getattr(state, "config", "") for state in states}

    def _answer(self, kind: str, name: str) -> Child | None:
        for question, answer in self.world.lookups.items():
            if isinstance(question, GetObject) and (question.kind, question.name) == (kind, name):
                return answer if isinstance(answer, Child) else None
        return None

    def _question(self, manifest: Json) -> GetObject:
        metadata = manifest["metadata"]
        return GetObject(
            manifest["apiVersion"], manifest["kind"], metadata["namespace"], metadata["name"]
        )

    def _ours(self, live: Meta, manifest: Json) -> bool:
        """By an owner that we would set. What a namespace shares has none: by one of our marks, as
        the other may have been taken off by mistake.
        """
        owners = {owner["uid"] for owner in manifest["metadata"].get("ownerReferences", ())}
        if owners & set(live.owners):
            return True
        marks = (live.labels.get(names.LABEL_MANAGED_BY), live.labels.get(names.LABEL_WATCHED))
        ours = marks[0] == names.MANAGED_BY or marks[1] == names.WATCHED
        return _shared(manifest) and ours


def _shared(manifest: Json) -> bool:
    return names.LABEL_SERVICE_UID not in manifest["metadata"]["labels"]


def _as_rendered(manifest: Json, live: Child) -> bool:
    return contained(manifest, json.loads(live.body), live.meta.owners)


def jobs_of(world: ServiceView) -> list[Child]:
    """The training Jobs that the service controls."""
    uid = world.service.meta.uid
    return [
        child
        for (kind, _), child in world.children.items()
        if kind == resources.JOB.kind
        and uid in child.meta.owners
        and component_of(child) == Component.TRAINING
    ]


def spec_of(child: Child | None) -> Mapping[str, object] | None:
    """The live spec, None where there is no object."""
    if child is None:
        return None
    body = json.loads(child.body)
    spec = body.get("spec")
    return spec if isinstance(spec, dict) else {}


def component_of(child: Child) -> str:
    """What an object of ours is for, by its label."""
    return child.meta.labels.get(names.LABEL_COMPONENT, "")
