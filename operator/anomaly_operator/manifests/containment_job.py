"""The Job that contains an incident, from the admin's template. It runs once and is never retried.

The operator changes nothing of the service itself: what the Job may touch is decided by the account
that the admin named. The incident is told by environment variables; a `$` in a value stays a `$`.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api import names, resources
from anomaly_operator.manifests.metadata import (
    Component,
    Json,
    manifest,
    owned,
    service_labels,
    watched,
)
from anomaly_operator.manifests.placement import user_and_groups
from anomaly_operator.manifests.pod import RUN_AS
from anomaly_operator.settings.values import Settings
from anomaly_operator.world.objects import Meta

JOB_TTL_SECONDS = 86_400
"""After that the Job is deleted. No containment is decided on for an incident that is older, so the
same name is never used twice."""


@dataclass(frozen=True, slots=True)
class Target:
    """The incident that the Job is for."""

    anomaly: str
    pattern: str
    severity: str


def containment_job(service: Meta, settings: Settings, target: Target) -> Json:
    """The same incident gives the same name, so a repeated creation changes nothing."""
    given = settings.containment
    labels = {
        **settings.pods.labels,
        **service_labels(service, Component.CONTAINMENT),
        names.LABEL_ANOMALY: target.anomaly,
    }
    made = manifest(
        resources.JOB,
        service.namespace,
        names.containment_job_name(target.anomaly),
        labels=watched(labels),
        owners=owned(service),
    )
    pod: Json = {
        "restartPolicy": "Never",
        "serviceAccountName": given.account,
        "automountServiceAccountToken": True,
        "securityContext": {
            "runAsNonRoot": True,
            **user_and_groups(settings.pods, RUN_AS),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(service, settings, target)],
    }
    if settings.images.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in settings.images.pull_secrets]
    metadata: Json = {"labels": labels}
    if settings.pods.annotations:
        metadata["annotations"] = dict(settings.pods.annotations)
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": given.template.deadline_seconds,
        "ttlSecondsAfterFinished": JOB_TTL_SECONDS,
        "template": {"metadata": metadata, "spec": pod},
    }
    return {**made, "spec": spec}


def _container(service: Meta, settings: Settings, target: Target) -> Json:
    template = settings.containment.template
    facts = {
        "ANOMALY_NAME": target.anomaly,
        "ANOMALY_NAMESPACE": service.namespace,
        "ANOMALY_PATTERN": target.pattern,
        "ANOMALY_SERVICE": service.name,
        "ANOMALY_SEVERITY": target.severity,
    }
    container: Json = {
        "name": names.CONTAINMENT,
        "image": template.image,
        "imagePullPolicy": settings.images.pull_policy.value,
        "command": list(template.command),
        "env": [{"name": key, "value": _literal(value)} for key, value in facts.items()],
        "resources": {kind: dict(found) for kind, found in template.resources.items()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {**container, "args": list(template.args)} if template.args else container


def _literal(value: str) -> str:
    """Kubernetes expands $(NAME) in a value."""
    return value.replace("$", "$$")
