"""A scoring run: read the own service, score what is due, apply `.status.detection`.

Stateless: what was scored stands in the status, history comes from the source, the model from the
volume. Two runs at once give the same windows; the slower one finds them there and adds nothing.
A run that fails says so once and leaves `scoredThrough` where it is, so that its windows are
scored when the source is back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detector_runtime.commands.kubernetes_api import (
    ChangedMeanwhileError,
    KubernetesAPI,
    LiveService,
)
from detector_runtime.commands.span import (
    Known,
    Scored,
    failed,
    joined,
    newest_complete,
    run_status,
    scored_through,
    to_score,
)
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.record import whole_detection
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import FORMAT_VERSION, ContractError, ExitCode
from detector_runtime.errors import ApiRefusedError, ApiUnavailableError, RunError
from detector_runtime.log import log

if TYPE_CHECKING:
    from detector_runtime.commands.context import ContextSource
    from detector_runtime.objectives.evaluate import EventSource
    from detector_runtime.sources.fetched import Source

MAX_CONFLICTS = 6


def score(
    config: RunConfig,
    api: KubernetesAPI,
    open_source: Callable[[], Source],
    models: Path,
    now: float,
    *,
    open_events: Callable[[], EventSource] | None = None,
    open_context: Callable[[], ContextSource] | None = None,
) -> ExitCode:
    """Score what is due at `now` (UTC unix seconds) and apply it. `open_events`: where objectives
    are asked for; `open_context`: where context queries are.

    Raises RunError when the run failed (after saying so in the status) and ServiceGoneError when
    there is nobody to score for.
    """
    live = api.read()
    previous = current_detection(live)
    step = config.step_seconds
    until = newest_complete(now, config.source.delay_seconds, step)
    span = to_score(scored_through(previous), until, step, config.interval_seconds)
    if span.empty:
        log("info", "no new window is complete", scored_through=iso(span.since))
        return ExitCode.OK
    try:
        # Only here: a run without a new window needs no numpy.
        from detector_runtime.commands.score_windows import score_windows  # noqa: PLC0415

        told = known(live, previous)
        scored = score_windows(
            config,
            open_source,
            models,
            span,
            told,
            open_events=open_events,
            open_context=open_context,
        )
    except RunError as error:
        _apply_failure(config, api, live, error, int(now))
        raise
    except Exception as error:
        # A defect of ours must show in the status, or the service would look watched.
        failure = RunError(f"{type(error).__name__}: {error}")
        _apply_failure(config, api, live, failure, int(now))
        raise
    _apply_windows(config, api, live, scored, int(now))
    return ExitCode.OK


def known(live: LiveService, previous: Detection | None) -> Known:
    """What the status says of the time before this run. Dependencies that cannot be read are none:
    they only name what is found."""
    told = Known()
    if previous is not None:
        told = Known(previous.windows, objectives=previous.objectives, context=previous.context)
    if live.dependencies is None:
        return told
    try:
        found = decode(Dependencies, live.dependencies, "status.dependencies")
    except ContractError as error:
        log("warning", "status.dependencies cannot be read", error=str(error))
        return told
    return replace(told, dependencies=found)


def current_detection(live: LiveService) -> Detection | None:
    """The present `.status.detection`; None when there is none or it cannot be read.

    ApiRefusedError for one of a newer format, which is left alone.
    """
    if live.detection is None:
        return None
    version = live.detection.get("formatVersion", FORMAT_VERSION)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ApiRefusedError(
            f"status.detection is of format {version}, this runtime writes {FORMAT_VERSION}; "
            "use the newer runtime image"
        )
    try:
        return decode(Detection, whole_detection(live.detection), "status.detection")
    except ContractError as error:
        log("warning", "status.detection cannot be read and is written anew", error=str(error))
        return None


def _apply_windows(
    config: RunConfig, api: KubernetesAPI, live: LiveService, scored: Scored, now: int
) -> None:
    revision = config.model.revision if config.model is not None else ""
    for _ in range(MAX_CONFLICTS):
        previous = current_detection(live)
        before = scored_through(previous)
        if before is not None and before >= scored.span.until:
            log("info", "another run has scored these windows", scored_through=iso(before))
            return
        run = run_status(previous, scored.outcome, scored.message, now)
        detection = joined(previous, scored, revision, run)
        try:
            api.apply(encode(detection), live.resource_version)
        except ChangedMeanwhileError:
            live = api.read()
            continue
        log(
            "info",
            "scored",
            windows=len(scored.reports),
            scored_through=detection.scored_through,
            verdict=scored.reports[-1].verdict.value,
            skipped=detection.skipped_windows,
        )
        return
    raise ApiUnavailableError(
        f"API server: the AnomalyService changed during each of {MAX_CONFLICTS} tries"
    )


def _apply_failure(
    config: RunConfig, api: KubernetesAPI, live: LiveService, error: RunError, now: int
) -> None:
    """Say why the run failed, unless the status says so already."""
    revision = config.model.revision if config.model is not None else ""
    for _ in range(MAX_CONFLICTS):
        previous = current_detection(live)
        run = run_status(previous, error.outcome, str(error), now)
        detection = failed(previous, revision, run)
        if detection is None:
            return
        try:
            api.apply(encode(detection), live.resource_version)
        except ChangedMeanwhileError:
            live = api.read()
            continue
        return
