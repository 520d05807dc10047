"""What the services of a namespace share: the runner's account and rights, the claim of models.

Their size does not depend on how many services there are: none is their owner. The operator removes
them after the last one (`reconcile/namespace.py`). The runner may
read AnomalyServices and patch their status, which an admission policy of the chart narrows to
`.status.detection` and `.status.trainingRun`; and read the workloads that training runs name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.api.quantities import larger_quantity
from anomaly_operator.manifests.metadata import (
    Component,
    Json,
    manifest,
    shared_labels,
)
from anomaly_operator.settings.values import StorageSettings
from detector_runtime.contract.training_run import Trainer, TrainerKind

_TRAINERS = {TrainerKind.JOB: resources.JOB, TrainerKind.TRAIN_JOB: resources.TRAIN_JOB}


def service_account(namespace: str) -> Json:
    account = manifest(
        resources.SERVICE_ACCOUNT,
        namespace,
        names.RUNNER,
        labels=shared_labels(Component.RUNNER),
        owners=(),
    )
    return {**account, "automountServiceAccountToken": False}


def role(namespace: str, trainers: Sequence[Trainer] = ()) -> Json:
    """`trainers`: the workloads that the namespace's training runs name; each by its own name."""
    services = resources.SERVICE.plural
    rules: list[Json] = [
        {"apiGroups": [names.GROUP], "resources": [services], "verbs": ["get"]},
        {"apiGroups": [names.GROUP], "resources": [f"{services}/status"], "verbs": ["patch"]},
    ]
    for kind, resource in _TRAINERS.items():
        named = sorted({one.name for one in trainers if one.kind is kind})
        if named:
            rule = {"apiGroups": [resource.group], "resources": [resource.plural]}
            rules.append({**rule, "resourceNames": named, "verbs": ["get"]})
    labels = shared_labels(Component.RUNNER)
    made = manifest(resources.ROLE, namespace, names.RUNNER, labels=labels, owners=())
    return {**made, "rules": rules}


def role_binding(namespace: str) -> Json:
    labels = shared_labels(Component.RUNNER)
    made = manifest(resources.ROLE_BINDING, namespace, names.RUNNER, labels=labels, owners=())
    subject = {"kind": resources.SERVICE_ACCOUNT.kind, "name": names.RUNNER, "namespace": namespace}
    return {
        **made,
        "roleRef": {
            "apiGroup": resources.ROLE.group,
            "kind": resources.ROLE.kind,
            "name": names.RUNNER,
        },
        "subjects": [subject],
    }


def models_claim(namespace: str, storage: StorageSettings, live: Mapping[str, Any] | None) -> Json:
    """The claim. Of a live one class and access mode stay, as nobody can change them, and the size
    only grows.
    """
    labels = shared_labels(Component.MODELS)
    made = manifest(resources.CLAIM, namespace, names.MODELS_CLAIM, labels=labels, owners=())
    return {**made, "spec": _claim_spec(storage, live)}


def _claim_spec(storage: StorageSettings, live: Mapping[str, Any] | None) -> Json:
    if live is None:
        spec: Json = {
            "accessModes": [storage.access_mode.value],
            "resources": {"requests": {"storage": storage.size}},
        }
        if storage.storage_class_name:
            spec["storageClassName"] = storage.storage_class_name
        return spec
    size = live.get("resources", {}).get("requests", {}).get("storage", storage.size)
    requests = {"storage": larger_quantity(size, storage.size)}
    return {"accessModes": live.get("accessModes", []), "resources": {"requests": requests}}
