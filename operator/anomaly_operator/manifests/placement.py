"""Where the runtime's pods run and what is written on them: the admin's settings, and over them
what a service may add.

A service that asks for more than the admin allows is refused as a whole, so that nobody believes
in a toleration that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.fields import SpecError
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from anomaly_operator.manifests.metadata import Json
from anomaly_operator.settings.pods import (
    ANY_PLAIN_KEY,
    RESERVED_DOMAINS,
    RESERVED_KEYS,
    PodSettings,
)
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.pod_template import PodTemplate
from detector_runtime.contract.training_run import Trainer, TrainerKind

PATH = "spec.podTemplate"

# Keys by which a cluster grants identities or drops protections: never for a service to set.
_NEVER_PLAIN = RESERVED_KEYS | {"aadpodidbinding"}
_NEVER_DOMAINS = RESERVED_DOMAINS | {
    "container.apparmor.security.beta.kubernetes.io",
    "seccomp.security.alpha.kubernetes.io",
}


def check_allowed(wanted: PodTemplate, pods: PodSettings) -> None:
    """Raises SpecError with the field, the value and the setting that would allow it."""
    allowed = pods.per_service
    maps = (
        ("annotations", wanted.annotations, allowed.annotations, pods.annotations),
        ("labels", wanted.labels, allowed.labels, pods.labels),
        ("nodeSelector", wanted.node_selector, allowed.node_selector, pods.node_selector),
    )
    for field, found, listed, ours in maps:
        for key, value in found.items():
            shown = f"{key}: {value!r}"
            if key in ours and ours[key] != value:
                text = (
                    f"{shown} is set to {ours[key]!r} for all pods by the administrator; remove it"
                )
                raise _refused(field, text)
            if key in _NEVER_PLAIN or key.rpartition("/")[0] in _NEVER_DOMAINS:
                raise _refused(field, f"{shown} cannot be set by a service; remove it")
            if not _admitted(key, listed):
                raise _not_allowed(field, shown, field, key)
    for index, toleration in enumerate(wanted.tolerations):
        key = str(toleration.get("key", ""))
        if not key or not _admitted(key, allowed.tolerations):
            field = f"tolerations[{index}].key"
            raise _not_allowed(field, repr(key), "tolerations", key or "KEY")
    priority = wanted.priority_class_name
    if priority and priority not in allowed.priority_classes:
        raise _not_allowed("priorityClassName", repr(priority), "priorityClasses", priority)


def _admitted(key: str, listed: Iterable[str]) -> bool:
    domain, slash, _ = key.rpartition("/")
    names_of_key = {key, f"{domain}/"} if slash else {key, ANY_PLAIN_KEY}
    return not names_of_key.isdisjoint(listed)


def _not_allowed(field: str, shown: str, setting: str, key: str) -> SpecError:
    text = (
        f"{shown} is not allowed; remove it, or have the administrator add {key} to "
        f"`settings.pods.perService.{setting}`"
    )
    return _refused(field, text)


def _refused(field: str, text: str) -> SpecError:
    return SpecError(Problem(Reason.POD_TEMPLATE_REFUSED, f"{PATH}.{field}", text))


def labels_of_runs(
    wanted: PodTemplate, settings: Settings, ours: Mapping[str, str]
) -> dict[str, str]:
    """On pods and on their Jobs, which queues and policies of a cluster select by label too. Our
    own labels win: services and policies select by them.
    """
    return {**wanted.labels, **settings.pods.labels, **ours}


def pod_metadata(wanted: PodTemplate, settings: Settings, ours: Mapping[str, str]) -> Json:
    """Labels and annotations of a pod."""
    metadata: Json = {"labels": labels_of_runs(wanted, settings, ours)}
    annotations = {**wanted.annotations, **settings.pods.annotations}
    return {**metadata, "annotations": annotations} if annotations else metadata


@dataclass(frozen=True, slots=True)
class Beside:
    """Whose pods a pod wants to be near. `models`: those with the same ReadWriteOnce claim, where
    it has to be. `trainer`: those of a workload, where it had better be: after the workload has
    ended it has no pods, and the last rows are still to be read.
    """

    models: bool = True
    trainer: Trainer | None = None


_TRAINER_LABELS = {
    TrainerKind.JOB: "batch.kubernetes.io/job-name",
    TrainerKind.TRAIN_JOB: "jobset.sigs.k8s.io/jobset-name",
}
"""Of a TrainJob, because its controller makes a JobSet of the same name."""


def placement(wanted: PodTemplate, settings: Settings, beside: Beside) -> Json:
    """The part of a PodSpec that says where it may run, without what is empty."""
    pods = settings.pods
    spec: Json = {
        "imagePullSecrets": [{"name": name} for name in settings.images.pull_secrets],
        "nodeSelector": {**wanted.node_selector, **pods.node_selector},
        "tolerations": [dict(one) for one in (*pods.tolerations, *wanted.tolerations)],
        "priorityClassName": wanted.priority_class_name or pods.priority_class_name,
        "runtimeClassName": pods.runtime_class_name,
        "topologySpreadConstraints": [dict(one) for one in pods.topology_spread_constraints],
        "affinity": _affinity(settings, beside),
    }
    return {key: value for key, value in spec.items() if value}


def _affinity(settings: Settings, beside: Beside) -> Json:
    """Ours before the administrator's. The affinity of pods with one ReadWriteOnce claim to their
    own label holds them on one node, and the first of them may go anywhere.
    """
    affinity: Json = {key: _copy(value) for key, value in settings.pods.affinity.items()}
    ours: Json = {}
    if beside.models:
        ours["requiredDuringSchedulingIgnoredDuringExecution"] = [
            _near(names.LABEL_MODELS, names.MODELS_CLAIM)
        ]
    if beside.trainer is not None:
        near = _near(_TRAINER_LABELS[beside.trainer.kind], beside.trainer.name)
        ours["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {"weight": 100, "podAffinityTerm": near}
        ]
    if ours:
        theirs = affinity.get("podAffinity") or {}
        merged = {key: [*terms, *(theirs.get(key) or ())] for key, terms in ours.items()}
        affinity["podAffinity"] = {**theirs, **merged}
    return affinity


def _near(label: str, value: str) -> Json:
    return {
        "labelSelector": {"matchLabels": {label: value}},
        "topologyKey": "kubernetes.io/hostname",
    }


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def user_and_groups(pods: PodSettings, run_as: int) -> Json:
    """Left out where the platform sets them: any figure of ours would lie outside its range."""
    if pods.uid_from_platform:
        return {}
    return {"runAsUser": run_as, "runAsGroup": run_as, "fsGroup": run_as}
