"""A run that follows a training: read the own service, read what the log gained, apply
`.status.detection` and `.status.trainingRun` together, keep the state.

The status comes first. A run that dies before it kept its state is made again by the next one,
which sees in the status how far the rows have been told; two runs at once add nothing twice. A run
that fails says so once and leaves everything else as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from detector_runtime.commands.follow_rows import Job, Sources, Turn, take_turn
from detector_runtime.commands.kubernetes_api import (
    ChangedMeanwhileError,
    KubernetesAPI,
    LiveService,
)
from detector_runtime.commands.score import MAX_CONFLICTS, current_detection
from detector_runtime.commands.span import (
    failed,
    joined,
    newest_complete,
    run_status,
    scored_through,
)
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.text import iso, unix
from detector_runtime.contract.training_run import TrainingRunReport, TrainingRunSpec
from detector_runtime.contract.vocabulary import ContractError, ExitCode, RunOutcome
from detector_runtime.errors import ApiUnavailableError, ConfigInvalidError, RunError
from detector_runtime.following.due import Told
from detector_runtime.following.followed import Judging
from detector_runtime.following.progress import Patience
from detector_runtime.log import log
from detector_runtime.training_run.thresholds import ThresholdError, thresholds_of

STATE_FOLDER = ".anomaly-operator"


@dataclass(frozen=True, slots=True)
class Mounts:
    """`run_data`: the claim with the log; `models`: the claim of the runtime."""

    run_data: Path
    models: Path


def follow(
    config: RunConfig,
    api: KubernetesAPI,
    sources: Sources,
    mounts: Mounts,
    now: float,
    *,
    more: Callable[[], bool],
) -> ExitCode:
    """Read and judge what is due at `now` (UTC unix seconds), and apply it. `more`: whether there
    is time to read on.

    Raises RunError when the run failed (after saying so in the status) and ServiceGoneError when
    there is nobody to follow for.
    """
    live = api.read()
    previous = current_detection(live)
    until = newest_complete(now, config.source.delay_seconds, config.step_seconds)
    through = scored_through(previous)
    if through is not None and through >= until:
        log("info", "no new window is complete", scored_through=iso(through))
        return ExitCode.OK
    try:
        job = _job(config, mounts, now, more)
        turn = take_turn(job, _told(live, through), until, sources)
    except RunError as error:
        _apply_failure(api, live, error, int(now))
        raise
    except Exception as error:
        # A defect of ours must show in the status, or the service would look watched.
        failure = RunError(f"{type(error).__name__}: {error}")
        _apply_failure(api, live, failure, int(now))
        raise
    try:
        applied = _apply(api, live, turn, int(now), config.incidents.grace_cycles - 1)
    except BaseException:
        if turn.prepared is not None:
            turn.prepared.discard()
        raise
    if turn.prepared is not None:
        turn.prepared.commit() if applied else turn.prepared.discard()
    if turn.failure is not None:
        raise turn.failure
    return ExitCode.OK


def _job(config: RunConfig, mounts: Mounts, now: float, more: Callable[[], bool]) -> Job:
    run = config.training_run
    if run is None:
        raise ConfigInvalidError("trainingRun is missing; a run of kind Follow needs it")
    claim = mounts.run_data if run.log is not None else None
    uid = config.service.uid
    # Without snapshots the claim of the log is mounted read-only.
    on_claim = claim is not None and run.snapshots.enabled
    state = mounts.run_data / STATE_FOLDER / uid if on_claim else mounts.models / uid / "follow"
    return Job(config, run, _judging(config, run), claim, state, now, more)


def _judging(config: RunConfig, run: TrainingRunSpec) -> Judging:
    try:
        thresholds = thresholds_of(run.mode, run.thresholds)
    except ThresholdError as error:
        raise ConfigInvalidError(f"trainingRun.thresholds: {error}") from error
    patience = Patience(run.stall_factor, float(run.stall_seconds))
    shown = {"mode": run.mode.value, "thresholds": dict(run.thresholds)}
    return Judging(config.step_seconds, thresholds, patience, run.examples, shown, run.schedule)


def _told(live: LiveService, through: int | None) -> Told:
    report = known_report(live)
    if report is None:
        return Told(through)
    return Told(
        through,
        report.rows,
        report.state,
        _moment(report.since),
        report.notes,
        report.snapshots,
        report.snapshot,
    )


def known_report(live: LiveService) -> TrainingRunReport | None:
    """The present `.status.trainingRun`; None when there is none or it cannot be read."""
    if live.training_run is None:
        return None
    try:
        return decode(TrainingRunReport, live.training_run, "status.trainingRun")
    except ContractError as error:
        log("warning", "status.trainingRun cannot be read and is written anew", error=str(error))
        return None


def _moment(text: str) -> int:
    try:
        return unix(text)
    except ValueError:
        return 0


def _apply(api: KubernetesAPI, live: LiveService, turn: Turn, now: int, bridged: int) -> bool:
    """Whether the state of this run may be kept: the status says what it knows. `bridged`: Normal
    windows in a row that end no incident."""
    report = None if turn.report is None else encode(turn.report)
    for _ in range(MAX_CONFLICTS):
        previous = current_detection(live)
        before = scored_through(previous)
        if _passed(live, turn, before):
            log("info", "another run has read these rows")
            return False
        detection = _detection(previous, turn, now, bridged)
        shown = live.training_run if report is None else report
        if detection == previous and turn.report in (None, known_report(live)):
            return True
        try:
            api.apply(encode(detection), live.resource_version, shown)
        except ChangedMeanwhileError:
            live = api.read()
            continue
        _log(detection, turn.report)
        return True
    raise ApiUnavailableError(
        f"API server: the AnomalyService changed during each of {MAX_CONFLICTS} tries"
    )


def _log(detection: Detection, report: TrainingRunReport | None) -> None:
    said = {} if report is None else {"state": report.state.value, "step": report.step}
    log("info", "followed", scored_through=detection.scored_through, **said)


def _passed(live: LiveService, turn: Turn, through: int | None) -> bool:
    """Whether the status knows all that this run found, or more."""
    if turn.scored is not None:
        return through is not None and through >= turn.scored.span.until
    known = known_report(live)
    return turn.report is not None and known is not None and known.rows > turn.report.rows


def _detection(previous: Detection | None, turn: Turn, now: int, bridged: int) -> Detection:
    failure, scored = turn.failure, turn.scored
    if failure is not None:
        run = run_status(previous, failure.outcome, str(failure), now)
    elif scored is not None:
        run = run_status(previous, scored.outcome, scored.message, now)
    else:
        run = run_status(previous, RunOutcome.SUCCEEDED, "", now)
    if scored is None:
        return Detection("", run) if previous is None else replace(previous, run=run)
    # Rows of windows that are no longer listed are told in the first one that is: none is skipped.
    return replace(joined(previous, scored, "", run, bridged), skipped_windows=0)


def _apply_failure(api: KubernetesAPI, live: LiveService, error: RunError, now: int) -> None:
    """Say why the run failed, unless the status says so already."""
    for _ in range(MAX_CONFLICTS):
        previous = current_detection(live)
        detection = failed(previous, "", run_status(previous, error.outcome, str(error), now))
        if detection is None:
            return
        try:
            api.apply(encode(detection), live.resource_version, live.training_run)
        except ChangedMeanwhileError:
            live = api.read()
            continue
        return
