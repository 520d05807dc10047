"""Raw objects become values; nothing raw raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api.text import unix_seconds
from anomaly_operator.observe.pods import pod_state
from anomaly_operator.observe.read import (
    anomaly_object,
    child_object,
    policy_object,
    service_object,
)
from anomaly_operator.world.objects import CronJobState, JobState


def job(*conditions: dict[str, Any], **status: Any) -> JobState:
    raw = {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "metadata": {"annotations": {"anomaly-operator.dev/train-reason": "Schedule"}},
        "status": {"conditions": list(conditions), **status},
    }
    state = child_object(raw).state
    assert isinstance(state, JobState)
    return state


ENDED = {"status": "True", "lastTransitionTime": "2026-11-22T10:00:00Z"}


def test_a_job_under_way() -> None:
    state = job(ready=1, startTime="2026-11-22T09:00:00Z")
    assert (state.ready, state.done, state.reason) == (1, False, "Schedule")
    assert state.started == 1795338000


def test_a_job_that_succeeded_and_one_that_failed() -> None:
    assert job({"type": "Complete", **ENDED}).succeeded
    failed = job({"type": "Failed", "reason": "DeadlineExceeded", "message": "long", **ENDED})
    assert (failed.failed, failed.failure_reason, failed.finished) == (
        True,
        "DeadlineExceeded",
        1795341600,
    )


def test_a_condition_that_does_not_hold_ends_nothing() -> None:
    assert not job({"type": "Failed", "status": "False"}, {"type": "FailureTarget", **ENDED}).done


def test_a_cronjob_tells_its_configuration_and_nothing_of_its_runs() -> None:
    raw = {
        "kind": "CronJob",
        "metadata": {"annotations": {"anomaly-operator.dev/config": "c"}},
        "status": {"active": [{}], "lastScheduleTime": "2026-11-22T10:00:00Z"},
    }
    assert child_object(raw).state == CronJobState("c")


def test_a_spec_of_the_same_generation_is_not_parsed_again() -> None:
    raw = {
        "kind": "AnomalyService",
        "metadata": {"uid": "u", "generation": 1, "resourceVersion": "1"},
        "spec": {"preset": "OpenTelemetrySpanMetrics"},
    }
    first = service_object(raw)
    again = service_object({**raw, "status": {"detection": {"a": 1}, "state": "Healthy"}}, first)
    assert again.spec is first.spec
    assert again.detection == b'{"a":1}'
    assert again.status == b'{"state":"Healthy"}'
    anew = service_object({**raw, "metadata": {**raw["metadata"], "uid": "v"}}, first)
    assert anew.spec is not first.spec


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2026-11-22T10:00:00Z", 1795341600), ("2026-11-22T10:00:00", 0), ("soon", 0), (None, 0)],
)
def test_times_without_a_zone_count_as_absent(text: str | None, seconds: int) -> None:
    assert unix_seconds(text) == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "labels",
            "annotations",
            "ownerReferences",
            "uid",
            "generation",
            "conditions",
            "active",
            "containerStatuses",
            "phase",
            "detection",
            "serviceRef",
            "creationTimestamp",
        ]
    ),
    JSON,
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["Job", "CronJob", "PersistentVolumeClaim", "ConfigMap"]),
    metadata=FIELDS | JSON,
    status=FIELDS | JSON,
    spec=FIELDS | JSON,
)
def test_whatever_the_fields_hold_nothing_is_raised(
    kind: str, metadata: Any, status: Any, spec: Any
) -> None:
    raw = {"kind": kind, "metadata": metadata, "status": status, "spec": spec}
    child_object(raw)
    pod_state(raw)
    service_object(raw)
    policy_object(raw)
    anomaly_object(raw)
