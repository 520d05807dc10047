"""A training run: history in, a model revision on the volume and a report out.

It decides nothing about serving: it reports the revision and whether the checks passed. Too little
history is a state with a date, not a failure. Windows that the user declared, and those of
confirmed incidents, are left out, though never more than a fifth of the history.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from detector_runtime.commands.span import newest_complete
from detector_runtime.contract.exclusions import MAX_EXCLUDED_SHARE, Exclusions, within_cap
from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.text import decimal, iso
from detector_runtime.contract.train_report import (
    NEAR_LIMIT,
    TrainReport,
    model_shape,
    slo_digest,
)
from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import MAX_MESSAGE, ConfigInvalidError, NoDataError, one_line
from detector_runtime.fitting.fit import fit_model
from detector_runtime.fitting.level_shift import TRAINED_SHARE
from detector_runtime.fitting.members import NoMemberError
from detector_runtime.model.fitted import EngineSettings, FittedModel, NotEnoughHistory
from detector_runtime.series.calendar import read_calendar
from detector_runtime.series.frame import Frame
from detector_runtime.series.quality import Quality, assess
from detector_runtime.series.reading import read_history
from detector_runtime.sources.fetched import Source
from detector_runtime.store.revisions import StoredModel, prune, save, sweep
from detector_runtime.verdict.periods import period_lookup
from detector_runtime.verdict.plausibility import contradictions

_REJECTED_STEP = "leave incidents out with spec.training.exclude, or change spec.training.lookback"
_REJECTED_VOTE_STEP = (
    "add a detector to spec.detector.members or change spec.detector.vote.rule; without members "
    "the operator chooses"
)


def train(config: RunConfig, source: Source, models: Path, now: int) -> TrainReport:
    """Train a model for `config` at `now` (UTC unix seconds); RunError when that is impossible."""
    # A model whose scoring runs would refuse the periods or the zone is not worth training.
    period_lookup(config.periods, config.time_zone)
    until = newest_complete(now, config.source.delay_seconds, config.step_seconds)
    start = until - config.training.lookback_seconds
    fetched = source.fetch(start, until)
    clean = read_history(fetched.frame, config.metrics)
    if not np.isfinite(clean.frame.values).any():
        raise NoDataError(
            f"source {config.source.name!r} has no value for any of the {len(config.metrics)} "
            f"metrics since {iso(start)}; check the queries and their labels"
        )
    quality = assess(clean, config.metrics, fetched.duplicates)
    declared = (*config.training.exclude, *read_calendar(config.calendars).untrained)
    excluded = within_cap(declared, config.training.incidents, start, until)
    # Raw, as what a wrong unit makes impossible is left out of the clean rows.
    raw = np.where(clean.rules.counter, clean.frame.values, fetched.frame.values)
    doubts = contradictions(config.metrics, config.slo, raw)
    left_in = left_in_training(excluded)
    warnings = (*doubts, *fetched.warnings, *left_in, *quality.warnings)
    try:
        model = fit_model(clean, engine_settings(config), excluded.all, config.training.accepted)
    except NotEnoughHistory as short:
        learning = _learning(clean.frame, short, quality, warnings, now)
        return replace(learning, judged_slo=slo_digest(config.slo))
    except NoMemberError as error:
        raise ConfigInvalidError(str(error)) from error
    stored = _keep(config, models, model, now)
    needed = config.training.min_univariate
    report = _trained(model, stored, quality.grade, warnings, needed)
    return replace(report, judged_slo=slo_digest(config.slo))


def engine_settings(config: RunConfig) -> EngineSettings:
    """What the engine needs to know of a service."""
    return EngineSettings(
        metrics=config.metrics,
        step_seconds=config.step_seconds,
        time_zone=config.time_zone,
        periods=config.periods,
        category=config.category,
        detector=config.detector,
        min_univariate=config.training.min_univariate,
        min_multivariate=config.training.min_multivariate,
        incidents=config.incidents,
        special=read_calendar(config.calendars).own,
    )


def left_in_training(chosen: Exclusions) -> tuple[str, ...]:
    """A warning where the cap keeps spans in training."""
    if not chosen.left_in:
        return ()
    share = f"{MAX_EXCLUDED_SHARE:.0%} of the look-back"
    spans = "exclusion stays" if chosen.left_in == 1 else "exclusions stay"
    return (f"{chosen.left_in} {spans} in training: together they exceed {share}",)


def enough_at(frame: Frame, samples: int, needed: int, now: int) -> int:
    """When the history will hold `needed` training rows, by the rate at which rows came so far."""
    held = np.flatnonzero(np.isfinite(frame.values).any(axis=1))
    span = (len(frame) - int(held[0])) * frame.step if len(held) else 0
    seconds_per_row = span / samples if samples and span else frame.step / TRAINED_SHARE
    missing = max(needed - samples, 1)
    return now + max(frame.step, int(missing * seconds_per_row))


def read_as_counters(model: FittedModel) -> tuple[str, ...]:
    """A line that names the metrics whose increase is scored; none where there are none."""
    names = [name for name, counts in zip(model.names, model.counter, strict=True) if counts]
    return (f"read as counters: {', '.join(names)}",) if names else ()


def unjudged(model: FittedModel) -> tuple[str, ...]:
    """A warning for each metric that this history hardly holds a value of."""
    known = model.ensemble.scaling.known
    return tuple(
        f"{name}: too few values, not judged until a training sees more"
        for name, enough in zip(model.names, known, strict=True)
        if not enough
    )


def libraries() -> dict[str, str]:
    """Versions that a trained model depends on."""
    found = {"python": platform.python_version(), "numpy": np.__version__}
    for name in ("anomaly-operator", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _learning(
    frame: Frame,
    short: NotEnoughHistory,
    quality: Quality,
    warnings: tuple[str, ...],
    now: int,
) -> TrainReport:
    at = iso(enough_at(frame, short.samples, short.needed, now))
    return TrainReport(
        outcome=RunOutcome.LEARNING,
        message=f"{short.samples} of {short.needed} samples, enough at about {at}",
        grade=quality.grade,
        samples=short.samples,
        needed=short.needed,
        enough_at=at,
        warnings=warnings,
    )


def _keep(config: RunConfig, models: Path, model: FittedModel, now: int) -> StoredModel:
    uid = config.service.uid
    serving = config.model.revision if config.model is not None else ""
    keep = max(config.training.keep_revisions, 1)
    # Before the write, so that a full volume gets room; the serving one is never touched.
    prune(models, uid, keep - 1, serving, now)
    part = config.training.live_part
    live = config.training.live_services if part is None else part.uids
    sweep(models, uid, live, now, prefix=part.prefix if part else "")
    arrays, meta = model.to_arrays()
    return save(
        models,
        config.service,
        arrays={name: np.asarray(array) for name, array in arrays.items()},
        engine=meta,
        libraries=libraries(),
        now=now,
    )


def _rejected(failures: Sequence[str], *, voted: bool) -> str:
    """Cut where the failures are long, as the next step must still fit behind them."""
    step = _REJECTED_VOTE_STEP if voted else _REJECTED_STEP
    failed = one_line(f"failed its checks: {'; '.join(failures)}", MAX_MESSAGE - len(step) - 2)
    return f"{failed}; {step}"


def _validation(model: FittedModel) -> str:
    if not model.validation.passed:
        return "Failed"
    near = model.validation.near
    return f"{NEAR_LIMIT}: {'; '.join(near)}" if near else "Passed"


def _trained(
    model: FittedModel,
    stored: StoredModel,
    grade: str,
    warnings: tuple[str, ...],
    needed: int,
) -> TrainReport:
    passed = model.validation.passed
    warnings = (*unjudged(model), *warnings)
    failures = (*model.validation.failures, *filter(None, [model.level_shift]))
    return TrainReport(
        outcome=RunOutcome.SUCCEEDED if passed else RunOutcome.REJECTED,
        message=(
            f"trained on {model.samples} samples, data grade {grade}"
            if passed
            else _rejected(failures, voted=model.ensemble.vote is not None)
        ),
        revision=stored.ref.revision,
        digest=stored.ref.digest,
        arrays_digest=stored.arrays_digest,
        trained_at=stored.trained_at,
        grade=grade,
        samples=model.samples,
        needed=needed,
        detectors=(*model.detectors, *read_as_counters(model)),
        multivariate=model.multivariate,
        provisional=model.provisional,
        validation=_validation(model),
        warnings=warnings,
        level_shift=model.level_shift,
        shape=model_shape(model.names, model.step),
        expected_per_week=decimal(float(model.expected_by_severity[1]), 2),
    )
