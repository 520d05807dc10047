"""From objects of the API server to those that the verbs know: once, and never failing.

A release that is newer or older than this program may have written them, so what is absent or of
another type counts as not said. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from anomaly_cli.cluster_objects import (
    Change,
    Incident,
    Other,
    Priority,
    Raw,
    ServiceLine,
    Share,
    Statement,
    Table,
)
from anomaly_cli.votes import votes_lines
from anomaly_operator.anomalies.run_facts import run_facts
from anomaly_operator.api.text import unix_seconds
from detector_runtime.contract.vocabulary import Severity, SLOStatus

_SEVERITIES = {one.value: one for one in Severity}
_SLO = {one.value: one for one in SLOStatus}


def incident(raw: Raw) -> Incident:
    """An Anomaly of the API server."""
    metadata, spec, status = part(raw, "metadata"), part(raw, "spec"), part(raw, "status")
    explanation, current, slo = (part(status, key) for key in ("explanation", "current", "slo"))
    conditions = {text(one, "type"): text(one, "message") for one in items(status, "conditions")}
    symptoms = tuple(_other(one) for one in items(status, "symptoms"))
    return Incident(
        name=text(metadata, "name"),
        namespace=text(metadata, "namespace"),
        service=text(part(spec, "serviceRef"), "name"),
        state=text(status, "state") or "New",
        severity=severity(status.get("severity")),
        pattern=text(status, "pattern") or text(spec, "openingPattern"),
        slo=_SLO.get(text(slo, "status"), SLOStatus.UNKNOWN),
        proximity=text(slo, "proximity"),
        slo_explanation=text(slo, "explanation"),
        adjustment=text(slo, "adjustment"),
        model_severity=text(part(status, "model"), "severity"),
        impact_level=text(status, "impactLevel"),
        confidence=text(status, "confidence"),
        score=text(status, "score"),
        votes=votes_lines(part(status, "votes")),
        occurrences=number(status, "occurrences"),
        first_seen=unix_seconds(text(spec, "firstSeen")),
        reopened_at=unix_seconds(text(status, "reopenedAt")),
        last_seen=unix_seconds(text(status, "lastSeen")),
        closed_at=unix_seconds(text(status, "closedAt")),
        resolution=text(part(status, "resolution"), "reason"),
        duration=text(status, "duration"),
        summary=text(explanation, "summary"),
        impact=text(explanation, "impact"),
        now_at=unix_seconds(text(current, "at")),
        now_severity=text(current, "severity"),
        now_summary=text(current, "summary"),
        shares=tuple(_share(one) for one in items(explanation, "contributions")),
        actions=texts(explanation, "recommendedActions"),
        acknowledgement=_statement(spec.get("acknowledgement")),
        feedback=_statement(spec.get("feedback")),
        note=_statement(spec.get("resolution")),
        root=_other(root) if (root := part(status, "rootCause")) else None,
        symptoms=symptoms,
        symptom_count=max(number(status, "symptomCount"), len(symptoms)),
        symptom_of=text(status, "symptomOf"),
        changes=tuple(_change(one) for one in items(status, "changes")),
        change_lookup=text(part(status, "changeLookup"), "message"),
        priority=_priority(part(status, "priority")),
        containment=_containment(part(status, "containment")),
        run=run_facts(status),
        history=tuple(_edge(one) for one in items(status, "history")),
        tables=tuple(_table(one) for one in items(status, "context")),
        notified=conditions.get("Notified", ""),
        excluded=conditions.get("ExcludedFromTraining", ""),
        raw=raw,
    )


def service_line(raw: Raw) -> ServiceLine:
    """An AnomalyService of the API server."""
    metadata, status = part(raw, "metadata"), part(raw, "status")
    budgets = [text(one, "budgetLeft") for one in items(status, "objectives")]
    ready = [one for one in items(status, "conditions") if text(one, "type") == "Ready"]
    return ServiceLine(
        name=text(metadata, "name"),
        namespace=text(metadata, "namespace"),
        state=text(status, "state") or "Pending",
        severity=severity(status.get("severity")),
        slo=_SLO.get(text(part(status, "slo"), "status"), SLOStatus.UNKNOWN),
        summary=text(status, "summary"),
        open=number(part(status, "incidents"), "open"),
        budget=min((one for one in budgets if one), key=_share_left, default=""),
        scored=unix_seconds(text(part(status, "detection"), "scoredThrough")),
        ready=text(ready[0], "status") if ready else "",
        raw=raw,
    )


def severity(value: object) -> Severity:
    """None for a word that this program does not know."""
    return _SEVERITIES.get(str(value), Severity.NONE)


def part(raw: object, key: str) -> Raw:
    """The object under `key`, empty where there is none."""
    found = raw.get(key) if isinstance(raw, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(raw: Raw, key: str) -> Iterator[Raw]:
    """The objects of the list under `key`."""
    found = raw.get(key)
    yield from (one for one in found if isinstance(one, Mapping)) if isinstance(found, list) else ()


def text(raw: Raw, key: str) -> str:
    """The text or number under `key`, empty where there is none."""
    found = raw.get(key)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def texts(raw: Raw, key: str) -> tuple[str, ...]:
    """The texts of the list under `key`."""
    found = raw.get(key)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def number(raw: Raw, key: str) -> int:
    found = raw.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _share(raw: Raw) -> Share:
    return Share(
        metric=text(raw, "metric"),
        value=text(raw, "value"),
        unit=text(raw, "unit"),
        low=text(raw, "usualLow"),
        high=text(raw, "usualHigh"),
        deviation=text(raw, "deviation"),
        share=fraction(text(raw, "share")),
    )


def fraction(share: str) -> float:
    """A share from 0 to 1; `0.72` and `72%` are the same, and what is neither is 0."""
    try:
        value = float(share.rstrip("%")) / (100 if share.endswith("%") else 1)
    except ValueError:
        return 0.0
    return min(max(value, 0.0), 1.0) if value == value else 0.0  # noqa: PLR0124 - NaN


def _share_left(budget: str) -> float:
    try:
        return float(budget.rstrip("%"))
    except ValueError:
        return float("inf")


def _statement(raw: object) -> Statement | None:
    if not isinstance(raw, Mapping) or not raw:
        return None
    return Statement(
        by=text(raw, "by"),
        at=unix_seconds(text(raw, "at")),
        comment=text(raw, "comment") or text(raw, "note"),
        verdict=text(raw, "verdict"),
        until=unix_seconds(text(raw, "until")),
    )


def _other(raw: Raw) -> Other:
    return Other(
        service=text(raw, "service"),
        namespace=text(raw, "namespace"),
        anomaly=text(raw, "anomaly"),
        severity=text(raw, "severity"),
        confidence=text(raw, "confidence"),
        path=texts(raw, "path"),
    )


def _change(raw: Raw) -> Change:
    return Change(
        at=unix_seconds(text(raw, "at")),
        kind=text(raw, "kind"),
        workload=text(raw, "workload"),
        before=text(raw, "from"),
        after=text(raw, "to"),
        text=text(raw, "text") or text(raw, "detail"),
    )


def _priority(raw: Raw) -> Priority:
    if not raw:
        return Priority()
    return Priority(
        value=number(raw, "value"),
        tier=text(raw, "tier"),
        owner=text(raw, "owner"),
        entry=text(raw, "entry"),
        next_step=text(raw, "nextStep"),
        deadline=unix_seconds(text(raw, "deadline")),
        missed=raw.get("missed") is True,
        parts=tuple((text(one, "name"), number(one, "points")) for one in items(raw, "parts")),
    )


def _containment(raw: Raw) -> str:
    said = (text(raw, key) for key in ("job", "outcome"))
    return ", ".join(one for one in said if one)


def _edge(raw: Raw) -> tuple[int, str, str, str]:
    when = unix_seconds(text(raw, "at"))
    folded = number(raw, "count")
    what = f"{folded} earlier events" if folded else text(raw, "what")
    return when, what, text(raw, "who"), text(raw, "why")


def _table(raw: Raw) -> Table:
    rows = tuple((text(one, "label"), text(one, "value")) for one in items(raw, "rows"))
    return Table(text(raw, "name"), rows, text(raw, "note"))
