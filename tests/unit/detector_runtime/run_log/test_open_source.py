"""Which source a run reads, what is missing where there is none, and who knows its state."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from detector_runtime.contract.run_config import MetricSpec, RunConfig, SourceSpec
from detector_runtime.contract.training_run import (
    LogFile,
    Trainer,
    TrainerKind,
    TrainingRunSpec,
)
from detector_runtime.contract.vocabulary import Direction, Role, RunKind, SourceType, Unit
from detector_runtime.errors import ConfigInvalidError
from detector_runtime.run_log.file_rows import TextLog
from detector_runtime.run_log.mlflow_rows import MLflowRows
from detector_runtime.run_log.objects import Absent, Found
from detector_runtime.run_log.open_source import open_rows, run_state
from detector_runtime.run_log.prometheus_rows import PrometheusRows
from detector_runtime.run_log.source import RowSource
from detector_runtime.run_log.train_job import TrainJobRows
from detector_runtime.run_log.trainer import TrainerReading, TrainerState
from loopback.settings import prometheus_source, run_config

LOG = LogFile("train.jsonl")
TRAIN_JOB = Trainer(TrainerKind.TRAIN_JOB, "llama")
NO_SOURCE = SourceSpec("", SourceType.RUN_LOG)
PROMETHEUS = prometheus_source("http://127.0.0.1:9")
STEP = MetricSpec("step", Role.STEP, "step", Unit.NONE, Direction.UP)
MLFLOW = replace(PROMETHEUS, type=SourceType.MLFLOW)


class Conditions:
    """An API server that knows one condition, or nothing."""

    def __init__(self, condition: str = "") -> None:
        self._condition = condition

    def get(self, group_version: str, resource: str, name: str) -> Found:
        if not self._condition:
            return Found(absent=Absent.OBJECT)
        return Found({"status": {"conditions": [{"type": self._condition, "status": "True"}]}})


def config_of(source: SourceSpec, run: TrainingRunSpec | None) -> RunConfig:
    return replace(run_config(RunKind.FOLLOW, source), training_run=run, metrics=())


def opened(config: RunConfig, folder: Path) -> RowSource:
    return open_rows(config, run_data=folder, auth=folder, ca=folder, api=Conditions())


@pytest.mark.parametrize(
    ("source", "run", "kind"),
    [
        (NO_SOURCE, TrainingRunSpec(log=LOG, trainer=TRAIN_JOB), TextLog),
        (PROMETHEUS, TrainingRunSpec(log=LOG), TextLog),
        (MLFLOW, TrainingRunSpec(mlflow_run="abc", trainer=TRAIN_JOB), MLflowRows),
        (replace(NO_SOURCE, type=SourceType.TRAIN_JOB), TrainingRunSpec(trainer=TRAIN_JOB),
         TrainJobRows),
    ],
)  # fmt: skip
def test_the_source_of_rows(tmp_path, source, run, kind):
    assert isinstance(opened(config_of(source, run), tmp_path), kind)


def test_metrics_are_rows_of_prometheus(tmp_path):
    config = replace(config_of(PROMETHEUS, TrainingRunSpec(trainer=TRAIN_JOB)), metrics=(STEP,))
    assert isinstance(opened(config, tmp_path), PrometheusRows)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (config_of(PROMETHEUS, None), "trainingRun is missing"),
        (config_of(MLFLOW, TrainingRunSpec()), "spec.trainingRun.mlflow.runId is needed"),
        (config_of(PROMETHEUS, TrainingRunSpec()), "spec.metrics: none has the role Step"),
        (config_of(NO_SOURCE, TrainingRunSpec()), "names no source of rows"),
        (config_of(NO_SOURCE, TrainingRunSpec(trainer=Trainer(TrainerKind.JOB, "llama"))),
         "names no source of rows"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(tmp_path, config, said):
    with pytest.raises(ConfigInvalidError, match=said):
        opened(config, tmp_path)


@pytest.mark.parametrize(
    ("condition", "by_source", "state"),
    [
        ("Complete", TrainerState.RUNNING, TrainerState.COMPLETED),
        ("", TrainerState.FAILED, TrainerState.FAILED),
        ("", TrainerState.UNKNOWN, TrainerState.UNKNOWN),
    ],
)
def test_the_workload_knows_its_state_better_than_the_source(tmp_path, condition, by_source, state):
    config = config_of(MLFLOW, TrainingRunSpec(mlflow_run="abc", trainer=TRAIN_JOB))
    rows = opened(config, tmp_path)
    assert isinstance(rows, MLflowRows)
    rows.trainer = TrainerReading(by_source)
    assert run_state(config, rows, Conditions(condition)).state is state


def test_without_a_trainer_the_source_is_asked(tmp_path):
    config = config_of(MLFLOW, TrainingRunSpec(mlflow_run="abc"))
    rows = opened(config, tmp_path)
    assert isinstance(rows, MLflowRows)
    rows.trainer = TrainerReading(TrainerState.COMPLETED)
    assert run_state(config, rows, None).state is TrainerState.COMPLETED
    log = config_of(NO_SOURCE, TrainingRunSpec(log=LOG))
    assert run_state(log, opened(log, tmp_path), None).state is TrainerState.UNKNOWN


def test_only_metrics_of_prometheus_need_numpy():
    modules = ("open_source", "mlflow_rows", "mlflow_api", "train_job", "trainer", "open_log")
    names = ", ".join(f"detector_runtime.run_log.{one}" for one in modules)
    code = f"import sys, {names}; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
