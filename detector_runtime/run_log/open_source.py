"""Which source the rows of a training run come from, and who says how the run stands.

A log on the claim counts first, then an MLflow run, then metrics, then the status of a TrainJob.
The kinds are imported only when they are used.
"""

from __future__ import annotations

import time
from pathlib import Path

from detector_runtime.contract.run_config import RunConfig
from detector_runtime.contract.training_run import TrainerKind
from detector_runtime.contract.vocabulary import SourceType
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log.objects import ObjectReader
from detector_runtime.run_log.source import RowSource
from detector_runtime.run_log.trainer import (
    UNKNOWN,
    KnowsTrainer,
    TrainerReading,
    trainer_state,
)

SECONDS = 120.0
"""For all requests of one run to a service, where the caller gives none."""
GRACE = 10.0
"""Seconds more, so that a caller who reads no longer than `seconds` ends before a request does."""


def open_rows(
    config: RunConfig,
    *,
    run_data: Path,
    auth: Path,
    ca: Path,
    api: ObjectReader | None,
    api_server: tuple[str, int] | None = None,
    seconds: float = SECONDS,
) -> RowSource:
    """The rows of `config.training_run`. `run_data`: where the claim with the log is mounted;
    `auth` and `ca`: Secret and CA bundle of the source; `api_server`: the address that no source
    may lead to. RunError where the source cannot be used."""
    spec = config.training_run
    if spec is None:
        raise ConfigInvalidError("trainingRun is missing; a run of kind Follow needs it")
    if spec.log is not None:
        from detector_runtime.run_log.open_log import open_log  # noqa: PLC0415 - start-up time

        return open_log(run_data, spec.log)
    if config.source.type in {SourceType.MLFLOW, SourceType.PROMETHEUS}:
        return _from_service(config, auth, ca, api_server, time.monotonic() + seconds + GRACE)
    if spec.trainer is not None and spec.trainer.kind is TrainerKind.TRAIN_JOB and api is not None:
        from detector_runtime.run_log.train_job import TrainJobRows  # noqa: PLC0415

        return TrainJobRows(api, spec.trainer.name)
    raise ConfigInvalidError(
        "spec.trainingRun names no source of rows; give log, mlflow with an MLflow source, metrics "
        "with a Prometheus source, or a trainer of kind TrainJob"
    )


def _from_service(
    config: RunConfig,
    auth: Path,
    ca: Path,
    api_server: tuple[str, int] | None,
    deadline: float,
) -> RowSource:
    from detector_runtime.sources.prometheus_api import PrometheusMounts  # noqa: PLC0415

    mounts = PrometheusMounts(auth, ca)
    if config.source.type is SourceType.MLFLOW:
        from detector_runtime.run_log.mlflow_api import MLflowAPI  # noqa: PLC0415
        from detector_runtime.run_log.mlflow_rows import MLflowRows  # noqa: PLC0415

        run_id = config.training_run.mlflow_run if config.training_run is not None else ""
        if not run_id:
            raise ConfigInvalidError(
                f"source {config.source.name!r} is MLflow; spec.trainingRun.mlflow.runId is needed"
            )
        tracking = MLflowAPI(config.source, mounts=mounts, deadline=deadline, api_server=api_server)
        return MLflowRows(tracking, run_id, config.metrics)
    # Needs numpy, which no other source of rows does.
    from detector_runtime.run_log.prometheus_rows import PrometheusRows  # noqa: PLC0415

    return PrometheusRows(
        config.source,
        config.metrics,
        step=config.step_seconds,
        lookback=config.training.lookback_seconds,
        mounts=mounts,
        deadline=deadline,
        api_server=api_server,
    )


def run_state(config: RunConfig, rows: RowSource, api: ObjectReader | None) -> TrainerReading:
    """How the run stands, after `rows` was read: by the workload that trains, where one is named
    and says so, else by what the source knows."""
    spec = config.training_run
    named = UNKNOWN
    if spec is not None and spec.trainer is not None and api is not None:
        named = trainer_state(api, spec.trainer)
        if named.state is not UNKNOWN.state:
            return named
    if isinstance(rows, KnowsTrainer) and rows.trainer.state is not UNKNOWN.state:
        return rows.trainer
    return named
