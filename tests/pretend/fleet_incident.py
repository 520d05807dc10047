"""Anomaly objects of a fleet as the API server has them, open and closed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import span_text, to_text
from pretend.fleet_service import Place

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What went wrong: pattern, metric with its figures, and the words for it."""

    pattern: str
    metric: str
    unit: str
    value: str
    usual: tuple[str, str]
    summary: str
    impact: str
    actions: tuple[str, ...]


KINDS = (
    Kind("latency_spike_recent", "latency_p95", "Seconds", "1.31", ("0.12", "0.32"),
         "Requests take 1.31 s, usually 120 to 320 ms during business hours",
         "People wait 4.1 times as long",
         ("Compare the start time with the latest deployment; roll back if they match",
          "Find the slowest routes in the traces")),
    Kind("error_rate_surge", "error_ratio", "Ratio", "0.083", ("0", "0.004"),
         "8.3 % of requests fail, usually at most 0.4 % during business hours",
         "8.3 % of requests fail",
         ("Read the latest errors in the logs", "Check quotas, certificates and credentials")),
    Kind("database_bottleneck", "database_latency", "Milliseconds", "212", ("4", "11"),
         "The database takes 212 ms, usually 4 to 11 ms, 74 % of the latency",
         "Requests wait for the database",
         ("Check the database for slow queries and lock waits",
          "Check the usage of the database connection pool")),
    Kind("traffic_cliff", "request_rate", "RequestsPerSecond", "3.1", ("40", "60"),
         "3.1 requests a second arrive, usually 40 to 60 during business hours",
         "93 % of the usual requests do not arrive",
         ("Check whether requests reach the service: ingress, DNS and load balancer",)),
    Kind("memory_growth", "memory", "Bytes", "1400000000", ("410000000", "620000000"),
         "Memory is 1.4 GB, usually 410 to 620 MB",
         "The pods may be ended for using too much memory",
         ("Check CPU throttling, memory and restarts of the service's pods",)),
)  # fmt: skip
WAITING = Kind(
    "dependency_slow", "latency_p95", "Seconds", "0.94", ("0.12", "0.32"),
    "Requests take 940 ms, usually 120 to 320 ms, and what it calls is slow as well",
    "People wait 2.9 times as long", ("Notify the owners of what it calls",),
)  # fmt: skip
TIERS = {
    "Critical": ("P1", 91, 900, "Contain", "on-call"),
    "High": ("P2", 64, 3_600, "Review", "on-call"),
    "Medium": ("P3", 41, 86_400, "Review", ""),
    "Low": ("P4", 18, 0, "Retrain", ""),
}
"""Tier, value, deadline in seconds, entry and suffix of the owner by severity."""


@dataclass
class Course:
    """One incident from its first window on. Times in unix seconds; `closed` 0 = still open.

    `root`: the place and the Anomaly that it is a symptom of; `symptoms`: those that are of it.
    """

    place: Place
    kind: Kind
    severity: str
    began: int
    closed: int = 0
    root: Course | None = None
    symptoms: list[Course] = field(default_factory=list)
    acknowledged: bool = False
    feedback: str = ""
    recovering: bool = False

    @property
    def name(self) -> str:
        return names.anomaly_name(self.place.name, self.fingerprint, self.began)

    @property
    def fingerprint(self) -> str:
        return names.short_hash(self.place.uid, self.kind.pattern, length=12)


def raw_incident(course: Course, now: int, chance: random.Random) -> Json:
    """The whole object."""
    place, labels = course.place, {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_SERVICE: course.place.name,
        names.LABEL_SERVICE_UID: course.place.uid,
        names.LABEL_PATTERN: course.kind.pattern,
    }  # fmt: skip
    spec: Json = {
        "serviceRef": {"name": place.name},
        "openingPattern": course.kind.pattern,
        "fingerprint": course.fingerprint,
        "firstSeen": to_text(course.began),
    }
    said = to_text(course.began + 420)
    if course.acknowledged:
        spec["acknowledgement"] = {
            "by": f"dana@{place.team}.example", "at": said, "comment": "Looking at the pool.",
        }  # fmt: skip
    if course.feedback:
        spec["feedback"] = {"verdict": course.feedback, "by": "lee@example.com", "at": said}
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Anomaly",
        "metadata": {
            "name": course.name,
            "namespace": place.namespace,
            "uid": f"uid-{names.short_hash(place.namespace, course.name, length=12)}",
            "resourceVersion": str(chance.randrange(1_000, 9_999_999)),
            "generation": 1,
            "creationTimestamp": to_text(course.began + 120),
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": names.API_VERSION,
                    "kind": "AnomalyService",
                    "name": place.name,
                    "uid": place.uid,
                    "controller": True,
                }
            ],
        },
        "spec": spec,
        "status": _status(course, now, chance),
    }


