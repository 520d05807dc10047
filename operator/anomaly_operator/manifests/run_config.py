"""What the pods get to know: a RunConfig of the spec, the admin's source, policy and model.

Two of them a service, one to train and one to score; or one, to follow a training run. Each leaves
out what its pod does not use, so that nothing changes its hash, and with it its ConfigMap, that
changes nothing for the pod.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anomaly_operator.incidents.settings import incident_spec
from anomaly_operator.manifests.context_queries import resolve_context
from anomaly_operator.manifests.metric_queries import resolve_metrics
from anomaly_operator.manifests.placement import check_allowed
from anomaly_operator.manifests.source import source_of, source_spec
from anomaly_operator.settings.values import MetricsSource, Settings
from anomaly_operator.spec.calendars import horizon
from anomaly_operator.spec.calendars import resolved as resolved_calendars
from anomaly_operator.spec.pattern_fit import check_patterns
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.context import ContextQuery
from detector_runtime.contract.members import MAJORITY
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.contract.patterns import PatternSpec
from detector_runtime.contract.run_config import (
    CalendarSpec,
    Interval,
    LivePart,
    MetricSpec,
    ModelRef,
    RunConfig,
    ServiceIdentity,
    SLOSpec,
    TrainingSpec,
)
from detector_runtime.contract.vocabulary import RunKind

MAX_LIVE = 64
"""Uids of live services in the config of a training: 2.5 KB, however large the namespace."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A spec with everything that the settings add to it."""

    meta: Meta
    spec: ServiceSpec
    source: MetricsSource
    metrics: tuple[MetricSpec, ...]
    calendars: tuple[CalendarSpec, ...] = ()
    patterns: tuple[PatternSpec, ...] = ()
    context: tuple[ContextQuery, ...] = ()


def resolve(meta: Meta, spec: ServiceSpec, settings: Settings, now: int) -> Resolved:
    """`now` in unix seconds: calendars are resolved around it, by the quarter.
    Raises SpecError when the source is unknown, a query cannot be completed, or the pods are to
    have what the admin does not allow.
    """
    source = source_of(spec, settings)
    spec = with_defaults(spec, settings)
    check_allowed(spec.pod_template, settings.pods)
    metrics = resolve_metrics(spec, source, meta.namespace, meta.name)
    check_patterns(spec.patterns, metrics)
    begin, end = horizon(now, spec.time_zone) if spec.calendars else (0, 0)
    calendars = resolved_calendars(spec.calendars, spec.time_zone, begin, end)
    patterns = known_patterns(spec, settings)
    context = resolve_context(spec, source, meta.namespace, meta.name)
    return Resolved(meta, spec, source, metrics, calendars, patterns, context)


def with_defaults(spec: ServiceSpec, settings: Settings) -> ServiceSpec:
    """`spec` with what the administrator decides where the user does not say."""
    if spec.tolerance_stated:
        return spec
    tolerated = settings.detector.false_incidents_per_week
    detector = replace(spec.detector, false_incidents_per_week=tolerated)
    return replace(spec, detector=detector)


def known_patterns(spec: ServiceSpec, settings: Settings) -> tuple[PatternSpec, ...]:
    """The administrator's patterns and the service's own, of two with one name the later."""
    return (*settings.patterns, *spec.patterns)


def live_part(uid: str, live: Sequence[str], limit: int = MAX_LIVE) -> LivePart | None:
    """Of more than `limit` live services those whose uid begins as `uid` does, by as few digits as
    leave `limit` of them; None where all can be named. Random uids spread evenly, so the trainings
    of all services together look at every folder.
    """
    if len(live) <= limit:
        return None
    found, length = tuple(sorted(live)), 0
    while len(found) > limit and length < len(uid):
        length += 1
        found = tuple(one for one in found if one.startswith(uid[:length]))
    return LivePart(uid[:length], found)


def training_config(
    resolved: Resolved,
    incidents: Sequence[Interval],
    live_services: Sequence[str],
    serving: ModelRef | None,
    keep_revisions: int,
    *,
    accepted: Sequence[Interval] = (),
    slo: SLOSpec | None = None,
) -> RunConfig:
    """`serving` is named so that the sweep of old revisions spares it, pinned or not. `slo` is only
    compared with the history: a model does not depend on it."""
    plan = resolved.spec.training
    part = live_part(resolved.meta.uid, live_services)
    training = TrainingSpec(
        lookback_seconds=plan.lookback_seconds,
        min_univariate=plan.min_univariate,
        min_multivariate=plan.min_multivariate,
        exclude=plan.exclude,
        incidents=tuple(incidents),
        accepted=tuple(accepted),
        keep_revisions=keep_revisions,
        live_services=tuple(sorted(live_services)) if part is None else (),
        live_part=part,
    )
    config = _config(resolved, RunKind.TRAIN, training, slo, serving)
    return replace(
        config, incidents=incident_spec(resolved.spec.step_seconds, resolved.spec.incidents)
    )


def scoring_config(
    resolved: Resolved,
    slo: SLOSpec | None,
    model: ModelRef,
    level_offset: float = 0.0,
    objectives: Sequence[ObjectiveSpec] = (),
) -> RunConfig:
    """`level_offset` raises the alert level of the model. A training knows nothing of it, nor of
    `objectives` and the patterns: a model does not depend on what a deviation is called."""
    plan = resolved.spec.training
    training = TrainingSpec(plan.lookback_seconds, plan.min_univariate, plan.min_multivariate)
    config = _config(resolved, RunKind.SCORE, training, slo, model)
    # Which members vote, and how, is part of the model.
    detector = replace(config.detector, level_offset=level_offset, members=(), vote=MAJORITY)
    return replace(
        config,
        detector=detector,
        patterns=resolved.patterns,
        non_alerting_patterns=resolved.spec.non_alerting_patterns,
        objectives=tuple(objectives),
        context=resolved.context,
    )


def following_config(resolved: Resolved) -> RunConfig:
    """Of a training run, which has no model, no SLO and no periods."""
    run = resolved.spec.training_run
    plan = resolved.spec.training
    # How far back the first run looks where rows come from Prometheus.
    training = TrainingSpec(plan.lookback_seconds, plan.min_univariate, plan.min_multivariate)
    config = _config(resolved, RunKind.FOLLOW, training, None, None)
    return replace(config, periods=(), training_run=run.run if run else None)


def _config(
    resolved: Resolved,
    kind: RunKind,
    training: TrainingSpec,
    slo: SLOSpec | None,
    model: ModelRef | None,
) -> RunConfig:
    meta, spec = resolved.meta, resolved.spec
    return RunConfig(
        kind=kind,
        service=ServiceIdentity(meta.namespace, meta.name, meta.uid),
        category=spec.category,
        source=source_spec(resolved.spec, resolved.meta, resolved.source),
        step_seconds=spec.step_seconds,
        metrics=resolved.metrics,
        time_zone=spec.time_zone,
        periods=spec.periods,
        detector=spec.detector,
        training=training,
        interval_seconds=spec.interval_seconds,
        slo=slo,
        model=model,
        calendars=resolved.calendars,
    )


def config_hash(text: str) -> str:
    """16 hex digits of SHA-256 over a RunConfig's canonical JSON."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
