"""What an editor of one namespace does with Jobs takes no training place from another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anomaly_operator.api import names
from anomaly_operator.controller.training_queue import TrainingQueue
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_sandbox.cluster import Sandbox
from watched.editor import make_editor

pytestmark = pytest.mark.controlplane

PLACES = 10


def test_suspended_and_foreign_jobs_of_an_editor_hold_no_place(
    crds: Sandbox, make_namespace: Callable[[], str]
) -> None:
    editor = make_editor(crds, make_namespace())
    jobs = [_job(f"mine-train-{number:010x}", suspend=number % 2 == 0) for number in range(PLACES)]
    # As the API server answers: the garbage collector soon takes what an unknown owner has.
    cache = Cache()
    intake = Intake(cache, lambda _: None)
    for job in jobs:
        intake.take(editor.create(job))
    assert cache.count("Job") == PLACES
    queue = TrainingQueue(PLACES)
    place = queue.view(("AnomalyService", "quiet", "checkout"), cache)
    assert (place.running, place.ahead) == (0, 0)


def _job(name: str, *, suspend: bool) -> dict[str, object]:
    container = {"name": "c", "image": "anomaly-sandbox/host:latest", "command": ["true"]}
    owner = {"apiVersion": names.API_VERSION, "kind": "AnomalyService", "name": "mine", "uid": "x"}
    labels = {names.LABEL_WATCHED: "true", names.LABEL_COMPONENT: "training"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "suspend": suspend,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
