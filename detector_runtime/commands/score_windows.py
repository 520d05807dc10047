"""The numeric part of a scoring run: model and history in, judged windows out.

A module of its own, because it costs numpy: a run that finds no new window never imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detector_runtime.commands.context import ContextSource, gather
from detector_runtime.commands.span import Known, Scored, Span
from detector_runtime.contract.context import ContextResult
from detector_runtime.contract.detection import WindowReport
from detector_runtime.contract.objectives import ObjectiveReport
from detector_runtime.contract.run_config import BusyPeriod, RunConfig, SLOSpec
from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import ConfigInvalidError, ModelRefusedError
from detector_runtime.model.fitted import FittedModel, ModelError
from detector_runtime.patterns.assemble import assembled, of_graph
from detector_runtime.series.calendar import Calendar, read_calendar
from detector_runtime.series.reading import CleanRows, read_as_trained
from detector_runtime.sources.fetched import Source
from detector_runtime.store.revisions import load
from detector_runtime.verdict.calendar_days import score_calendar
from detector_runtime.verdict.judge import judge
from detector_runtime.verdict.lost_metrics import lost_metrics
from detector_runtime.verdict.periods import period_lookup
from detector_runtime.verdict.window import JudgeContext, Naming

if TYPE_CHECKING:
    from detector_runtime.objectives.burn import Burn
    from detector_runtime.objectives.evaluate import EventSource


def score_windows(
    config: RunConfig,
    open_source: Callable[[], Source],
    models: Path,
    span: Span,
    known: Known | None = None,
    *,
    open_events: Callable[[], EventSource] | None = None,
    open_context: Callable[[], ContextSource] | None = None,
) -> Scored:
    """Load the model, query history and windows, judge each window of `span`; RunError else.
    `known`: what the service's status says of the time before and of its dependencies.
    `open_events`: where objectives are asked for; without it there are none. `open_context`: the
    same for context queries."""
    known = known or Known()
    period_at = period_lookup(config.periods, config.time_zone)
    model = serving_model(config, models)
    history = model.history_windows * span.step
    fetched = open_source().fetch(span.since - history, span.until)
    clean = read_as_trained(fetched.frame, config.metrics, model.counter)
    calendar = read_calendar(config.calendars)
    offset = config.detector.level_offset
    objectives, burning = _objectives(config, known, span, open_events)
    scores, unjudged = score_calendar(model, clean, span.since, calendar, offset)
    context = JudgeContext(
        metrics=config.metrics,
        policy=busy_on(config.slo, calendar),
        period_at=period_at,
        model=model,
        warnings=(
            *lost_metrics(model, clean),
            *fetched.warnings,
            *not_judged(model, clean, span.since),
            *clean.warnings(),
        ),
        partial=fetched.partial,
        unjudged=unjudged,
        naming=naming(config, known),
        burning=burning,
    )
    reports = judge(context, scores)
    if clean.answered(span.since):
        asked = _context(config, known, reports, open_context)
        return Scored(span, reports, RunOutcome.SUCCEEDED, objectives=objectives, context=asked)
    return Scored(
        span,
        reports,
        RunOutcome.NO_DATA,
        f"source {config.source.name!r} has no value for any of the {len(config.metrics)} "
        "metrics in the newest windows; check the service and the queries",
        objectives,
    )


def _objectives(
    config: RunConfig,
    known: Known,
    span: Span,
    open_events: Callable[[], EventSource] | None,
) -> tuple[tuple[ObjectiveReport, ...], Mapping[int, tuple[Burn, ...]]]:
    """How the objectives stand, and what burns by the end of its window."""
    if open_events is None or not config.objectives:
        return (), {}
    from detector_runtime.objectives.evaluate import Windows, evaluate  # noqa: PLC0415 - start-up

    asked = Windows(span.since, span.until, span.step)
    found = evaluate(config.objectives, known.objectives, asked, open_events)
    return found.reports, found.burns


def _context(
    config: RunConfig,
    known: Known,
    reports: tuple[WindowReport, ...],
    open_context: Callable[[], ContextSource] | None,
) -> tuple[ContextResult, ...]:
    if open_context is None or not config.context:
        return ()
    return gather(config.context, config.metrics, reports, known.context, open_context)


def naming(config: RunConfig, known: Known) -> Naming:
    """What it takes to name what is found."""
    return Naming(
        assembled(config.patterns, config.non_alerting_patterns),
        config.category,
        known.recent,
        tuple(one.name for one in known.dependencies.unhealthy),
        of_graph(known.dependencies),
    )


def not_judged(model: FittedModel, clean: CleanRows, since: int) -> tuple[str, ...]:
    """A warning for each metric that has values after `since` (unix seconds), and had hardly any in
    training."""
    new = np.isfinite(clean.frame.values[clean.frame.times > since]).any(axis=0)
    begun = new & ~model.ensemble.scaling.known
    return tuple(
        f"{name}: not judged until the next training"
        for name, now in zip(model.names, begun, strict=True)
        if now
    )


def busy_on(policy: SLOSpec | None, calendar: Calendar) -> SLOSpec | None:
    """The policy with the calendar's busy days beside its own."""
    if policy is None or not calendar.busy:
        return policy
    busy = tuple(BusyPeriod(span.reason, span.start, span.end) for span in calendar.busy)
    return replace(policy, busy_periods=(*policy.busy_periods, *busy))


def serving_model(config: RunConfig, models: Path) -> FittedModel:
    """The model that RunConfig names; ModelMissingError or ModelRefusedError with its name."""
    if config.model is None:
        raise ConfigInvalidError("a scoring run needs model.revision and model.digest")
    manifest, arrays = load(models, config.service.uid, config.model)
    shown = f"model {config.model.revision} ({config.model.digest[:19]})"
    try:
        model = FittedModel.from_arrays(arrays, manifest.engine)
    except ModelError as error:
        raise ModelRefusedError(f"{shown}: {error}; train anew") from error
    names = tuple(metric.name for metric in config.metrics)
    if model.names != names or model.step != config.step_seconds:
        raise ModelRefusedError(
            f"{shown}: trained for {', '.join(model.names)} at {model.step} s, the service now has "
            f"{', '.join(names)} at {config.step_seconds} s; train anew"
        )
    return model
