"""The objects of one service: RunConfig ConfigMaps, the training Job, the inference CronJob."""

from __future__ import annotations

import json
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
from anomaly_operator.manifests.placement import labels_of_runs
from anomaly_operator.manifests.pod import CONFIG_KEY, pod_template, profile_of
from anomaly_operator.manifests.run_config import Resolved, config_hash
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.schedule import inference_cron
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.vocabulary import ExitCode, RunKind

TRAINING_RETRIES = 2
SCORING_RETRIES = 1
TRAINING_TTL_SECONDS = 86_400
MIN_SCORING_DEADLINE = 300
"""A first image pull takes longer than an interval of a minute; the next run catches up."""
MAX_SCORING_DEADLINE = 600
MIN_START_DEADLINE = 60


def config_map(service: Meta, config: RunConfig) -> Json:
    """Immutable and named by its content: a pod that runs keeps the one it was started with."""
    training = config.kind is RunKind.TRAIN
    component = Component.TRAINING_CONFIG if training else Component.SCORING_CONFIG
    text = dumps(config)
    name = names.config_map_name(service.name, config_hash(text))
    labels = watched(service_labels(service, component))
    made = manifest(
        resources.CONFIG_MAP, service.namespace, name, labels=labels, owners=owned(service)
    )
    return {**made, "immutable": True, "data": {CONFIG_KEY: text}}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decision to train. Its Job has the same name whenever the same decision is taken again,
    so it never makes two. `request` is the annotation that asked for it, if one did.
    """

    job: str
    reason: str
    inputs: str
    request: str = ""


def training_job(resolved: Resolved, settings: Settings, config: str, attempt: Attempt) -> Json:
    service = resolved.meta
    labels = labels_of_runs(
        resolved.spec.pod_template, settings, service_labels(service, Component.TRAINING)
    )
    annotations = {
        names.ANNOTATION_CONFIG: config,
        names.ANNOTATION_TRAIN_REASON: attempt.reason,
        names.ANNOTATION_TRAIN_INPUTS: attempt.inputs,
    }
    if attempt.request:
        annotations[names.ANNOTATION_TRAIN_REQUESTED] = attempt.request
    made = manifest(
        resources.JOB,
        service.namespace,
        attempt.job,
        labels=watched(labels),
        owners=owned(service),
        annotations=annotations,
    )
    run = profile_of(RunKind.TRAIN, resolved, settings)
    spec = {
        "backoffLimit": TRAINING_RETRIES,
        "activeDeadlineSeconds": settings.training.deadline_seconds,
        "ttlSecondsAfterFinished": TRAINING_TTL_SECONDS,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": _failure_policy(),
        "template": pod_template(run, resolved, settings, config, labels),
    }
    return {**made, "spec": spec}


def inference_cron_job(resolved: Resolved, settings: Settings, config: str) -> Json:
    """One run an interval at the service's own minute: it scores, or it follows a training run.
    A run that is late or lost costs nothing: the next goes on from where the last has ended.
    """
    service, interval = resolved.meta, resolved.spec.interval_seconds
    follows = resolved.spec.training_run is not None
    component = Component.FOLLOWING if follows else Component.INFERENCE
    labels = labels_of_runs(
        resolved.spec.pod_template, settings, service_labels(service, component)
    )
    name = names.cron_job_name(service.name, service.uid)
    run = profile_of(RunKind.FOLLOW if follows else RunKind.SCORE, resolved, settings)
    template = pod_template(run, resolved, settings, config, labels)
    annotations = {
        names.ANNOTATION_CONFIG: config,
        names.ANNOTATION_TEMPLATE: names.short_hash(json.dumps(template, sort_keys=True)),
    }
    made = manifest(
        resources.CRON_JOB,
        service.namespace,
        name,
        labels=watched(labels),
        owners=owned(service),
        annotations=annotations,
    )
    job = {
        "backoffLimit": SCORING_RETRIES,
        "activeDeadlineSeconds": min(max(interval, MIN_SCORING_DEADLINE), MAX_SCORING_DEADLINE),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": _failure_policy(),
        "template": template,
    }
    spec = {
        "schedule": inference_cron(interval, service.uid),
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": max(interval // 2, MIN_START_DEADLINE),
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "suspend": resolved.spec.suspend,
        "jobTemplate": {"metadata": {"labels": labels}, "spec": job},
    }
    return {**made, "spec": spec}


def _failure_policy() -> Json:
    """An evicted pod does not count as a failure; a config that cannot work is not retried."""
    invalid = {
        "containerName": names.CONTAINER,
        "operator": "In",
        "values": [int(ExitCode.INVALID)],
    }
    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    return {
        "rules": [
            {"action": "Ignore", "onPodConditions": disrupted},
            {"action": "FailJob", "onExitCodes": invalid},
        ]
    }
