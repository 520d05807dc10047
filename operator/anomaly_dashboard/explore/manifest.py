"""A manifest as a person wrote it, and what changes in it, for Git. Pure.

What the API server adds is left out: status, managed metadata, defaults. Where the object carries
what `kubectl apply` was last given, and it still means the same, that is taken word for word.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from anomaly_cli.verbs.spec_essentials import essentials
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import SERVICE

Raw = Mapping[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_WRITTEN = ("name", "namespace", "labels", "annotations")


def as_written(document: Raw, kind: str) -> dict[str, Any]:
    """An AnomalyService or SLOPolicy of the API server as its manifest."""
    metadata = _mapping(document.get("metadata"))
    spec = _essential(_mapping(document.get("spec")), kind)
    applied = _applied(metadata)
    if applied is not None and _essential(_mapping(applied.get("spec")), kind) == spec:
        spec = dict(_mapping(applied.get("spec")))
    annotations = {
        key: value
        for key, value in _mapping(metadata.get("annotations")).items()
        if key != LAST_APPLIED
    }
    told = {**metadata, "annotations": annotations}
    written = {key: told[key] for key in _WRITTEN if told.get(key)}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": written, "spec": spec}


def yaml_of(documents: Sequence[Raw]) -> str:
    """The documents as one file."""
    return "---\n".join(_dumped(one) for one in documents)


def difference(before: Sequence[Raw], after: Sequence[Raw], name: str) -> str:
    """A unified diff of the file `name`; empty where nothing changes."""
    old, new = yaml_of(before), yaml_of(after)
    return "".join(
        difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            f"a/{name}" if before else "/dev/null",
            f"b/{name}",
        )
    )


def _applied(metadata: Raw) -> Raw | None:
    text = _mapping(metadata.get("annotations")).get(LAST_APPLIED)
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _essential(spec: Raw, kind: str) -> dict[str, Any]:
    # Only a service has defaults beyond those of its policy's thresholds, which are worth showing.
    return essentials(spec) if kind == SERVICE.kind else dict(spec)


def _dumped(document: Raw) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
