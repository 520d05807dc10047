"""The page of one incident: what to do, and everything that helps to do it.

What is said of it is decided where the terminal and the report decide it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_cli.cluster_objects import Incident, Other, Raw
from anomaly_cli.cluster_reading import incident, items, part, text
from anomaly_cli.incident_report.reading import IncidentReport, read
from anomaly_cli.run.status_reading import report_of
from anomaly_cli.verbs.story import current, how_bad, next_steps, standing
from anomaly_dashboard.series.span import HOUR
from anomaly_dashboard.views.budgets import BudgetView, budget_views
from anomaly_dashboard.views.neighbours import Neighbour, other, root_of
from anomaly_dashboard.views.path_graph import PathGraph, path_graph
from anomaly_dashboard.views.run_curve import RunCurve, evidence_curves
from anomaly_dashboard.views.similar import Past, similar
from anomaly_dashboard.views.timeline import Stage, stages
from anomaly_dashboard.watched.reading import incident_row
from anomaly_dashboard.watched.rows import ServiceRow
from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.observe.read import service_object
from anomaly_operator.spec.policy import SLOPolicySpec
from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_operator.status.scoring import read_scoring
from anomaly_operator.status.stored import read_status
from detector_runtime.contract.vocabulary import SLOStatus

MAX_SYMPTOMS = 20
MAX_CHART_SECONDS = 2 * 86_400
"""A chart that ends now shows an incident of longer ago as a line."""
CHART_HOURS_BEFORE = 2


@dataclass(frozen=True, slots=True)
class Message:
    """What a receiver was told last. `at`: unix seconds; `failure`: why it does not accept the next
    message."""

    receiver: str
    edge: str
    at: int
    failure: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """`service`: None where the caller may not read it. `said`: sentences on how bad it is. `most`:
    the metric with the largest share of the evidence; `last_change`: before the start. `curves`: of
    a training run, before its triggers. `chart_hours`: what a chart up to now should show, 0 =
    nothing."""

    one: Incident
    report: IncidentReport
    service: ServiceRow | None
    headline: str
    standing: str
    said: tuple[str, ...]
    current: tuple[str, ...]
    steps: tuple[str, ...]
    most: str
    last_change: str
    root: Neighbour | None
    root_confidence: str
    symptoms: tuple[Neighbour, ...]
    more_symptoms: int
    above: Neighbour | None
    graph: PathGraph | None
    stages: tuple[Stage, ...]
    slo_known: bool
    budgets: tuple[BudgetView, ...]
    messages: tuple[Message, ...]
    curves: tuple[RunCurve, ...]
    chart_hours: int
    follows_run: bool
    similar: tuple[Past, ...]


def incident_view(raw: Raw, sight: Sight, now: int) -> IncidentView:
    """Of an Anomaly that the caller may see."""
    one, row = incident(raw), incident_row(raw)
    service = sight.service(one.namespace, one.service)
    report = read(raw, service)
    symptoms = tuple(other(sight, one.namespace, found) for found in one.symptoms[:MAX_SYMPTOMS])
    root = root_of(sight, one)
    status = part(raw, "status")
    follows_run = service is not None and report_of(service) is not None
    return IncidentView(
        one=one,
        report=report,
        service=sight.service_row((one.namespace, one.service)),
        headline=report.headline,
        standing=standing(one, now)[1],
        said=tuple(how_bad(one)),
        current=tuple(current(one, now)),
        steps=tuple(next_steps(one)),
        most=_most(report),
        last_change=report.changes[-1][1] if report.changes else "",
        root=root,
        root_confidence=one.root.confidence if one.root and root else "",
        symptoms=symptoms,
        more_symptoms=max(one.symptom_count - len(symptoms), 0),
        above=_above(sight, one),
        graph=_graph(sight, one, root, symptoms),
        stages=stages(report.timeline, report.start),
        slo_known=one.slo is not SLOStatus.UNKNOWN,
        budgets=budgets_of(sight, service),
        messages=tuple(_messages(status)),
        curves=evidence_curves(part(status, "trainingRun")),
        chart_hours=_chart_hours(one, now) if service and not follows_run else 0,
        follows_run=follows_run,
        similar=similar(sight, row),
    )


def budgets_of(sight: Sight, service: Raw | None) -> tuple[BudgetView, ...]:
    """Of a service, as they stand now; none where it cannot be read."""
    if service is None:
        return ()
    found = service_object(service)
    status, detection = read_status(found.status), read_scoring(found.detection).detection
    reports = detection.objectives if detection else ()
    policy = policy_of(sight, found.meta.namespace, status.slo.policy)
    return budget_views(status.objectives, reports, policy)


def policy_of(sight: Sight, namespace: str, name: str) -> SLOPolicySpec | None:
    """None where there is none that is valid and that the caller may see."""
    raw = sight.policy(namespace, name) if name else None
    return parse_policy(part(raw, "spec"))[0] if raw else None


def _chart_hours(one: Incident, now: int) -> int:
    """Up to now from well before the start; 0 where that is too long ago to see anything in."""
    age = now - one.since
    if not one.since or age < 0 or age > MAX_CHART_SECONDS:
        return 0
    return -(-age // HOUR) + CHART_HOURS_BEFORE


def _most(report: IncidentReport) -> str:
    """The metric with the largest share of the evidence."""
    if not report.contributions:
        return ""
    one = report.contributions[0]
    usual = f", usually {one.usual}" if one.usual else ""
    return f"{one.metric} {one.value}{usual}" if one.value else one.metric


def _above(sight: Sight, one: Incident) -> Neighbour | None:
    """The incident of which this one is a symptom."""
    if not one.symptom_of:
        return None
    namespace, _, name = one.symptom_of.rpartition("/")
    row = sight.incident_row((namespace or one.namespace, name))
    return other(sight, one.namespace, Other(row.service, row.namespace, row.name)) if row else None


def _graph(
    sight: Sight, one: Incident, root: Neighbour | None, symptoms: tuple[Neighbour, ...]
) -> PathGraph | None:
    own = sight.service_row((one.namespace, one.service))
    here = Neighbour(one.namespace, one.service, one.severity, own)
    chain: list[Neighbour] = []
    if root is not None and one.root is not None:
        between = (_step(sight, one.namespace, step) for step in reversed(one.root.path))
        ends = {here.place, root.place}
        chain = [root, *(step for step in between if step.place not in ends)]
    return path_graph(here, chain, symptoms, one.symptom_count)


def _step(sight: Sight, here: str, step: str) -> Neighbour:
    namespace, _, name = step.rpartition("/")
    return other(sight, here, Other(name, namespace))


def _messages(status: Raw) -> Iterator[Message]:
    for one in items(status, "notifications"):
        failure = ". ".join(said for key in ("failure", "detail") if (said := text(one, key)))
        yield Message(
            text(one, "receiver"), text(one, "edge"), unix_seconds(text(one, "at")), failure
        )
