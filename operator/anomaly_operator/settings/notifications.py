"""Whom the admin wants told of incidents: receivers, routes and what goes into a message.

Addresses and credentials stand here and in files that the chart mounts, never in a custom resource:
a user chooses labels, the admin what they lead to. Whoever works with these values needs no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from detector_runtime.contract.vocabulary import Category, Severity

MAX_RECEIVERS = 16
"""`status.notifications` of an Anomaly has one item for each."""
PLACEHOLDERS = ("namespace", "service", "anomaly", "pattern", "severity")
"""Of `dashboardURL` and `runbookURL`, each in braces."""


class ReceiverType(StrEnum):
    """The interface that a receiver speaks."""

    ALERTMANAGER = "Alertmanager"
    WEBHOOK = "Webhook"
    SLACK = "Slack"
    CLOUD_EVENTS = "CloudEvents"


@dataclass(frozen=True, slots=True)
class Receiver:
    """One address. Exactly one of `url` and `url_file`; files are read anew for each message, so
    a renewed Secret needs no restart. `signing_key_file`: of Webhook and CloudEvents.
    """

    name: str
    type: ReceiverType
    url: str = ""
    url_file: str = ""
    token_file: str = ""
    signing_key_file: str = ""
    ca_file: str = ""
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Match:
    """All that is given must hold; an empty list holds for every incident. `labels`: those of
    `spec.alertLabels`. `min_severity` None: that of the settings.
    """

    namespaces: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    severities: tuple[Severity, ...] = ()
    min_severity: Severity | None = None
    tiers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """Incidents that match go to these receivers, and on to the next routes as well."""

    match: Match
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Without routes every receiver gets every incident of `min_severity` and more.

    `digest_above`: messages of its own that a receiver gets in 60 s; what is more becomes one.
    `resend_seconds`: how often Alertmanager is told that an alert is still active; after three
    times that without news it resolves the alert. `group_wait_seconds`: how long a service with
    dependencies waits for its root cause; None: one detection interval and a little more.
    """

    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    min_severity: Severity = Severity.MEDIUM
    dashboard_url: str = ""
    runbook_url: str = ""
    digest_above: int = 20
    resend_seconds: float = 100.0
    group_wait_seconds: float | None = None
