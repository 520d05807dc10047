"""Why a training did not end well: each cause has one reason and says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.api.reasons import Reason
from anomaly_operator.observe.pods import pod_state
from anomaly_operator.world.diagnosis import diagnose, training_report
from anomaly_operator.world.objects import JobState
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import RunOutcome


def pod(container: dict[str, Any] | None = None, created: int = 0, **status: Any) -> Any:
    statuses = [{"state": container}] if container else []
    return pod_state(
        {
            "kind": "Pod",
            "metadata": {
                "name": f"p{created}",
                "creationTimestamp": f"2026-11-22T10:00:{created:02d}Z",
            },
            "status": {"containerStatuses": statuses, **status},
        }
    )


def ended(code: int, **fields: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, **fields}}


def report(outcome: RunOutcome, message: str = "why") -> str:
    return dumps(TrainReport(outcome=outcome, message=message))


CAUSES = {
    "source": (pod(ended(69, message=report(RunOutcome.SOURCE_UNAVAILABLE))), "SourceUnavailable"),
    "query": (pod(ended(78, message=report(RunOutcome.INVALID_QUERY))), "InvalidQuery"),
    "no data": (pod(ended(69, message=report(RunOutcome.NO_DATA))), "NoData"),
    "gate": (pod(ended(0, message=report(RunOutcome.REJECTED))), "ValidationFailed"),
    "secret": (pod(ended(78, message=report(RunOutcome.SECRET_MISSING))), "SecretMissing"),
    "volume full": (pod(ended(73)), "StorageFull"),
    "config": (pod(ended(78)), "InvalidConfig"),
    "memory": (pod(ended(137, reason="OOMKilled")), "OutOfMemory"),
    "killed": (pod(ended(137)), "OutOfMemory"),
    "evicted": (
        pod(phase="Failed", reason="Evicted", message="The node was low on resource"),
        "Evicted",
    ),
    "preempted": (
        pod(
            conditions=[
                {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
            ]
        ),
        "Evicted",
    ),
    "image": (
        pod({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
        "ImageUnavailable",
    ),
    "image name": (pod({"waiting": {"reason": "InvalidImageName"}}), "ImageUnavailable"),
    "config map": (
        pod({"waiting": {"reason": "CreateContainerConfigError", "message": "no configmap"}}),
        "ConfigMissing",
    ),
    "no node": (
        pod(
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available",
                }
            ]
        ),
        "Unschedulable",
    ),
    "crash": (pod(ended(1)), "InternalError"),
    "crash with an unreadable report": (pod(ended(1, message="Traceback ...")), "InternalError"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_one_reason(cause: str) -> None:
    found, reason = CAUSES[cause]
    diagnosis = diagnose(JobState(failed=True), [found], "1h")
    assert diagnosis.reason is Reason(reason)
    assert diagnosis.message


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (JobState(failed=True, failure_reason="DeadlineExceeded"), Reason.DEADLINE_EXCEEDED),
        (JobState(failed=True, failure_reason="BackoffLimitExceeded"), Reason.REPORT_MISSING),
    ],
)
def test_without_pods_the_job_is_heard(job: JobState, reason: Reason) -> None:
    assert diagnose(job, [], "1h").reason is reason


@pytest.mark.parametrize("code", [137, 143])
def test_a_pod_that_the_deadline_ended_does_not_hide_the_deadline(code: int) -> None:
    job = JobState(failed=True, failure_reason="DeadlineExceeded")
    silent = pod(ended(code, reason="Error"), created=2)
    assert diagnose(job, [silent], "1h").reason is Reason.DEADLINE_EXCEEDED
    full = pod(ended(137, reason="OOMKilled"), created=1)
    assert diagnose(job, [full, silent], "1h").reason is Reason.OUT_OF_MEMORY
    told = pod(ended(143, message=report(RunOutcome.SOURCE_UNAVAILABLE)), created=1)
    assert diagnose(job, [told, silent], "1h").reason is Reason.SOURCE_UNAVAILABLE


def test_the_newest_pod_that_tells_something_is_believed() -> None:
    older = pod(ended(137, reason="OOMKilled"), created=1)
    newer = pod(ended(69, message=report(RunOutcome.SOURCE_UNAVAILABLE)), created=2)
    silent = pod({"running": {}}, created=3)
    assert diagnose(JobState(failed=True), [older, silent, newer], "1h").reason is (
        Reason.SOURCE_UNAVAILABLE
    )


def test_a_report_of_another_format_is_no_report() -> None:
    other = report(RunOutcome.SUCCEEDED).replace('"formatVersion":1', '"formatVersion":2')
    assert training_report([pod(ended(0, message=other))]) is None
    assert training_report([pod(ended(0, message=report(RunOutcome.SUCCEEDED)))]) is not None
