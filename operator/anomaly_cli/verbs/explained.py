"""Why a service has the verdict that it has, from what its status says: typed, and without words.

The newest window, the level that it is held against, each metric beside its usual range, and what
is remembered of its incident. Nothing is scored anew. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from anomaly_cli.cluster_objects import Raw
from anomaly_cli.connection import ClusterError
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.manifests.span_metrics import span_metrics
from anomaly_operator.observe.read import service_object
from anomaly_operator.settings.values import SpanMetrics
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.status.scoring import Scoring, read_scoring
from anomaly_operator.status.stored import Status, read_status
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, SLOStatus, Unit, Verdict


@dataclass(frozen=True, slots=True)
class MetricStanding:
    """One metric of the newest window in its own unit, NaN = not known. `position` in its usual
    range: 0 in the middle, 1 at the end that counts, above it outside."""

    name: str
    unit: Unit
    value: float
    low: float
    high: float
    direction: Direction = Direction.BOTH

    @property
    def position(self) -> float:
        half = (self.high - self.low) / 2
        away = self.value - (self.low + self.high) / 2
        if not math.isfinite(half) or not math.isfinite(away):
            return math.nan
        if self.direction is Direction.UP:
            away = max(away, 0.0)
        elif self.direction is Direction.DOWN:
            away = max(-away, 0.0)
        if half <= 0:
            return 0.0 if away == 0 else math.inf
        return abs(away) / half


@dataclass(frozen=True, slots=True)
class Explained:
    """`spec` None: it cannot be used. `report` None: nothing has been scored. `score`, `level`: NaN
    where there is none. `counts` of the windows that stand in the status, by verdict."""

    meta: Meta
    spec: ServiceSpec | None
    problems: tuple[str, ...]
    status: Status
    scoring: Scoring
    metrics: tuple[MetricStanding, ...] = ()
    score: float = math.nan
    level: float = math.nan
    counts: dict[Verdict, int] = field(default_factory=dict)

    @property
    def report(self) -> WindowReport | None:
        return self.scoring.report

    @property
    def incidents(self) -> IncidentState:
        return self.status.incidents or IncidentState()

    @property
    def nearest(self) -> tuple[MetricStanding, ...]:
        """The metrics with a range, the one nearest to leaving it (or farthest outside) first."""
        known = (one for one in self.metrics if not math.isnan(one.position))
        return tuple(sorted(known, key=lambda one: (-one.position, one.name)))

    def unit_of(self, metric: str) -> Unit:
        return next((one.unit for one in self.metrics if one.name == metric), Unit.NONE)


def explained(raw: Raw) -> Explained:
    """Of an AnomalyService. Raises ClusterError for a status that this release cannot read."""
    service = service_object(raw)
    status, scoring = read_status(service.status), read_scoring(service.detection)
    name = service.meta.name
    if status.newer:
        raise ClusterError(
            f"the status of {name} is of a newer release; install a kubectl-anomaly of the "
            "operator's version"
        )
    if scoring.error:
        raise ClusterError(f"{name}: {scoring.error}")
    report = scoring.report
    return Explained(
        service.meta,
        service.spec,
        tuple(str(one) for one in service.problems),
        status,
        scoring,
        tuple(_metrics(service.spec, report)),
        _number(report.score) if report else math.nan,
        _number(report.alert_level) if report else math.nan,
        _counts(scoring),
    )


def _metrics(spec: ServiceSpec | None, report: WindowReport | None) -> Iterator[MetricStanding]:
    """Those that the window has a value or a range of, in its order."""
    if report is None:
        return
    known = {one.name: one for one in _specs(spec)}
    values = {one.metric: _number(one.value) for one in report.comparison}
    ranges = {one.metric: (_number(one.low), _number(one.high)) for one in report.usual}
    for finding in report.findings:
        for one in finding.contributions:
            values.setdefault(one.metric, _number(one.value))
            ranges.setdefault(one.metric, (_number(one.usual_low), _number(one.usual_high)))
    for name in dict.fromkeys((*values, *ranges)):
        metric = known.get(name)
        low, high = ranges.get(name, (math.nan, math.nan))
        unit = metric.unit if metric else Unit.NONE
        direction = metric.direction if metric else Direction.BOTH
        yield MetricStanding(name, unit, values.get(name, math.nan), low, high, direction)


def _specs(spec: ServiceSpec | None) -> tuple[MetricSpec, ...]:
    if spec is None:
        return ()
    return spec.metrics or span_metrics(SpanMetrics())


def _counts(scoring: Scoring) -> dict[Verdict, int]:
    """Windows that are not listed were Normal."""
    found = scoring.detection
    if found is None or not found.scored_through:
        return {}
    listed = [one.verdict for one in found.windows]
    span = unix_seconds(found.scored_through) - unix_seconds(found.scored_from)
    total = span // found.step_seconds if found.scored_from and found.step_seconds else len(listed)
    counts = {one: listed.count(one) for one in (Verdict.ANOMALOUS, Verdict.INCONCLUSIVE)}
    return {**counts, Verdict.NORMAL: max(total - sum(counts.values()), 0)}


def slo_known(report: WindowReport | None) -> bool:
    """Whether the window was held against an SLO."""
    return report is not None and report.slo.status is not SLOStatus.UNKNOWN


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
