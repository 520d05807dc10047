"""The operator's vocabulary: its labels, annotations, object names and conditions.

One place, so that a name is spelled once and a reader finds all of them. Names of objects are
pure functions of what they belong to: after a crash the operator finds its own things again.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

GROUP = "anomaly-operator.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
STATUS_FORMAT_VERSION = 2

FIELD_MANAGER = "anomaly-operator"
STATUS_FIELD_MANAGER = "anomaly-operator-status"
NOTIFY_FIELD_MANAGER = "anomaly-operator-notify"
"""Of `status.notifications` of an Anomaly: an apply of the rest of the status leaves it alone."""
DASHBOARD_FIELD_MANAGER = "anomaly-dashboard"
"""Of what people write in the dashboard, each under their own name."""
SUSPENDER_FIELD_MANAGER = "anomaly-suspender"
"""Of `spec.suspend` of a training workload that was suspended for an incident."""

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_SERVICE = f"{GROUP}/service"
LABEL_SERVICE_UID = f"{GROUP}/service-uid"
LABEL_WATCHED = f"{GROUP}/watched"
"""On children that the operator watches; inference Jobs and pods do not carry it."""
LABEL_MODELS = f"{GROUP}/models"
"""On pods that mount the models of their namespace; they are kept on one node by it."""
LABEL_PATTERN = f"{GROUP}/pattern"
LABEL_ANOMALY = f"{GROUP}/anomaly"
"""On containment Jobs: the incident that they are for."""
LABEL_POLICY_UID = f"{GROUP}/policy-uid"
"""On PrometheusRules: the policy that they are of."""
MANAGED_BY = "anomaly-operator"
WATCHED = "true"

ANNOTATION_TRAIN_REQUESTED = f"{GROUP}/train-requested-at"
ANNOTATION_TRAIN_REASON = f"{GROUP}/train-reason"
ANNOTATION_TRAIN_INPUTS = f"{GROUP}/train-inputs"
"""On training Jobs: the hash of what the model is trained for."""
ANNOTATION_CONFIG = f"{GROUP}/config"
"""On Jobs and CronJobs: the ConfigMap that their pods are told."""
ANNOTATION_TEMPLATE = f"{GROUP}/pod-template"
"""On CronJobs: the hash of the rendered pod template. What is no longer rendered stands in the live
object still, so only the hash says that it has to go."""
ANNOTATION_SUSPEND_ON = f"{GROUP}/suspend-on"
"""On a Job or TrainJob, by its owner: it may be suspended for an incident of that tier."""
SUSPEND_ON_CRITICAL = "Critical"
ANNOTATION_SUSPENDED_FOR = f"{GROUP}/suspended-for"
"""On a Job or TrainJob: the incident for which it was suspended last."""

CONTAINER = "runtime"
"""Our container in a pod; whatever else is in it was put there by somebody else."""
CONTAINMENT = "containment"
"""The container of a containment Job."""
RUNNER = "anomaly-runner"
"""Name of the runner's ServiceAccount, Role and RoleBinding in each namespace."""
MODELS_CLAIM = "anomaly-models"
"""Name of the claim that holds the models of a namespace's services."""

SERVING_TOKEN = "anomaly-serving-token"  # noqa: S105 - the name of a Secret
"""Secret with the key `token` in each namespace whose services are served with `auth: Token`."""

MAX_NAME = 63

_CONTAINMENT_JOB = re.compile(r"-contain-[0-9a-f]{8}$")
_ATTEMPT = re.compile(r"[0-9a-f]{10}")
_SERVED = re.compile(r"-(api|served)-[0-9a-f]{8}$")


class ConditionType(StrEnum):
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    DATA_AVAILABLE = "DataAvailable"
    MODEL_READY = "ModelReady"
    DETECTING = "Detecting"
    DRIFTED = "Drifted"
    SLO_MET = "SLOMet"
    DEPENDENCIES_RESOLVED = "DependenciesResolved"
    PATTERNS_RESOLVED = "PatternsResolved"
    SERVING = "Serving"
    BASELINE_SHIFTED = "BaselineShifted"
    VALID = "Valid"
    RULES_EXPORTED = "RulesExported"
    ACKNOWLEDGED = "Acknowledged"
    RESOLVED = "Resolved"
    NOTIFIED = "Notified"
    EXCLUDED_FROM_TRAINING = "ExcludedFromTraining"


def short_hash(*parts: str, length: int = 8) -> str:
    """Hex digits of a SHA-256 over `parts`; parts are separated, so ("ab","c") != ("a","bc")."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def config_map_name(service: str, config_hash: str) -> str:
    """Immutable RunConfig: a new hash is a new object, so a running Job keeps its own."""
    return f"{service[:40].rstrip('-.')}-run-{config_hash[:10]}"


def cron_job_name(service: str, uid: str) -> str:
    """At most 47 of the 52 characters that the API server allows for a CronJob."""
    return f"{service[:34].rstrip('-.')}-inf-{short_hash(uid)}"


def training_job_name(service: str, uid: str, attempt: str) -> str:
    """`attempt` names one decision to train; the same decision never makes two Jobs."""
    return f"{service[:40].rstrip('-.')}-train-{short_hash(uid, attempt, length=10)}"


def names_training(job: str, service: str) -> bool:
    """Whether `job` is a name that a training Job of a service of that name can have."""
    stem, _, attempt = job.rpartition("-train-")
    return stem == service[:40].rstrip("-.") and _ATTEMPT.fullmatch(attempt) is not None


def anomaly_name(service: str, fingerprint: str, opened_at: int) -> str:
    """Deterministic: service, fingerprint and the opening window (unix seconds, base 36)."""
    return f"{service[:40].rstrip('-.')}-{fingerprint}-{_base36(opened_at)}"


def containment_job_name(anomaly: str) -> str:
    """At most 62 characters; an incident never has two."""
    return f"{anomaly[:45].rstrip('-.')}-contain-{short_hash(anomaly)}"


def names_containment(job: str) -> bool:
    """Whether a Job of ours of that name contains an incident, and trains nothing."""
    return _CONTAINMENT_JOB.search(job) is not None


def serving_name(service: str, uid: str) -> str:
    """Of the Deployment and of the Service, at most 49 characters. A Service is a DNS label that
    starts with a letter, where an AnomalyService may have dots and digits.
    """
    stem = service[:34].replace(".", "-").rstrip("-")
    return f"{stem if stem[0].isalpha() else f's-{stem}'}-api-{short_hash(uid)}"


def served_config_name(service: str, uid: str) -> str:
    """Of the ConfigMap that names the served revision; the one of ours that is changed in place."""
    return f"{service[:40].rstrip('-.')}-served-{short_hash(uid)}"


def names_serving(name: str) -> bool:
    """Whether an object of ours of that name serves a model, and neither trains nor scores."""
    return _SERVED.search(name) is not None


def prometheus_rule_name(policy: str, service: str) -> str:
    """At most 62 characters; the hash tells apart what cutting makes alike."""
    stem = f"{policy[:26].rstrip('-.')}-{service[:26].rstrip('-.')}"
    return f"{stem}-{short_hash(policy, service)}"


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = digits[digit] + text
    return text or "0"
