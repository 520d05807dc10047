"""From what the verbs know to what a tool's document says of it. Pure."""

from __future__ import annotations

import math

from anomaly_cli.cluster_objects import Incident, Other, Statement
from anomaly_cli.mcp import answers
from anomaly_cli.verbs.incidents import cause_of
from anomaly_cli.verbs.top import Ranked
from anomaly_operator.api.text import to_text


def _when(seconds: int) -> str:
    return to_text(seconds) if seconds else ""


def anomaly_line(one: Incident) -> answers.AnomalyLine:
    """An incident among others."""
    return answers.AnomalyLine(
        name=one.name,
        namespace=one.namespace,
        service=one.service,
        severity=one.severity.value,
        state=one.state,
        pattern=one.pattern,
        slo=one.slo.value,
        root=cause_of(one),
        since=_when(one.since),
        acknowledged=one.acknowledgement.by if one.acknowledgement else "",
        tier=one.priority.tier,
        summary=one.summary,
    )


def service_line(one: Ranked) -> answers.ServiceLine:
    """A service among others."""
    line = one.line
    return answers.ServiceLine(
        name=line.name,
        namespace=line.namespace,
        state=line.state,
        severity=line.severity.value,
        score=one.score if math.isfinite(one.score) else None,
        alert_level=one.level if math.isfinite(one.level) else None,
        slo=line.slo.value,
        budget_left=line.budget,
        open_anomalies=line.open,
        scored_through=_when(line.scored),
        summary=line.summary,
    )


def anomaly(one: Incident) -> answers.AnomalyStory:
    """An incident with all that is known of it."""
    return answers.AnomalyStory(
        name=one.name,
        namespace=one.namespace,
        service=one.service,
        severity=one.severity.value,
        state=one.state,
        pattern=one.pattern,
        slo=one.slo.value,
        confidence=one.confidence,
        score=one.score,
        first_seen=_when(one.first_seen),
        last_seen=_when(one.last_seen),
        closed_at=_when(one.closed_at),
        resolution=one.resolution,
        summary=one.summary,
        impact=one.impact,
        contributions=[
            answers.Contribution(
                metric=each.metric,
                value=each.value,
                unit=each.unit,
                usual_low=each.low,
                usual_high=each.high,
                deviation=each.deviation,
                share=each.share,
            )
            for each in one.shares
        ],
        root=_peer(one.root) if one.root else None,
        symptoms=[_peer(each) for each in one.symptoms],
        symptom_count=one.symptom_count,
        changes=[
            answers.Change(
                at=_when(each.at), kind=each.kind, workload=each.workload, text=each.text
            )
            for each in one.changes
        ],
        recommended_actions=[*one.actions],
        tier=one.priority.tier,
        owner=one.priority.owner,
        next_step=one.priority.next_step,
        deadline=_when(one.priority.deadline),
        acknowledgement=_said(one.acknowledgement),
        feedback=_said(one.feedback),
    )


def _peer(one: Other) -> answers.Peer:
    return answers.Peer(
        service=one.service,
        namespace=one.namespace,
        anomaly=one.anomaly,
        severity=one.severity,
        path=[*one.path],
    )


def _said(one: Statement | None) -> answers.Said | None:
    if one is None:
        return None
    return answers.Said(by=one.by, at=_when(one.at), verdict=one.verdict, comment=one.comment)
