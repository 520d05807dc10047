"""The mounted RunConfig, parsed and checked once, before anything is dialled or read.

The operator has checked the same things; a runner does not rely on it, since the file may come
from an older operator. It refuses what it cannot carry out and names the field and the value.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from detector_runtime.contract.codec import decode
from detector_runtime.contract.run_config import ModelRef, RunConfig
from detector_runtime.contract.training_run import TrainingRunSpec
from detector_runtime.contract.vocabulary import (
    ContractError,
    RunKind,
    SourceType,
    require_version,
)
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.store.names import is_revision, is_uid

MAX_CONFIG_BYTES = 1024 * 1024
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def load_config(path: Path, kind: RunKind) -> RunConfig:
    """Read the RunConfig at `path` for a run of `kind`; ConfigInvalidError says what is wrong."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigInvalidError(f"run config {path}: {error.strerror}") from error
    if len(text) > MAX_CONFIG_BYTES:
        raise ConfigInvalidError(f"run config {path}: larger than {MAX_CONFIG_BYTES} bytes")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigInvalidError(f"run config {path}: not JSON ({error})") from error
    try:
        if isinstance(document, dict):
            require_version(document, "RunConfig")
            _leave_out_retired(document)
        config = decode(RunConfig, document, strict=True)
    except ContractError as error:
        raise ConfigInvalidError(f"run config {path}: {error}") from error
    check_config(config, kind)
    return config


def _leave_out_retired(document: dict[str, Any]) -> None:
    """Fields that no run reads and an older operator wrote: its ConfigMaps are never changed."""
    service = document.get("service")
    if isinstance(service, dict):
        service.pop("generation", None)


def check_config(config: RunConfig, kind: RunKind) -> None:
    """Raise ConfigInvalidError for values that parse and yet cannot be carried out."""
    if config.kind is not kind:
        raise ConfigInvalidError(f"kind is {config.kind}, this command runs {kind}")
    if not is_uid(config.service.uid):
        raise ConfigInvalidError(f"service.uid {config.service.uid!r} is not an object uid")
    if config.step_seconds < 1 or config.interval_seconds < 1:
        raise ConfigInvalidError(
            f"stepSeconds {config.step_seconds} and intervalSeconds {config.interval_seconds} "
            "must be 1 or more"
        )
    if kind is RunKind.TRAIN and config.training.lookback_seconds < config.step_seconds:
        raise ConfigInvalidError(
            f"training.lookbackSeconds {config.training.lookback_seconds} is shorter than a step "
            f"of {config.step_seconds} s"
        )
    names = [metric.name for metric in config.metrics]
    if not names and kind is not RunKind.FOLLOW:
        raise ConfigInvalidError("metrics is empty; give at least one metric")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigInvalidError(f"metric {twice!r} is listed twice; remove one")
    for one in config.objectives:
        if not 0 < one.target < 1 or one.window_seconds < 1:
            raise ConfigInvalidError(
                f"objective {one.name!r}: target {one.target} must lie between 0 and 1, "
                f"windowSeconds {one.window_seconds} must be 1 or more"
            )
    _check_source(config)
    if kind is RunKind.SCORE:
        _check_model(config.model)
    if kind is RunKind.FOLLOW:
        _check_training_run(config.training_run)


def _check_source(config: RunConfig) -> None:
    source = config.source
    if source.type in {SourceType.PROMETHEUS, SourceType.MLFLOW} and not source.url:
        raise ConfigInvalidError(f"source {source.name!r} has no url")
    if source.type is SourceType.CSV and not _FILE.fullmatch(source.file):
        raise ConfigInvalidError(
            f"source {source.name!r}: file {source.file!r} must be a plain file name"
        )
    if source.timeout_seconds <= 0 or source.max_response_bytes < 1 or source.delay_seconds < 0:
        raise ConfigInvalidError(
            f"source {source.name!r}: timeout and maxResponseBytes must be positive, delay not "
            "negative"
        )


def _check_training_run(run: TrainingRunSpec | None) -> None:
    if run is None:
        raise ConfigInvalidError("trainingRun is missing; a run of kind Follow needs it")
    paths = {
        "snapshots.path": run.snapshots.path,
        "snapshots.checkpoints": run.snapshots.checkpoints,
    }
    if run.log is not None:
        paths["log.path"] = run.log.path
    for name, path in paths.items():
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or "\0" in path:
            raise ConfigInvalidError(
                f"trainingRun.{name} {path!r} must be relative to the root of the claim, without .."
            )
    if run.stall_factor < 1 or run.stall_seconds < 1 or run.total_steps < 0:
        raise ConfigInvalidError(
            f"trainingRun: stallFactor {run.stall_factor} and stallSeconds {run.stall_seconds} "
            f"must be 1 or more, totalSteps {run.total_steps} not negative"
        )


def _check_model(model: ModelRef | None) -> None:
    if model is None:
        raise ConfigInvalidError("a scoring run needs model.revision and model.digest")
    if not is_revision(model.revision):
        raise ConfigInvalidError(f"model.revision {model.revision!r} is not a revision name")
