"""What the traffic would change in `dependsOn` of manifests that exist.

A call that was not seen is no proof that it is never made: what a manifest names stays, unless the
user asks for removals. Where a service was not seen to call anybody, nothing of it is removed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_cli.discovery.calls import shown
from anomaly_cli.discovery.document import dumped, entries
from anomaly_cli.discovery.graph import Graph
from anomaly_cli.discovery.names import Key


@dataclass(frozen=True, slots=True)
class Manifest:
    """An AnomalyService as it stands in `path`; `names`: its `dependsOn`, in its order."""

    path: Path
    key: Key
    source_name: str
    names: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after`: what the service depends on."""

    manifest: Manifest
    after: tuple[Key, ...]

    @property
    def added(self) -> list[Key]:
        return [one for one in self.after if one not in self.manifest.names]

    @property
    def removed(self) -> list[Key]:
        return [one for one in self.manifest.names if one not in self.after]

    def plain(self) -> dict[str, Any]:
        key = self.manifest.key
        return {
            "name": key.name,
            "namespace": key.namespace,
            "file": str(self.manifest.path),
            "added": entries(key, self.added),
            "removed": entries(key, self.removed),
        }

    def text(self) -> str:
        """A unified diff of the part of the manifest that changes."""
        manifest = self.manifest
        before, after = (
            dumped({"spec": {"dependsOn": entries(manifest.key, list(names))}} if names else {})
            .removeprefix("{}\n")
            .splitlines(keepends=True)
            for names in (manifest.names, self.after)
        )
        title = f"{manifest.path} AnomalyService {manifest.key}"
        return "".join(difflib.unified_diff(before, after, title, f"{title} as called", n=3))


def changes(
    graph: Graph, manifests: Sequence[Manifest], *, prune: bool
) -> tuple[list[Change], list[str]]:
    """The manifests that change, in order, and what the user should know."""
    found, unseen = [], []
    for manifest in sorted(manifests, key=lambda one: (one.key, str(one.path))):
        service = graph.services.get(manifest.key)
        called: Mapping[Key, float | None] = service.calls if service else {}
        missing = [one for one in manifest.names if one not in called]
        removes = prune and bool(called)
        if not removes:
            unseen += [f"{manifest.key} -> {one}" for one in missing]
        kept = [one for one in manifest.names if not removes or one in called]
        after = (*kept, *(one for one in called if one not in kept))
        if after != manifest.names:
            found.append(Change(manifest, after))
    notes = []
    if unseen:
        advice = "no call of these services was seen" if prune else "--prune shows their removal"
        notes.append(f"not seen and kept: {shown(unseen)}; {advice}")
    strangers = graph.services.keys() - {one.key for one in manifests}
    if strangers:
        notes.append(f"called or calling, and without a manifest: {shown(sorted(strangers))}")
    return found, notes
