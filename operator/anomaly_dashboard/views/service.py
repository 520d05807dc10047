"""The page of one service: how it is, how it is judged, and by what.

What its newest window means is decided where `kubectl anomaly explain` decides it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.cluster_reading import part, text
from anomaly_cli.connection import ClusterError
from anomaly_cli.verbs.explained import Explained, explained
from anomaly_cli.verbs.explanation import verdict, why
from anomaly_cli.verbs.to_alert import to_alert
from anomaly_cli.votes import votes_lines
from anomaly_dashboard.views.budgets import BudgetView
from anomaly_dashboard.views.incident import budgets_of
from anomaly_dashboard.views.model_card import ModelCard, model_card
from anomaly_dashboard.views.neighbours import Neighbour, depended_on_by, depends_on
from anomaly_dashboard.views.service_conditions import ConditionView, condition_views
from anomaly_dashboard.views.service_metrics import (
    MetricView,
    WindowStrip,
    metric_views,
    window_strip,
)
from anomaly_dashboard.watched.reading import service_row
from anomaly_dashboard.watched.rows import IncidentRow, ServiceRow
from anomaly_dashboard.watched.sight import Sight
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.slo.standing import SLOStanding
from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import Drift
from detector_runtime.series.units import readable

MAX_INCIDENTS = 50


@dataclass(frozen=True, slots=True)
class Level:
    """A metric against its SLO thresholds, in people's units."""

    metric: str
    value: str
    acceptable: str
    warning: str
    critical: str
    status: str


@dataclass(frozen=True, slots=True)
class ExpectedView:
    """What is normal for a while. `until`: unix seconds; `told_by`: where that was said."""

    pattern: str
    severity: str
    until: int
    told_by: str
    anomaly: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrainingView:
    """Times in unix seconds, 0 = not known. `trouble`: why the newest training gave no model."""

    last: int
    next: int
    running: bool
    job: str
    trigger: str
    trouble: str
    trouble_at: int
    retry_at: int
    samples: int
    needed: int
    enough_at: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What the status says of the newest window, the SLO and the model. `problem`: why it cannot be
    read; then all else is empty."""

    problem: str = ""
    verdict: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    to_alert: tuple[str, ...] = ()
    metrics: tuple[MetricView, ...] = ()
    strip: WindowStrip | None = None
    levels: tuple[Level, ...] = ()
    votes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    drift: Drift | None = None
    slo: SLOStanding | None = None
    card: ModelCard | None = None
    training: TrainingView | None = None
    expected: tuple[ExpectedView, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceView:
    """`sentence`: what is wrong; `running`: its incidents that are not closed, the worst first;
    `incidents`: all that the caller may see, the newest first, `more` are not shown."""

    row: ServiceRow
    sentence: str
    impact: str
    reading: Reading
    budgets: tuple[BudgetView, ...]
    conditions: tuple[ConditionView, ...]
    below: tuple[Neighbour, ...]
    above: tuple[Neighbour, ...]
    running: tuple[IncidentRow, ...]
    incidents: tuple[IncidentRow, ...]
    more: int
    evaluation: tuple[tuple[str, str], ...]


def service_view(raw: Raw, sight: Sight, now: int) -> ServiceView:
    """Of an AnomalyService that the caller may see."""
    row, status = service_row(raw), part(raw, "status")
    own = sorted(
        (one for one in sight.incidents() if (one.namespace, one.service) == row.place),
        key=lambda one: (-one.since, one.name),
    )
    running = sorted((one for one in own if one.running), key=lambda one: -one.severity.rank)
    reading = _reading(raw, now)
    return ServiceView(
        row=row,
        sentence=row.summary or row.trouble,
        impact=text(status, "impactLevel"),
        reading=reading,
        budgets=() if reading.problem else budgets_of(sight, raw),
        conditions=condition_views(status),
        below=depends_on(sight, row),
        above=depended_on_by(sight, row),
        running=tuple(running),
        incidents=tuple(own[:MAX_INCIDENTS]),
        more=max(len(own) - MAX_INCIDENTS, 0),
        evaluation=tuple(_evaluation(part(status, "evaluation"))),
    )


def _reading(raw: Raw, now: int) -> Reading:
    try:
        found = explained(raw)
    except ClusterError as error:
        return Reading(problem=str(error))
    report, spec = found.report, found.spec
    return Reading(
        verdict=tuple(verdict(found, now)),
        why=tuple(why(found)),
        to_alert=tuple(to_alert(found)),
        metrics=metric_views(found),
        strip=window_strip(found),
        levels=tuple(_levels(found)),
        votes=votes_lines(encode(report.votes)) if report and report.votes else (),
        warnings=report.warnings if report else (),
        drift=report.drift if report else None,
        slo=found.status.slo,
        card=None
        if spec and spec.training_run
        else model_card(found.meta, found.status, spec.model_revision if spec else ""),
        training=None if spec and spec.training_run else _training(found),
        expected=tuple(_expected(found, now)),
    )


def _levels(found: Explained) -> Iterator[Level]:
    report = found.report
    for one in report.slo.metrics if report else ():
        value, acceptable, warning, critical = (
            _figure(found, one.metric, said)
            for said in (one.value, one.acceptable, one.warning, one.critical)
        )
        yield Level(one.metric, value, acceptable, warning, critical, one.status.value)


def _figure(found: Explained, metric: str, said: str) -> str:
    try:
        return readable(float(said), found.unit_of(metric))
    except ValueError:
        return said or "–"


def _training(found: Explained) -> TrainingView:
    book, raw = found.status.training, found.status.raw
    failure, learning = book.last_failure, book.learning
    return TrainingView(
        last=unix_seconds(found.status.last_training),
        next=unix_seconds(text(raw, "nextTrainingTime")),
        running=book.running,
        job=book.job,
        trigger=book.trigger.value if book.trigger else "",
        trouble=failure.message if failure and book.attempts else "",
        trouble_at=failure.time if failure and book.attempts else 0,
        retry_at=book.next_attempt or 0,
        samples=learning.samples if learning else 0,
        needed=learning.needed if learning else 0,
        enough_at=(learning.enough_at or 0) if learning else 0,
    )


def _expected(found: Explained, now: int) -> Iterator[ExpectedView]:
    for rule in found.incidents.expected:
        if rule.until >= now:
            yield ExpectedView(
                rule.pattern, rule.severity.value, rule.until, rule.verdict.value, rule.anomaly, ""
            )
    for one in found.spec.incidents.expected if found.spec else ():
        if one.until >= now:
            yield ExpectedView(
                one.pattern, one.severity.value, one.until, "spec.expected", "", one.reason
            )


_EVALUATED = (
    ("Incidents that people were told of", "incidents"),
    ("Precision", "precision"),
    ("Confirmed", "confirmed"),
    ("Dismissed", "dismissed"),
    ("Ignored", "ignored"),
    ("Median time to detect", "medianTimeToDetect"),
    ("Median time to acknowledge", "medianTimeToAcknowledge"),
    ("Median time to close", "medianTimeToClose"),
)


def _evaluation(raw: Raw) -> Iterator[tuple[str, str]]:
    for label, key in _EVALUATED:
        if said := text(raw, key):
            yield label, said
