"""Whose an object is: by owner reference, by label, and by the name that the operator would give.

A reference or a label alone proves little, as whoever makes an object may write what they like.
"""

from __future__ import annotations

from anomaly_operator.api import names, resources
from anomaly_operator.world.objects import (
    AnomalyObject,
    Child,
    Meta,
    PolicyObject,
    ServiceObject,
)


def services_of(value: ServiceObject | PolicyObject | AnomalyObject | Child) -> set[str]:
    """Uids of the services that an object belongs to, by owner reference or by label."""
    if isinstance(value, ServiceObject | PolicyObject):
        return set()
    return uids_of(value.meta)


def uids_of(meta: Meta) -> set[str]:
    label = meta.labels.get(names.LABEL_SERVICE_UID)
    return {*meta.owners, *([label] if label else [])}


def may_own(service: Meta, meta: Meta) -> bool:
    """Whether `service` can have an object of a child's kind: one of its namespace, and of CronJobs
    the one that is named after it."""
    if meta.kind == resources.CRON_JOB.kind:
        wanted = names.cron_job_name(service.name, service.uid)
        return meta.namespace == service.namespace and meta.name == wanted
    return meta.namespace == service.namespace


def is_incident_of(value: AnomalyObject, service: Meta) -> bool:
    """By namespace, reference and the name that the operator gives. A user may have taken the
    owner or the label away, which the next plan repairs."""
    return (
        value.meta.namespace == service.namespace
        and value.service == service.name
        and value.meta.name == names.anomaly_name(service.name, value.fingerprint, value.first_seen)
    )
