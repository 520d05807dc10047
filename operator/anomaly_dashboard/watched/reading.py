"""From an object of the API server to its row: once, and never failing."""

from __future__ import annotations

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import incident, items, number, part, service_line, text
from anomaly_dashboard.watched.rows import Edge, IncidentRow, PolicyRow, ServiceRow
from anomaly_operator.api.text import unix_seconds

_OWNER_LABELS = ("app.kubernetes.io/managed-by-team", "owner", "team")
"""Labels by which people say whose a service is; the first one that is there counts."""
_RUN = "TrainingRun"
_EDGES = 4


def service_row(raw: Raw) -> ServiceRow:
    """The row of an AnomalyService."""
    line, metadata, spec = service_line(raw), part(raw, "metadata"), part(raw, "spec")
    status = part(raw, "status")
    return ServiceRow(
        namespace=line.namespace,
        name=line.name,
        uid=text(metadata, "uid"),
        generation=number(metadata, "generation"),
        category=text(spec, "category"),
        owner=_owner(part(metadata, "labels"), part(spec, "alertLabels")),
        state=line.state,
        severity=line.severity,
        slo=line.slo,
        summary=line.summary,
        open=line.open,
        budget=line.budget,
        scored=line.scored,
        ready=line.ready,
        trouble=_trouble(raw, "Ready"),
        run=text(spec, "profile") == _RUN,
        next_training=unix_seconds(text(status, "nextTrainingTime")),
        depends_on=tuple(
            (text(one, "namespace") or line.namespace, text(one, "name"))
            for one in items(spec, "dependsOn")
        ),
        created=unix_seconds(text(metadata, "creationTimestamp")),
        step=number(part(status, "detection"), "stepSeconds"),
        observed=number(status, "observedGeneration"),
    )


def incident_row(raw: Raw) -> IncidentRow:
    """The row of an Anomaly."""
    one = incident(raw)
    root, said, feedback = one.root, one.acknowledgement, one.feedback
    own = root is None or (root.namespace or one.namespace, root.service) == (
        one.namespace,
        one.service,
    )
    return IncidentRow(
        namespace=one.namespace,
        name=one.name,
        service=one.service,
        state=one.state,
        severity=one.severity,
        pattern=one.pattern,
        slo=one.slo,
        summary=one.now_summary or one.summary,
        since=one.since,
        last_seen=one.last_seen,
        closed_at=one.closed_at,
        root=("", "") if own or root is None else (root.namespace or one.namespace, root.service),
        root_anomaly="" if own or root is None else root.anomaly,
        symptom_of=one.symptom_of,
        symptoms=one.symptom_count,
        tier=one.priority.tier,
        priority=one.priority.value,
        owner=one.priority.owner,
        next_step=one.priority.next_step,
        deadline=one.priority.deadline,
        missed=one.priority.missed,
        acknowledged_by=said.by if said else "",
        verdict=feedback.verdict if feedback else "",
        occurrences=one.occurrences,
        first_seen=one.first_seen,
        edges=tuple(
            Edge(at, what, "" if who == "operator" else who)
            for at, what, who, _ in one.history[-_EDGES:]
        ),
        change=next((Edge(change.at, change.text) for change in one.changes if change.text), None),
    )


def policy_row(raw: Raw) -> PolicyRow:
    """The row of an SLOPolicy."""
    metadata, status = part(raw, "metadata"), part(raw, "status")
    return PolicyRow(
        namespace=text(metadata, "namespace"),
        name=text(metadata, "name"),
        services=number(status, "services"),
        burning=number(status, "burning"),
        exhausted=number(status, "exhausted"),
        trouble=_trouble(raw, ""),
    )


def _owner(*labels: Raw) -> str:
    said = (text(one, key) for one in labels for key in _OWNER_LABELS)
    return next((owner for owner in said if owner), "")


def _trouble(raw: Raw, kind: str) -> str:
    """The message of the first condition that is False; of type `kind` where one is given."""
    for one in items(part(raw, "status"), "conditions"):
        if text(one, "status") == "False" and kind in {"", text(one, "type")}:
            return text(one, "message") or text(one, "reason")
    return ""
