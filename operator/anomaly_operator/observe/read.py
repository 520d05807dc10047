"""From the API server's JSON to the cache's values: the only place that reads raw objects.

Nothing is decided here, and nothing fails: a watched object with fields of the wrong type gives a
value with a problem in it, never an exception that would end the watch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anomaly_operator.api import names, resources
from anomaly_operator.api.names import (
    ANNOTATION_CONFIG,
    ANNOTATION_TRAIN_INPUTS,
    ANNOTATION_TRAIN_REASON,
    ANNOTATION_TRAIN_REQUESTED,
    ConditionType,
)
from anomaly_operator.api.reasons import AnomalyReason
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.cascade.suspect import IncidentRef, ServiceKey
from anomaly_operator.manifests.pod import CONFIG_KEY
from anomaly_operator.observe.bare import BARE, TOO_LARGE
from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_operator.spec.service_parse import incident_plan, parse_service
from anomaly_operator.world.held_text import held_text
from anomaly_operator.world.objects import (
    AnomalyObject,
    Child,
    ClaimState,
    CronJobState,
    DeploymentState,
    JobState,
    Meta,
    PolicyObject,
    ServiceObject,
)
from detector_runtime.contract.serving import SERVED_FILE
from detector_runtime.contract.vocabulary import Severity

Raw = Mapping[str, Any]

MAX_ANNOTATION = 256
"""Characters kept of an annotation: names and hashes are shorter, and the schema of
`lastHandledTrainRequest` admits no more."""
MAX_MESSAGE = 4096
"""Characters kept of what Kubernetes says about a failed Job."""
JUDGED = frozenset({"Healthy", "Anomalous"})
"""States of a service whose windows are judged."""
MAX_LABELS = 64
"""Kept of an object, those of the operator first; a label has at most 380 characters."""
MAX_OWNERS = 16
"""Kept of a custom resource, and of a child for which there is little room; the operator sets one
at most."""
MAX_BODY = 64 * 2**10
"""Bytes kept of a child's body; the operator renders some ten thousand. A larger one is applied
once for each of its versions, see `controller.padded`."""
_DATA = (CONFIG_KEY, SERVED_FILE)
"""Files of the ConfigMaps that the operator renders; beside them others may put what they like."""
_NOT_BODY = ("metadata", "status", "binaryData")
_OUR_LABELS = (f"{names.GROUP}/", "app.kubernetes.io/")


def service_object(raw: Raw, previous: ServiceObject | None = None) -> ServiceObject:
    """An AnomalyService. A spec of the same generation is not parsed again: detection changes the
    object once a minute, its spec hardly ever.
    """
    meta = _custom(raw)
    status = dict(_mapping(raw.get("status")))
    # Of another field manager: what reconcile computes and compares is the rest.
    detection, training_run = status.pop("detection", None), status.pop("trainingRun", None)
    if previous and previous.meta.uid == meta.uid and previous.meta.generation == meta.generation:
        spec, problems, incidents = previous.spec, previous.problems, previous.incidents
    else:
        spec, problems = parse_service(raw.get("spec"))
        incidents = spec.incidents if spec else incident_plan(raw.get("spec"))
    return ServiceObject(
        meta=meta,
        spec=spec,
        problems=problems,
        incidents=incidents,
        status=compact(status) if status else b"",
        detection=compact(detection) if detection else b"",
        training_run=compact(training_run) if training_run else b"",
        severity=_severity(status.get("severity")),
        judged=status.get("state") in JUDGED,
        train_requested=_annotation(raw, ANNOTATION_TRAIN_REQUESTED),
        objectives=compact(objectives) if (objectives := status.get("objectives")) else b"",
    )


def policy_object(raw: Raw, previous: PolicyObject | None = None) -> PolicyObject:
    meta = _custom(raw)
    status = _mapping(raw.get("status"))
    if previous and previous.meta.uid == meta.uid and previous.meta.generation == meta.generation:
        spec, problems = previous.spec, previous.problems
    else:
        spec, problems = parse_policy(raw.get("spec"))
    return PolicyObject(meta, spec, problems, compact(status) if status else b"")


def anomaly_object(raw: Raw) -> AnomalyObject:
    meta, spec = _custom(raw), _mapping(raw.get("spec"))
    status = dict(_mapping(raw.get("status")))
    # Of another field manager: what reconcile computes and compares is the rest.
    notifications = status.pop("notifications", None)
    return AnomalyObject(
        meta=meta,
        service=str(_mapping(spec.get("serviceRef")).get("name", "")),
        fingerprint=str(spec.get("fingerprint", "")),
        state=str(status.get("state", "")),
        closed=unix_seconds(status.get("closedAt")),
        answered=_count(status.get("observedGeneration")),
        confirmed=unix_seconds(status.get("confirmedAt")),
        severity=str(status.get("severity", "")),
        feedback=str(_mapping(spec.get("feedback")).get("verdict", "")),
        root=_root(_mapping(status.get("rootCause")), meta.namespace),
        first_seen=unix_seconds(spec.get("firstSeen")),
        acknowledged=_since(status, ConditionType.ACKNOWLEDGED),
        resolution=str(_mapping(status.get("resolution")).get("reason", "")),
        spec=compact(spec),
        status=compact(status) if status else b"",
        notifications=compact(notifications) if notifications else b"",
        undelivered=_undelivered(status),
    )


def _root(cause: Raw, namespace: str) -> IncidentRef | None:
    service, anomaly = str(cause.get("service", "")), str(cause.get("anomaly", ""))
    if not service or not anomaly:
        return None
    return IncidentRef(ServiceKey(str(cause.get("namespace") or namespace), service), anomaly)


def child_object(raw: Raw) -> Child:
    """Any object that the operator renders: Job, CronJob, ConfigMap, claim, runner account."""
    meta = metadata(raw)
    return Child(meta, _body(raw), _state(meta.kind, raw), of_services=any(service_owners(raw)))


def service_owners(raw: Raw) -> list[bool]:
    """For each owner reference of an object, whether it names an AnomalyService."""
    owners = _mapping(raw.get("metadata")).get("ownerReferences")
    found = map(_mapping, owners if isinstance(owners, list) else ())
    return [
        one.get("kind") == resources.SERVICE.kind
        and str(one.get("apiVersion", "")).startswith(f"{names.GROUP}/")
        for one in found
    ]


def bare_child(meta: Meta) -> Child:
    """A child that belongs to no service known: a few hundred bytes, whatever it holds."""
    return Child(replace(meta, labels={}, owners=()), BARE)


def _custom(raw: Raw) -> Meta:
    meta = metadata(raw)
    return replace(meta, owners=meta.owners[:MAX_OWNERS])


def metadata(raw: Raw) -> Meta:
    found = _mapping(raw.get("metadata"))
    owners = found.get("ownerReferences")
    return Meta(
        api_version=str(raw.get("apiVersion", "")),
        kind=str(raw.get("kind", "")),
        namespace=str(found.get("namespace", "")),
        name=str(found.get("name", "")),
        uid=str(found.get("uid", "")),
        resource_version=str(found.get("resourceVersion", "")),
        generation=_count(found.get("generation")),
        created=unix_seconds(found.get("creationTimestamp")),
        deleting=bool(found.get("deletionTimestamp")),
        labels=_labels(_mapping(found.get("labels"))),
        owners=tuple(
            str(_mapping(owner).get("uid", ""))
            for owner in (owners if isinstance(owners, list) else ())
        ),
    )


def compact(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _body(raw: Raw) -> bytes:
    """What an apply of ours could have set; of annotations only ours, of a ConfigMap our files. A
    Job is never applied again, so nothing of it is kept but its state.
    """
    if raw.get("kind") == resources.JOB.kind:
        return b""
    found = _mapping(raw.get("metadata"))
    body = {key: value for key, value in raw.items() if key not in _NOT_BODY}
    if raw.get("kind") == resources.CONFIG_MAP.kind:
        data = _mapping(raw.get("data"))
        body["data"] = {key: held_text(str(data[key])) for key in _DATA if key in data}
    annotations = _mapping(found.get("annotations"))
    ours = {key: annotations[key] for key in annotations if key.startswith(_OUR_LABELS[0])}
    kept = {"labels": _labels(_mapping(found.get("labels"))), "annotations": ours}
    body["metadata"] = {key: value for key, value in kept.items() if value}
    text = compact(body)
    return text if len(text) <= MAX_BODY else TOO_LARGE


def _labels(found: Raw) -> dict[str, str]:
    """All of them, or the first by name; those that the operator sets come before others."""
    if len(found) <= MAX_LABELS:
        return dict(found)
    ordered = sorted(found, key=lambda key: (not key.startswith(_OUR_LABELS), key))
    return {key: found[key] for key in ordered[:MAX_LABELS]}


def _state(kind: str, raw: Raw) -> JobState | CronJobState | ClaimState | DeploymentState | None:
    match kind:
        case resources.JOB.kind:
            return _job(raw)
        case resources.CRON_JOB.kind:
            return _cron_job(raw)
        case resources.DEPLOYMENT.kind:
            return _deployment(raw)
        case resources.CLAIM.kind:
            return ClaimState(phase=str(_mapping(raw.get("status")).get("phase", "")))
    return None


def _job(raw: Raw) -> JobState:
    status = _mapping(raw.get("status"))
    listed = status.get("conditions")
    conditions = {
        str(condition.get("type")): condition
        for condition in (listed if isinstance(listed, list) else ())
        if isinstance(condition, Mapping) and condition.get("status") == "True"
    }
    complete, failed = conditions.get("Complete"), conditions.get("Failed")
    ended = complete or failed or {}
    return JobState(
        ready=_count(status.get("ready")),
        started=unix_seconds(status.get("startTime")),
        finished=unix_seconds(ended.get("lastTransitionTime")),
        succeeded=complete is not None,
        failed=failed is not None,
        failure_reason=str((failed or {}).get("reason", "")),
        failure_message=str((failed or {}).get("message", ""))[:MAX_MESSAGE],
        config=_annotation(raw, ANNOTATION_CONFIG),
        reason=_annotation(raw, ANNOTATION_TRAIN_REASON),
        inputs=_annotation(raw, ANNOTATION_TRAIN_INPUTS),
        request=_annotation(raw, ANNOTATION_TRAIN_REQUESTED),
        suspended=_mapping(raw.get("spec")).get("suspend") is True,
    )


def _cron_job(raw: Raw) -> CronJobState:
    return CronJobState(config=_annotation(raw, ANNOTATION_CONFIG))


def _deployment(raw: Raw) -> DeploymentState:
    status = _mapping(raw.get("status"))
    wanted = _count(_mapping(raw.get("spec")).get("replicas"))
    seen = _count(status.get("observedGeneration")) >= metadata(raw).generation
    counts = [_count(status.get(key)) for key in ("replicas", "updatedReplicas")]
    available = _count(status.get("availableReplicas"))
    listed = status.get("conditions")
    failures = [
        str(one.get("message", ""))
        for one in map(_mapping, listed if isinstance(listed, list) else ())
        if (one.get("type"), one.get("status"))
        in (("ReplicaFailure", "True"), ("Progressing", "False"))
    ]
    settled = seen and all(count == wanted for count in (*counts, available))
    return DeploymentState(settled, available, failures[0] if seen and failures else "")


def _since(status: Raw, kind: ConditionType) -> int:
    """Unix seconds since when a condition is True; 0 where it is not."""
    listed = status.get("conditions")
    for condition in map(_mapping, listed if isinstance(listed, list) else ()):
        if condition.get("type") == kind.value and condition.get("status") == "True":
            return unix_seconds(condition.get("lastTransitionTime"))
    return 0


def _annotation(raw: Raw, key: str) -> str:
    annotations = _mapping(_mapping(raw.get("metadata")).get("annotations"))
    return str(annotations.get(key, ""))[:MAX_ANNOTATION]


def _undelivered(status: Raw) -> bool:
    listed = status.get("conditions")
    reasons = {
        str(one.get("reason"))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, Mapping) and one.get("type") == ConditionType.NOTIFIED.value
    }
    return bool(reasons & {AnomalyReason.PENDING.value, AnomalyReason.FAILING.value})


def _severity(value: Any) -> Severity:
    return next((one for one in Severity if one == value), Severity.NONE)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
