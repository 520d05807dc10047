"""An API server that refuses: tried again later each time, told from the second time on."""

from __future__ import annotations

import pytest

from anomaly_operator.api.errors import (
    ApiError,
    ForbiddenError,
    RefusedError,
    UnreachableError,
    from_response,
)
from anomaly_operator.api.reasons import Reason
from anomaly_operator.controller.execute import Executor
from anomaly_operator.controller.refusal_backoff import RefusalBackoff
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.world.plan import Create
from anomaly_operator.world.refusal import refusal, refusal_diagnosis

KEY = ("AnomalyService", "shop", "checkout")


class Desk:
    """A book of refusals, its queue and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cache = Cache()
        self.queue = WorkQueue(lambda: self.now, jitter=lambda: 0.0)
        self.refusals = RefusalBackoff(lambda: self.now, self.cache, self.queue)
        self.service(1)

    def service(self, generation: int, requested: str = "") -> None:
        note = {"anomaly-operator.dev/train-requested-at": requested} if requested else {}
        Intake(self.cache, lambda _change: None).take(
            {
                "apiVersion": "anomaly-operator.dev/v1alpha1",
                "kind": "AnomalyService",
                "metadata": {
                    "namespace": "shop",
                    "name": "checkout",
                    "uid": "u",
                    "generation": generation,
                    "resourceVersion": f"{generation}{len(requested)}",
                    "annotations": note,
                },
                "spec": {"preset": "OpenTelemetrySpanMetrics"},
            }
        )

    def refused(self, name: str = "train-1", kind: str = "Job") -> bool:
        cause = ForbiddenError(403, "403 Forbidden: exceeded quota: q", "create /jobs")
        return self.refusals.take(KEY, RefusedError(kind, name, cause), self.refusals.view(KEY))


@pytest.fixture
def desk() -> Desk:
    """One whose key has been refused once, a moment ago."""
    found = Desk()
    assert not found.refused()
    assert found.refusals.view(KEY).refused == ()
    found.queue.retry(KEY)
    return found


def test_the_second_refusal_in_a_row_is_told(desk: Desk) -> None:
    assert desk.refused()
    view = desk.refusals.view(KEY)
    assert view.holds("Job", "train-1")
    assert not view.retrying
    assert view.bars_training


def test_each_try_comes_later_than_the_one_before(desk: Desk) -> None:
    waits = []
    for _ in range(12):
        assert desk.refused()
        wait = desk.refusals.remaining(KEY)
        assert wait is not None
        waits.append(wait)
        desk.now += wait
        assert desk.refusals.view(KEY).retrying
        assert not desk.refusals.view(KEY).holds("Job", "train-1")
    assert waits == sorted(waits)
    assert waits[-1] == 300


def test_several_objects_refused_in_one_try_wait_together(desk: Desk) -> None:
    assert desk.refused("runner", "Role")
    wait = desk.refusals.remaining(KEY)
    assert desk.refused("train-1")
    assert desk.refusals.remaining(KEY) == wait
    assert [one.name for one in desk.refusals.view(KEY).refused] == ["runner", "train-1"]
    assert desk.queue.failures(KEY) == 2


def test_what_was_left_out_and_is_refused_all_the_same_is_a_failure(desk: Desk) -> None:
    assert desk.refused()
    assert not desk.refused()


def test_the_service_itself_cannot_be_left_out(desk: Desk) -> None:
    assert not desk.refused("checkout", "AnomalyService")


@pytest.mark.parametrize(("generation", "requested"), [(2, ""), (1, "now")])
def test_a_changed_spec_and_a_request_are_tried_at_once(
    desk: Desk, generation: int, requested: str
) -> None:
    assert desk.refused()
    desk.service(generation, requested)
    assert desk.refusals.view(KEY).retrying


def test_what_went_well_is_forgotten(desk: Desk) -> None:
    assert desk.refused()
    desk.refusals.forget(KEY)
    assert desk.refusals.remaining(KEY) is None
    assert desk.refusals.view(KEY).refused == ()


@pytest.mark.parametrize(
    ("statuses", "of_object"),
    [((0, 401, 404, 409, 410, 429), False), ((400, 403, 413, 422, 500, 503), True)],
)
async def test_an_answer_about_one_object_holds_up_no_other_write(
    statuses: tuple[int, ...], of_object: bool
) -> None:
    """A webhook that is down answers 500 for the Job alone; a throttled server speaks of all."""

    class Kube:
        def __init__(self, status: int) -> None:
            self.status = status

        async def create(self, manifest: object) -> None:
            if not self.status:
                raise UnreachableError(0, "refused", "create /jobs")
            raise from_response(self.status, b"failed calling webhook", "", "create /jobs")

    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"namespace": "a", "name": "j"}}
    for status in statuses:
        executor = Executor(Kube(status), Intake(Cache(), lambda _change: None))  # type: ignore[arg-type]
        with pytest.raises(RefusedError if of_object else ApiError) as caught:
            await executor.run((Create(job),))
        if isinstance(caught.value, RefusedError):
            assert (caught.value.kind, caught.value.name) == ("Job", "j")


def test_a_server_error_says_where_to_look() -> None:
    text = refusal_diagnosis(
        (refusal("Job", "j", 500, "500 InternalError: failed calling webhook w"),)
    )
    assert text is not None
    assert text.reason is Reason.SERVER_ERROR
    assert "failed calling webhook w. Repair the webhook that the message names" in text.message
