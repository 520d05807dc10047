"""Rows and state of a TrainJob and a Job from what the API server says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from detector_runtime.contract.text import iso
from detector_runtime.contract.training_run import Trainer, TrainerKind
from detector_runtime.contract.vocabulary import RunOutcome
from detector_runtime.errors import ApiRefusedError, ApiUnavailableError, RunError
from detector_runtime.http_exchange import Reply
from detector_runtime.run_log.objects import Absent, Found, found_object
from detector_runtime.run_log.source import BadLine
from detector_runtime.run_log.train_job import TrainJobRows
from detector_runtime.run_log.trainer import TrainerState, trainer_state
from detector_runtime.training_run.rows import Row

NOW = 1_780_000_000


class Pretend:
    """An API server with one object, or none."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.asked: list[tuple[str, str, str]] = []

    def get(self, group_version: str, resource: str, name: str) -> Found:
        self.asked.append((group_version, resource, name))
        return self.found


def reported(at: int, **metrics: str) -> Found:
    listed = [{"name": name, "value": value} for name, value in metrics.items()]
    status = {"trainerStatus": {"progressPercentage": 1, "estimatedRemainingSeconds": 60,
                                "metrics": listed, "lastUpdatedTime": iso(at)}}  # fmt: skip
    return Found({"status": status})


def held(*conditions: tuple[str, str], **more: str) -> Found:
    listed = [{"type": kind, "status": status, **more} for kind, status in conditions]
    return Found({"status": {"conditions": listed}})


def test_a_report_is_a_row(tmp_path):
    api = Pretend(reported(NOW, step="40", loss="0.25", eval_loss="0.3", currentEpoch="2"))
    rows = TrainJobRows(api, "llama")
    assert list(rows.read(None, NOW + 1)) == [
        Row(40, loss=0.25, metrics={"eval_loss": 0.3}, time=float(NOW))
    ]
    assert api.asked == [("trainer.kubeflow.org/v1alpha1", "trainjobs", "llama")]
    assert rows.notes() == ()


@pytest.mark.parametrize("name", ["global_step", "current_step", "currentStep"])
def test_other_names_of_the_step(name):
    rows = TrainJobRows(Pretend(reported(NOW, **{name: "40"}, loss="1")), "llama")
    assert list(rows.read(None, NOW + 1)) == [Row(40, loss=1.0, time=float(NOW))]


def test_a_report_that_is_not_due_waits_in_the_position():
    rows = TrainJobRows(Pretend(reported(NOW, step="40", loss="1")), "llama")
    assert list(rows.read(None, NOW)) == []
    position = json.loads(json.dumps(rows.position()))
    later = TrainJobRows(Pretend(reported(NOW + 60, step="50", loss="2")), "llama")
    assert list(later.read(position, NOW + 60)) == [Row(40, loss=1.0, time=float(NOW))]
    last = TrainJobRows(Pretend(reported(NOW + 60, step="50", loss="2")), "llama")
    assert list(last.read(later.position(), NOW + 120)) == [Row(50, loss=2.0, time=NOW + 60.0)]
    assert list(TrainJobRows(last._api, "llama").read(last.position(), NOW + 180)) == []


def test_what_waits_is_bounded():
    position = None
    for n in range(40):
        rows = TrainJobRows(Pretend(reported(NOW + n, step=str(n), loss="1")), "llama")
        assert list(rows.read(position, NOW)) == []
        position = rows.position()
    assert position is not None
    assert len(position["held"]) == 16


def test_an_update_that_repeats_the_values_is_no_row():
    rows = TrainJobRows(Pretend(reported(NOW, step="40", loss="1")), "llama")
    list(rows.read(None, NOW + 1))
    again = TrainJobRows(Pretend(reported(NOW + 30, step="40", loss="1")), "llama")
    assert list(again.read(rows.position(), NOW + 60)) == []


def test_a_report_without_a_step_says_what_is_missing():
    rows = TrainJobRows(Pretend(reported(NOW, loss="1")), "llama")
    (bad,) = rows.read(None, NOW + 1)
    assert bad == BadLine(
        "status.trainerStatus",
        "has no step; the trainer must report one as step, global_step, current_step",
    )


def test_a_value_that_is_no_number_is_a_bad_line():
    rows = TrainJobRows(Pretend(reported(NOW, step="40", loss="low")), "llama")
    assert list(rows.read(None, NOW + 1)) == [BadLine("status.trainerStatus", "loss is no number")]