def _status(course: Course, now: int, chance: random.Random) -> Json:
    kind, ended = course.kind, course.closed or now - now % 60
    state = "Closed" if course.closed else "Recovering" if course.recovering else "Open"
    lasted = span_text(ended - course.began)
    score = f"{chance.uniform(4, 9):.1f}"
    slo = {"Critical": "Breached", "High": "Warning"}.get(course.severity, "Ok")
    summary = kind.summary
    status: Json = {
        "observedGeneration": 1,
        "state": state,
        "pattern": kind.pattern,
        "patterns": [
            {
                "name": kind.pattern,
                "firstSeen": to_text(course.began),
                "lastSeen": to_text(ended),
                "severity": course.severity,
            }
        ],
        "severity": course.severity,
        "impactLevel": "Critical" if course.severity == "Critical" else "Actionable",
        "confidence": "90%",
        "score": score,
        "model": {"severity": "High", "score": score},
        "slo": {"status": slo, "proximity": "1.31" if slo == "Breached" else "0.42",
                "explanation": "latency_p95, acceptable up to 500 ms"},
        "worst": {"at": to_text(course.began + 300), "severity": course.severity, "score": score,
                  "summary": summary},
        "current": {"at": to_text(ended), "severity": course.severity, "slo": slo, "score": score,
                    "summary": summary},
        "explanation": {
            "summary": summary,
            "impact": kind.impact,
            "contributions": _contributions(kind),
            "recommendedActions": list(kind.actions),
        },
        "occurrences": max((ended - course.began) // 60, 1),
        "confirmedAt": to_text(course.began + 120),
        "lastSeen": to_text(ended),
        "duration": lasted,
        "priority": _priority(course, now),
        "conditions": _conditions(course, state),
        "history": _history(course, lasted),
    }  # fmt: skip
    if course.closed:
        status["closedAt"] = to_text(course.closed)
        reason = course.feedback if course.feedback in {"FalsePositive", "Expected"} else "Resolved"
        status["resolution"] = {"reason": reason, "context": {"at": to_text(course.closed)}}
    return status | _place_among_others(course)


def _contributions(kind: Kind) -> list[Json]:
    others = [one for one in ("latency_p95", "error_ratio", "memory") if one != kind.metric]
    main = {
        "metric": kind.metric,
        "value": kind.value,
        "unit": kind.unit,
        "usualLow": kind.usual[0],
        "usualHigh": kind.usual[1],
        "deviation": "4.1x the upper end of its usual range",
        "share": "72%",
        "detector": "seasonal",
    }
    return [main, {"metric": others[0], "share": "19%", "value": "0.4"}, {"metric": others[1],
            "share": "9%", "value": "0.1"}]  # fmt: skip


def _priority(course: Course, now: int) -> Json:
    tier, value, deadline, entry, suffix = TIERS[course.severity]
    owner = f"{course.place.team} {suffix}" if suffix else course.place.team
    due = course.began + 120 + deadline
    missed = bool(deadline) and not course.acknowledged and due < (course.closed or now)
    return {
        "value": value,
        "tier": tier,
        "parts": [{"name": "Severity", "points": value // 2}, {"name": "SLO", "points": value // 4},
                  {"name": "Category", "points": value // 8}],
        "owner": owner,
        "entry": entry,
        "nextStep": course.kind.actions[0],
        **({"deadline": to_text(due)} if deadline else {}),
        **({"missed": True} if missed else {}),
    }  # fmt: skip


def _conditions(course: Course, state: str) -> list[Json]:
    at = to_text(course.closed or course.began + 120)
    answered = course.acknowledged
    return [
        {"type": "Acknowledged", "status": str(answered), "lastTransitionTime": at,
         "reason": "Acknowledged" if answered else "NotAcknowledged",
         "message": f"Acknowledged by dana@{course.place.team}.example." if answered else
         "Nobody has acknowledged it."},
        {"type": "Resolved", "status": str(state == "Closed"), "lastTransitionTime": at,
         "reason": "Resolved" if state == "Closed" else state,
         "message": "Normal since 3 windows." if state == "Closed" else "It is not over."},
        {"type": "Notified", "status": "True", "lastTransitionTime": at, "reason": "Delivered",
         "message": "Delivered to chat and pager."},
    ]  # fmt: skip


def _history(course: Course, lasted: str) -> list[Json]:
    def entry(at: int, what: str, why: str, who: str = "operator") -> Json:
        return {"at": to_text(at), "what": what, "who": who, "why": why}

    grave = f"{course.severity}, {course.kind.pattern}."
    found = [entry(course.began + 120, "Opened", grave)]
    if course.acknowledged:
        by = f"dana@{course.place.team}.example"
        found.append(entry(course.began + 420, "Acknowledged", "Looking at the pool.", by))
    if course.root is not None:
        root = f"{course.root.place.namespace}/{course.root.place.name}"
        found.append(entry(course.began + 180, "Regrouped", f"Root cause: {root}."))
    if course.closed:
        found.append(entry(course.closed, "Closed", f"Resolved; it lasted {lasted}."))
    return sorted(found, key=lambda one: str(one["at"]))


def _place_among_others(course: Course) -> Json:
    if course.root is not None:
        root, own = course.root.place, course.place
        foreign = f"{root.namespace}/" if root.namespace != own.namespace else ""
        return {
            "symptomOf": f"{foreign}{course.root.name}",
            "rootCause": {
                "service": root.name,
                "namespace": root.namespace,
                "anomaly": course.root.name,
                "confidence": "86%",
                "path": [own.name, f"{foreign}{root.name}"],
                "verdict": "UpstreamCascade",
            },
        }
    found: Json = {"changes": _changes(course)}
    if course.place.calls:
        found["rootCause"] = {"verdict": "DependenciesHealthy"}
    if course.symptoms:
        found |= {"symptoms": _listed(course.symptoms), "symptomCount": len(course.symptoms)}
    return found


def _listed(symptoms: Sequence[Course]) -> list[Json]:
    return [
        {
            "service": one.place.name,
            "namespace": one.place.namespace,
            "anomaly": one.name,
            "severity": one.severity,
        }
        for one in symptoms[:20]
    ]


def _changes(course: Course) -> list[Json]:
    if course.kind.pattern == "traffic_cliff":
        return []
    at = to_text(course.began - 260)
    return [
        {
            "at": at,
            "kind": "Rollout",
            "workload": f"Deployment {course.place.namespace}/{course.place.name}",
            "from": "2.14.0",
            "to": "2.15.0",
            "text": f"{course.place.name} went from 2.14.0 to 2.15.0 4m 20s before",
        }
    ]
