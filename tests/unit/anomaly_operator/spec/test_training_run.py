"""`spec.profile` and `spec.trainingRun` as values, and what of them is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.spec.profile import Profile
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.spec.service_parse import incident_plan, parse_service
from anomaly_operator.spec.training_run import SuspendOn, TrainingRunPlan
from detector_runtime.contract.training_run import (
    THRESHOLDS,
    DeclaredSchedule,
    LogFile,
    RateSchedule,
    SnapshotPlan,
    Trainer,
    TrainerKind,
    TrainingRunSpec,
)
from detector_runtime.contract.vocabulary import Direction, SourceType
from detector_runtime.training_run.thresholds import STANDARD

LOG = {"claim": "llama-run", "path": "logs/train.jsonl"}
JOB = {"kind": "Job", "name": "llama"}
PRESET = {"preset": "OpenTelemetrySpanMetrics"}


def service(run: Any, **spec: Any) -> ServiceSpec:
    found, problems = parse_service({"profile": "TrainingRun", "trainingRun": run, **spec})
    assert found is not None, problems
    assert problems == ()
    return found


def plan(**run: Any) -> TrainingRunPlan:
    found = service({"log": LOG, **run}).training_run
    assert found is not None
    return found


def refused(run: Any, **spec: Any) -> str:
    found, problems = parse_service({"profile": "TrainingRun", "trainingRun": run, **spec})
    assert found is None
    return " | ".join(map(str, problems))


def test_a_log_is_all_that_a_run_needs() -> None:
    found = service({"log": LOG})
    assert found.profile is Profile.TRAINING_RUN
    assert found.training_run == TrainingRunPlan(
        TrainingRunSpec(log=LogFile("logs/train.jsonl")), SourceType.RUN_LOG, claim="llama-run"
    )


def test_defaults_go_by_the_profile() -> None:
    run, plain = service({"log": LOG}), parse_service(PRESET)[0]
    assert plain is not None
    assert (run.step_seconds, run.interval_seconds, run.incidents.confirmation_cycles) == (
        60,
        60,
        1,
    )
    assert (plain.step_seconds, plain.interval_seconds) == (120, 120)
    assert plain.incidents.confirmation_cycles == 2
    assert incident_plan({"profile": "TrainingRun", "step": 3}).confirmation_cycles == 1


def test_defaults_that_left_the_schema_are_those_that_it_had() -> None:
    """Else every service would be trained anew after an upgrade."""
    written = {**PRESET, "step": "2m", "incidents": {"confirmationCycles": 2}}
    assert parse_service(PRESET) == parse_service(written)
    assert parse_service({**PRESET, "profile": "Microservice"}) == parse_service(PRESET)


def test_everything_of_a_run_arrives() -> None:
    schedule = {"kind": "Cosine", "peak": "3e-4", "warmupSteps": 2000, "totalSteps": 143_000}
    found = plan(
        log={**LOG, "columns": {"loss": "train_loss"}, "ignore": ["tokens"]},
        trainer=JOB,
        totalSteps=143_000,
        schedule={**schedule, "final": "0.00003"},
        thresholds={"zScore": "4", "multiple": 4},
        stall={"factor": "5", "after": "20m"},
        checkpoints="checkpoints/checkpoint-{step}",
        snapshots={"copy": True, "keep": 5, "maxSize": "1Gi"},
        suspendOn="Critical",
    )
    run = found.run
    assert run.log == LogFile(
        "logs/train.jsonl", columns=(("loss", "train_loss"),), ignore=("tokens",)
    )
    assert run.trainer == Trainer(TrainerKind.JOB, "llama")
    assert run.schedule == DeclaredSchedule(
        RateSchedule.COSINE, 3e-4, warmup_steps=2000, total_steps=143_000, final=3e-5
    )
    assert run.thresholds == (("multiple", 4.0), ("zScore", 4.0))
    assert (run.total_steps, run.stall_factor, run.stall_seconds) == (143_000, 5.0, 1200)
    assert run.snapshots == SnapshotPlan(
        checkpoints="checkpoints/checkpoint-{step}", copy=True, keep=5, max_bytes=2**30
    )
    assert found.suspend_on is SuspendOn.CRITICAL


@pytest.mark.parametrize(
    ("run", "spec", "rows"),
    [
        ({"mlflow": {"runId": "abc"}}, {}, SourceType.MLFLOW),
        ({"trainer": {"kind": "TrainJob", "name": "llama"}}, {}, SourceType.TRAIN_JOB),
        (
            {"trainer": JOB},
            {"metrics": [{"name": "step", "role": "Step", "query": "step"}]},
            SourceType.PROMETHEUS,
        ),
    ],
)
def test_rows_may_come_from_elsewhere_and_then_there_is_no_place_for_snapshots(
    run: Any, spec: Any, rows: SourceType
) -> None:
    found = service(run, **spec).training_run
    assert found is not None
    assert (found.rows, found.claim, found.run.log) == (rows, "", None)
    assert not found.run.snapshots.enabled
    assert not found.writes_to_claim


def test_a_log_is_only_read_where_nothing_is_kept() -> None:
    assert plan().writes_to_claim
    assert not plan(snapshots={"enabled": False}).writes_to_claim


def test_a_metric_of_a_run_may_move_either_way() -> None:
    metrics = [{"name": "step", "role": "Step", "query": "step"}]
    assert service({}, metrics=metrics).metrics[0].direction is Direction.BOTH


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({}, "spec.trainingRun: has no source of rows"),
        ({"trainer": JOB}, "has no source of rows; set log, mlflow, spec.metrics, or a trainer"),
        ({"log": LOG, "mlflow": {"runId": "a"}}, "has log and mlflow; keep one source of rows"),
        ({"log": {"path": "a"}}, "spec.trainingRun.log.claim: required; write for example"),
        ({"log": {**LOG, "path": "/a"}}, "spec.trainingRun.log.path: '/a' leaves the claim"),
        ({"log": {**LOG, "path": "a/../b"}}, "'a/../b' leaves the claim; write a relative path"),
        ({"log": {**LOG, "columns": {"ppl": "x"}}}, "log.columns: 'ppl' is none of step, time"),
        ({"log": {**LOG, "columns": {"loss": ""}}}, "none of them empty"),
        ({"log": {**LOG, "ignore": ["x"] * 33}}, "has 33 entries, at most 32 are allowed"),
        ({"mlflow": {"runId": "a/b"}}, "mlflow.runId: 'a/b' is no id of an MLflow run"),
        ({"log": LOG, "trainer": {"kind": "Job"}}, "trainer.name: is empty; write the name of a"),
        ({"log": LOG, "trainer": {"name": "a"}}, "trainer.kind: is missing; write one of Job, Tra"),
        ({"log": LOG, "thresholds": {"zscore": "3"}}, "thresholds.zscore: is no threshold"),
        ({"log": LOG, "thresholds": {"zScore": "0"}}, "zScore: 0 is not between 1 and 100"),
        ({"log": LOG, "thresholds": {"multiple": 1}}, "multiple: 1 is not between 2 and 20"),
        ({"log": LOG, "stall": {"factor": "1"}}, "stall.factor: 1 is not between 2 and 1000"),
        ({"log": LOG, "stall": {"after": "10s"}}, "stall.after: 10s is less than 60s"),
        ({"log": LOG, "checkpoints": "last"}, "checkpoints: 'last' does not hold {step} once"),
        ({"log": LOG, "checkpoints": "../{step}"}, "checkpoints: '../{step}' leaves the claim"),
        ({"log": LOG, "snapshots": {"path": "/x"}}, "snapshots.path: '/x' leaves the claim"),
        ({"log": LOG, "snapshots": {"maxSize": "0"}}, "snapshots.maxSize: 0 is not above 0"),
        ({"log": LOG, "snapshots": {"maxSize": "2 GB"}}, "maxSize: '2 GB' is not a quantity"),
        ({"mlflow": {"runId": "a"}, "snapshots": {"enabled": True}}, "needs a log on a claim"),
        ({"mlflow": {"runId": "a"}, "checkpoints": "{step}"}, "checkpoints: needs a log on a"),
        ({"log": LOG, "schedule": {"peak": "1"}}, "schedule.kind: is missing; write one of Const"),
        ({"log": LOG, "schedule": {"kind": "Step"}}, "schedule.peak: is ''; write the rate, as \""),
        (
            {"log": LOG, "schedule": {"kind": "Cosine", "peak": "1"}},
            "schedule.totalSteps: is missing; a schedule of kind Cosine ends there",
        ),
        (
            {"log": LOG, "schedule": {"kind": "Step", "peak": "1"}},
            "schedule.everySteps: is missing; kind Step multiplies by factor each time",
        ),
        ({"log": LOG, "suspendOn": "Critical"}, "suspendOn: is Critical, but trainer names no"),
    ],
)
def test_what_a_run_cannot_be_is_said_with_field_and_next_step(run: Any, words: str) -> None:
    assert words in refused(run)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("preset", "OpenTelemetrySpanMetrics"),
        ("sloPolicyRef", {"name": "web"}),
        ("modelRevision", "20261122-021500-3f2a9c"),
        ("periodPreset", "WorkWeek"),
        ("nonAlertingPatterns", ["metric_x"]),
    ],
)
def test_what_only_a_model_makes_sense_of_is_refused(field: str, value: Any) -> None:
    words = f"spec.{field}: has no effect for a service of profile TrainingRun; remove it"
    assert words in refused({"log": LOG}, **{field: value})


def test_roles_go_with_the_profile() -> None:
    step = {"name": "step", "role": "Step", "query": "step"}
    rate = {"name": "rate", "role": "Traffic", "query": "rate"}
    assert "rate has the role Traffic; a service of profile TrainingRun has Step" in refused(
        {}, metrics=[step, rate]
    )
    loss = {"name": "loss", "role": "Loss", "query": "loss"}
    assert "none has the role Step, so no row has a step" in refused({}, metrics=[loss])
    (problem,) = parse_service({"metrics": [step]})[1]
    assert "step has the role Step, which only a service of profile TrainingRun has" in str(problem)


def test_profile_and_description_go_together() -> None:
    (problem,) = parse_service({"profile": "TrainingRun"})[1]
    assert "spec.trainingRun: is missing; profile TrainingRun needs it" in str(problem)
    (problem,) = parse_service({**PRESET, "trainingRun": {"log": LOG}})[1]
    assert "spec.trainingRun: is only for profile TrainingRun; set spec.profile" in str(problem)


def test_the_documented_thresholds_are_those_of_the_code() -> None:
    page = Path(__file__).parents[4] / "operator" / "docs" / "training-runs.md"
    section = page.read_text().partition("### Thresholds\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert [(name.strip("| `"), float(default), allowed) for name, default, allowed, _ in rows] == [
        (name, float(getattr(STANDARD, field)), f"{bounds.least:g} to {int(bounds.most)}")
        for name, (field, bounds) in THRESHOLDS.items()
    ]