@pytest.mark.parametrize("document", [{}, {"status": {}}, {"status": {"trainerStatus": None}}])
def test_a_trainer_that_does_not_report_is_a_note(document):
    rows = TrainJobRows(Pretend(Found(document)), "llama")
    assert list(rows.read(None, NOW)) == []
    assert "has no status.trainerStatus yet" in rows.notes()[0]


@pytest.mark.parametrize(
    ("absent", "outcome", "said"),
    [
        (Absent.KIND, RunOutcome.INVALID_CONFIG,
         "this cluster does not serve trainjobs.trainer.kubeflow.org; install Kubeflow Trainer"),
        (Absent.RIGHT, RunOutcome.INVALID_CONFIG,
         "grant this pod's service account `get` on trainjobs.trainer.kubeflow.org"),
        (Absent.OBJECT, RunOutcome.SOURCE_UNAVAILABLE, "TrainJob 'llama' does not exist"),
    ],
)  # fmt: skip
def test_a_train_job_that_cannot_be_read_names_the_next_step(absent, outcome, said):
    rows = TrainJobRows(Pretend(Found(absent=absent)), "llama")
    with pytest.raises(RunError) as caught:
        list(rows.read(None, NOW))
    assert caught.value.outcome is outcome
    assert said in str(caught.value)


def test_a_train_job_that_is_gone_ends_its_rows():
    rows = TrainJobRows(Pretend(reported(NOW, step="40", loss="1")), "llama")
    list(rows.read(None, NOW))
    gone = TrainJobRows(Pretend(Found(absent=Absent.OBJECT)), "llama")
    assert len(list(gone.read(rows.position(), NOW + 1))) == 1
    assert "does not exist; it was deleted" in gone.notes()[0]


@pytest.mark.parametrize("kind", list(TrainerKind))
@pytest.mark.parametrize(
    ("found", "state"),
    [
        (held(("Complete", "True")), TrainerState.COMPLETED),
        (held(("SuccessCriteriaMet", "True")), TrainerState.RUNNING),
        (held(("Failed", "True"), ("Suspended", "False")), TrainerState.FAILED),
        (held(("Suspended", "True")), TrainerState.SUSPENDED),
        (held(("Suspended", "False")), TrainerState.RUNNING),
        (Found({}), TrainerState.RUNNING),
        (Found({"status": {"conditions": ["x"]}}), TrainerState.RUNNING),
        (Found(absent=Absent.OBJECT), TrainerState.UNKNOWN),
        (Found(absent=Absent.KIND), TrainerState.UNKNOWN),
        (Found(absent=Absent.RIGHT), TrainerState.UNKNOWN),
    ],
)
def test_the_state_of_a_trainer(kind, found, state):
    reading = trainer_state(Pretend(found), Trainer(kind, "llama"))
    assert reading.state is state
    # What must be explained is explained.
    assert bool(reading.note) == (
        state in {TrainerState.FAILED, TrainerState.SUSPENDED, TrainerState.UNKNOWN}
    )


def test_a_failure_says_why():
    found = held(("Failed", "True"), reason="BackoffLimitExceeded", message="too often\nfailed")
    reading = trainer_state(Pretend(found), Trainer(TrainerKind.JOB, "llama"))
    assert reading.note == "Job 'llama' failed: BackoffLimitExceeded: too often failed"


def reply(status: int, document: Mapping[str, Any] | str) -> Reply:
    text = document if isinstance(document, str) else json.dumps(document)
    return Reply(status, {}, text.encode())


def test_replies_of_the_api_server():
    named = {"kind": "Status", "reason": "NotFound", "details": {"name": "llama", "kind": "jobs"}}
    assert found_object(reply(200, {"status": {"a": 1}}), "x").status == {"a": 1}
    assert found_object(reply(404, named), "x").absent is Absent.OBJECT
    assert found_object(reply(404, "404 page not found\n"), "x").absent is Absent.KIND
    assert found_object(reply(403, {"message": "no"}), "x").absent is Absent.RIGHT
    with pytest.raises(ApiUnavailableError, match="answers 503 for x: later"):
        found_object(reply(503, {"message": "later"}), "x")
    with pytest.raises(ApiUnavailableError):
        found_object(reply(200, "not JSON"), "x")
    with pytest.raises(ApiRefusedError, match="GET x: 401 who"):
        found_object(reply(401, {"message": "who"}), "x")
