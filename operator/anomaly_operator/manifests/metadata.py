"""What every manifest of ours has in common: metadata, labels, owners.

User labels and annotations are never copied: a GitOps tool that finds its own labels on an object
it did not write would prune it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE, Resource
from anomaly_operator.world.objects import Meta

Json = dict[str, Any]


class Component(StrEnum):
    """Value of the component label: what an object of ours is for."""

    TRAINING = "training"
    INFERENCE = "inference"
    FOLLOWING = "following"
    TRAINING_CONFIG = "training-config"
    SCORING_CONFIG = "scoring-config"
    SERVING = "serving"
    SERVED_REVISION = "served-revision"
    RUNNER = "runner"
    MODELS = "models"
    RULES = "slo-rules"
    CONTAINMENT = "containment"


def service_labels(service: Meta, component: Component) -> dict[str, str]:
    """On all that belongs to one service, pods included."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_COMPONENT: component.value,
        names.LABEL_SERVICE: service.name,
        names.LABEL_SERVICE_UID: service.uid,
    }


def shared_labels(component: Component) -> dict[str, str]:
    """On what the services of a namespace share."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_COMPONENT: component.value,
        names.LABEL_WATCHED: names.WATCHED,
    }


def watched(labels: Mapping[str, str]) -> dict[str, str]:
    return {**labels, names.LABEL_WATCHED: names.WATCHED}


def owner_reference(name: str, uid: str, controller: bool, kind: str = SERVICE.kind) -> Json:
    """The garbage collector removes the object with its owner, or with the last of its owners."""
    reference: Json = {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "name": name,
        "uid": uid,
        "blockOwnerDeletion": False,
    }
    return {**reference, "controller": True} if controller else reference


def manifest(
    resource: Resource,
    namespace: str,
    name: str,
    *,
    labels: Mapping[str, str],
    owners: Sequence[Json],
    annotations: Mapping[str, str] | None = None,
) -> Json:
    """An object without a spec yet. Empty parts are left out: the API server drops them too."""
    metadata: Json = {"name": name, "namespace": namespace, "labels": dict(labels)}
    if annotations:
        metadata["annotations"] = dict(annotations)
    if owners:
        metadata["ownerReferences"] = list(owners)
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}


def owned(service: Meta) -> list[Json]:
    return [owner_reference(service.name, service.uid, controller=True)]
