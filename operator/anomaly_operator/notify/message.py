"""What a message says, as values: every receiver gets the same facts in its own form.

The facts are those of the Anomaly's status; a fact that is not there is left out. Texts are cut, so
that no message grows with the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from anomaly_operator.anomalies.run_facts import IN_MESSAGES, run_facts
from anomaly_operator.api.text import cut, span_text, to_text, unix_seconds
from anomaly_operator.notify.edges import Edge
from anomaly_operator.notify.subject import Subject
from anomaly_operator.settings.notifications import NotificationSettings
from detector_runtime.contract.detection import WindowReport

MAX_NAMED = 10
"""Symptoms named in a message; the rest is a count."""
MAX_TEXT = 1024


@dataclass(frozen=True, slots=True)
class Message:
    """`edge` None: the incident goes on (Alertmanager is reminded). `root`: the service that the
    incident comes from, empty where it is its own or not known. `also`: its symptoms, in words.
    `run`: of a training run, what tripped and where it can start again, in words.
    `report`: the service's newest window. Times in unix seconds.
    """

    key: str
    edge: Edge | None
    subject: Subject
    summary: str
    impact: str
    root: str
    also: str
    changed: str
    next_step: str
    actions: tuple[str, ...]
    dashboard: str
    runbook: str
    at: int
    run: tuple[str, ...] = ()
    report: WindowReport | None = None

    @property
    def title(self) -> str:
        """One line: `High: shop/checkout error_rate_elevated opened`."""
        found = self.subject
        where = f"{found.namespace}/{found.service.name}"
        return f"{found.severity.value}: {where} {found.pattern} {_WORDS[self.edge]}"

    @property
    def description(self) -> str:
        """All facts, one a line."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The facts in the order in which they are wanted: what, where from, since when, what to
        do."""
        return [line for line in (*self._what(), self._since(), self._next()) if line]

    def _what(self) -> tuple[str, ...]:
        return (
            self.summary,
            self.impact and f"Impact: {self.impact}",
            *self.run,
            self.root and f"Root cause: {self.root}",
            self.also and f"Also slow or failing: {self.also}",
            self.changed and f"Changed before: {self.changed}",
        )

    def _since(self) -> str:
        found, status = self.subject, self.subject.status
        facts = []
        if found.first_seen:
            facts.append(f"Since {to_text(found.first_seen)}")
            end = found.closed_at or self.at
            lasted = span_text(end - found.first_seen)
            facts.append(f"closed after {lasted}" if found.closed_at else f"for {lasted}")
        if found.slo and found.slo != "Unknown":
            facts.append(f"SLO {found.slo}")
        if status.get("confidence"):
            facts.append(f"confidence {status['confidence']}")
        if found.tier:
            facts.append(f"priority {found.tier}")
        return f"{', '.join(facts)}." if facts else ""

    def _next(self) -> str:
        if not self.subject.running:
            return ""
        if self.edge is Edge.DEADLINE_MISSED:
            return f"The deadline {self.subject.missed} has passed. Next: {self.next_step}"
        return f"Next: {self.next_step}"


_WORDS: dict[Edge | None, str] = {
    Edge.OPENED: "opened",
    Edge.ESCALATED: "escalated",
    Edge.REOPENED: "reopened",
    Edge.DEADLINE_MISSED: "missed its deadline",
    Edge.CLOSED: "closed",
    None: "is active",
}


def compose(
    subject: Subject,
    edge: Edge | None,
    key: str,
    settings: NotificationSettings,
    *,
    now: int,
    report: WindowReport | None = None,
) -> Message:
    """`now` in unix seconds. Pure: the same object gives the same message."""
    status = subject.status
    explanation, priority = _mapping(status.get("explanation")), _mapping(status.get("priority"))
    actions = tuple(_texts(explanation.get("recommendedActions")))[:3]
    show = f"kubectl describe anomaly {subject.name} -n {subject.namespace}"
    return Message(
        key=key,
        edge=edge,
        subject=subject,
        summary=_text(explanation.get("summary")),
        impact=_text(explanation.get("impact")),
        root=_root(status.get("rootCause"), subject),
        also=_symptoms(status, subject.namespace),
        changed=_changed(status.get("changes")),
        next_step=_text(priority.get("nextStep")) or (actions[0] if actions else show),
        actions=actions,
        dashboard=_link(settings.dashboard_url, subject),
        runbook=_link(settings.runbook_url, subject),
        at=now,
        run=_run(status),
        report=report,
    )


def _root(value: Any, subject: Subject) -> str:
    found = _mapping(value)
    service, namespace = str(found.get("service") or ""), str(found.get("namespace") or "")
    namespace = namespace or subject.namespace
    if not service or (service, namespace) == (subject.service.name, subject.namespace):
        return ""
    sure = f" (confidence {found['confidence']})" if found.get("confidence") else ""
    return f"{namespace}/{service}{sure}"


def _symptoms(status: Mapping[str, Any], namespace: str) -> str:
    listed = status.get("symptoms")
    names = []
    for one in listed if isinstance(listed, list) else ():
        found = _mapping(one)
        other = str(found.get("namespace") or namespace)
        service = str(found.get("service") or "")
        if service:
            names.append(service if other == namespace else f"{other}/{service}")
    if not names:
        return ""
    count = status.get("symptomCount")
    total = max(count if isinstance(count, int) else 0, len(names))
    more = total - len(names[:MAX_NAMED])
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more else "")


def _run(status: Mapping[str, Any]) -> tuple[str, ...]:
    facts = run_facts(status)
    return tuple(_text(f"{name}: {said}") for name, said in facts if name in IN_MESSAGES)


def _changed(value: Any) -> str:
    first = _mapping(value[0]) if isinstance(value, list) and value else {}
    text = _text(first.get("text") or first.get("detail"))
    if text or not first:
        return text
    facts = (first.get("kind"), first.get("workload"), first.get("at"))
    return " ".join(str(fact) for fact in facts if fact)


def _link(template: str, subject: Subject) -> str:
    """The template with its placeholders filled in; names are escaped, so none adds a path."""
    values = {
        "namespace": subject.namespace,
        "service": subject.service.name,
        "anomaly": subject.name,
        "pattern": subject.pattern,
        "severity": subject.severity.value,
    }
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _texts(value: Any) -> list[str]:
    return [_text(one) for one in value] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return cut(str(value), MAX_TEXT) if value else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def closed_at(subject: Subject) -> int:
    """When the incident ended, in unix seconds; never before it began."""
    last = unix_seconds(subject.status.get("lastSeen"))
    return max(subject.closed_at or last, subject.first_seen)
