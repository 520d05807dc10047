"""Raw objects of a workload as values: revisions, ends of containers, scalings, node trouble.

Values of environment variables, arguments and annotations never leave this module, as they may be
secret: of each part of a pod template only a name and a digest do. Nothing fails on odd fields.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.observe.read import metadata
from anomaly_operator.world.workload import ContainerEnd, NodeTrouble, Revision, Scaling

Raw = Mapping[str, Any]

_REVISIONS = ("deployment.kubernetes.io/revision", "rollout.argoproj.io/revision")
_HASH_LABELS = frozenset(
    {"pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash"}
)
# Kubernetes 1.31 and later, and before: "from 3 to 5", "to 5 from 3"; Argo writes ReplicaSet.
_SCALED = re.compile(
    r"Scaled (?:up|down) (?:replica set|ReplicaSet) (\S+) "
    r"(?:from (?P<a>\d+) to (?P<b>\d+)|to (?P<d>\d+)(?: from (?P<c>\d+))?)",
    re.IGNORECASE,
)


def selector_text(workload: Raw) -> str:
    """`spec.selector` as a query parameter; empty where it selects nothing."""
    selector = _mapping(_mapping(workload.get("spec")).get("selector"))
    parts = [f"{key}={value}" for key, value in _mapping(selector.get("matchLabels")).items()]
    for one in _items(selector.get("matchExpressions")):
        key, values = str(one.get("key", "")), one.get("values")
        listed = ",".join(map(str, values)) if isinstance(values, list) else ""
        match one.get("operator"):
            case "In":
                parts.append(f"{key} in ({listed})")
            case "NotIn":
                parts.append(f"{key} notin ({listed})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts)


def revision(raw: Raw, owner: str) -> Revision | None:
    """A ReplicaSet or ControllerRevision that the workload of uid `owner` controls; None else."""
    meta = metadata(raw)
    number = _number(raw)
    if owner not in meta.owners or not number:
        return None
    holder = _mapping(raw.get("data")) or raw  # a ControllerRevision has its template in `data`
    template = _mapping(_mapping(holder.get("spec")).get("template"))
    parts = sorted(_parts(template))
    return Revision(number, meta.name, meta.created, tuple(sorted(_images(template))), tuple(parts))


def container_ends(raw: Raw) -> Iterator[ContainerEnd]:
    """The last end of each container of a pod that was started again, or that waits to be."""
    pod, status = metadata(raw).name, _mapping(raw.get("status"))
    for one in _items(status.get("containerStatuses")):
        ended = _mapping(_mapping(one.get("lastState")).get("terminated"))
        ended = ended or _mapping(_mapping(one.get("state")).get("terminated"))
        at, code = unix_seconds(ended.get("finishedAt")), ended.get("exitCode")
        if at:
            yield ContainerEnd(
                pod=pod,
                container=str(one.get("name", "")),
                at=at,
                reason=str(ended.get("reason", "")),
                exit_code=code if isinstance(code, int) else 0,
            )


def node_name(raw: Raw) -> str:
    """The node of a pod; empty while it has none."""
    return str(_mapping(raw.get("spec")).get("nodeName") or "")


def scaling(event: Raw) -> Scaling | None:
    """Of an Event (events.k8s.io/v1) of a Deployment or Rollout; None for any other news."""
    found = _SCALED.search(str(event.get("note", "")))
    if event.get("reason") != "ScalingReplicaSet" or found is None:
        return None
    series = _mapping(event.get("series")).get("lastObservedTime")
    at = series or event.get("deprecatedLastTimestamp") or event.get("eventTime")
    before = found["a"] or found["c"] or 0
    after = found["b"] or found["d"]
    return Scaling(found[1], unix_seconds(at), int(before), int(after))


def node_trouble(raw: Raw) -> Iterator[NodeTrouble]:
    """What a node's conditions say against it."""
    name, status = metadata(raw).name, _mapping(raw.get("status"))
    for one in _items(status.get("conditions")):
        kind, value = str(one.get("type", "")), one.get("status")
        at = unix_seconds(one.get("lastTransitionTime"))
        if kind == "Ready" and value != "True":
            yield NodeTrouble(name, "NotReady", at)
        elif kind.endswith("Pressure") and value == "True":
            yield NodeTrouble(name, kind, at)


def _number(raw: Raw) -> int:
    """The revision's number; 0 for what is none."""
    number = raw.get("revision")
    annotations = _mapping(_mapping(raw.get("metadata")).get("annotations"))
    text = next((annotations[key] for key in _REVISIONS if key in annotations), number)
    try:
        return int(str(text))
    except ValueError:
        return 0


def _images(template: Raw) -> Iterator[tuple[str, str]]:
    for container in _containers(template):
        yield str(container.get("name", "")), str(container.get("image", ""))


def _parts(template: Raw) -> Iterator[tuple[str, str]]:
    meta, spec = _mapping(template.get("metadata")), _mapping(template.get("spec"))
    for kind, key in (("annotation", "annotations"), ("label", "labels")):
        for name, value in _mapping(meta.get(key)).items():
            if name not in _HASH_LABELS:
                yield f"{kind} {name}", _digest(value)
    for volume in _items(spec.get("volumes")):
        yield f"volume {volume.get('name', '')}", _digest(volume)
    for key, value in spec.items():
        if key not in {"containers", "initContainers", "volumes"}:
            yield key, _digest(value)
    containers = _containers(template)
    for container in containers:
        of = f" of {container.get('name', '')}" if len(containers) > 1 else ""
        yield from ((f"{name}{of}", digest) for name, digest in _container_parts(container))


def _container_parts(container: Raw) -> Iterator[tuple[str, str]]:
    for variable in _items(container.get("env")):
        yield f"env {variable.get('name', '')}", _digest(variable)
    for one in _items(container.get("envFrom")):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in one:
                yield f"{kind} {_mapping(one[key]).get('name', '')}", _digest(one)
    for key, value in container.items():
        if key not in {"name", "image", "env", "envFrom"}:
            yield key, _digest(value)


def _containers(template: Raw) -> list[Raw]:
    spec = _mapping(template.get("spec"))
    return [*_items(spec.get("initContainers")), *_items(spec.get("containers"))]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _items(value: Any) -> list[Raw]:
    listed: Iterable[Any] = value if isinstance(value, list) else ()
    return [item for item in listed if isinstance(item, Mapping)]


def _mapping(value: Any) -> Raw:
    return value if isinstance(value, Mapping) else {}
