"""What an editor makes to take something from another namespace."""

from __future__ import annotations

from typing import Any

from anomaly_operator.api import names
from watched.detections import UNSCORED

Json = dict[str, Any]


def idle_service(name: str, suspend: bool = False) -> Json:
    """One that is never scored by a pod."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {**UNSCORED, "suspend": suspend},
    }


def large_service(number: int) -> Json:
    """With 250 KB of annotations."""
    made = idle_service(f"loaded-{number}", suspend=True)
    made["metadata"]["annotations"] = {"note": "x" * 250_000}
    return made


def large_config_map(number: int) -> Json:
    """Of 1 MB, with the label that the operator watches."""
    labels = {names.LABEL_WATCHED: names.WATCHED}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"large-{number}", "labels": labels},
        "data": {"a": "x" * 1_000_000},
    }


def claiming_config_map(number: int, uid: str) -> Json:
    """Of 64 KB, with the labels of a child of the service of `uid`; kept, it would take 90 KB."""
    labels = {names.LABEL_WATCHED: names.WATCHED, names.LABEL_SERVICE_UID: uid}
    labels |= {f"{'p' * 61}.{'q' * 63}.{'r' * 63}/{other:063}": "v" * 63 for other in range(60)}
    annotations = {names.ANNOTATION_CONFIG: "x" * 45_000}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"claiming-{number}", "labels": labels, "annotations": annotations},
    }


def suspended_training(owner: str, uid: str, attempt: str) -> Json:
    """A suspended Job with the label, the name and the owner of a training."""
    container = {"name": "c", "image": "anomaly-sandbox/host:latest", "command": ["true"]}
    reference = {"apiVersion": names.API_VERSION, "kind": "AnomalyService"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.training_job_name(owner, uid, attempt),
            "labels": {names.LABEL_WATCHED: names.WATCHED, names.LABEL_COMPONENT: "training"},
            "ownerReferences": [{**reference, "name": owner, "uid": uid}],
        },
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
