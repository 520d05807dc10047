"""What an editor of one namespace does with Jobs takes no training place from another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.manifests.metadata import Component
from anomaly_sandbox.audit import AuditLog
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from loopback.trainer import quick_trainer
from watched.attack_objects import suspended_training
from watched.editor import Editor, make_editor
from watched.namespace import NEVER
from watched.quota import full_quota

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

PLACES = 2
SECONDS = 120
"""For a state that a quiet machine reaches in a tenth of it."""
TRAINING = f"{names.LABEL_COMPONENT}={Component.TRAINING}"
REQUESTS = 20
SETTINGS = """
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
images: {{train: "{image}", score: "{image}"}}
watchNamespaces: [{namespaces}]
training: {{maxConcurrent: {places}, {training}}}
"""

Json = dict[str, Any]
StartOperator = Callable[..., LocalOperator]


@pytest.fixture(scope="module")
def trainer(crds: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    return quick_trainer(crds, tmp_path_factory.mktemp("image"))


@pytest.fixture
def quiet(make_namespace: Callable[[], str]) -> str:
    """The neighbour's namespace."""
    return make_namespace()


@pytest.fixture
def editor(crds: Sandbox, make_namespace: Callable[[], str]) -> Editor:
    return make_editor(crds, make_namespace())


@pytest.fixture
def start(
    crds: Sandbox, trainer: str, quiet: str, editor: Editor, tmp_path: Path
) -> Iterator[StartOperator]:
    """Starts an operator of both namespaces; `training` are settings of that part."""
    with contextlib.ExitStack() as stack:
        made: list[LocalOperator] = []

        def begin(training: str) -> LocalOperator:
            text = SETTINGS.format(
                image=trainer,
                namespaces=f"{quiet}, {editor.namespace}",
                places=PLACES,
                training=training,
            )
            folder = tmp_path / f"operator-{len(made)}"
            made.append(LocalOperator(folder, crds.kubeconfig, text, "--namespace", quiet))
            return stack.enter_context(made[-1]).wait_until_leading()

        yield begin


def test_jobs_that_an_editor_makes_hold_no_place(
    crds: Sandbox, editor: Editor, quiet: str, start: StartOperator
) -> None:
    """Suspended ones with the name and the owner of a training of theirs; and of a neighbour."""
    start("minPause: 0s")
    create_all(editor, [service(f"mine-{number}", suspend=True) for number in range(5)])
    neighbour = crds.api.create("asvc", service("payments", suspend=True), quiet)
    owners = (*crds.list("asvc", editor.namespace), *[neighbour] * 5)
    assert len(owners) == 10
    create_all(
        editor,
        [
            suspended_training(
                owner["metadata"]["name"], owner["metadata"]["uid"], f"attempt-{number}"
            )
            for number, owner in enumerate(owners)
        ],
    )
    crds.api.create("asvc", service("checkout"), quiet)
    wait_for_model(crds, quiet, "checkout")


def test_a_place_is_kept_for_a_neighbour_while_an_editor_takes_all_others(
    crds: Sandbox, editor: Editor, quiet: str, start: StartOperator
) -> None:
    """The editor's Jobs hold their places longer than the test may take."""
    full_quota(crds, editor.namespace, "no-pods", "pods")
    crds.api.create("asvc", service("payments", suspend=True), quiet)
    start("placementTimeout: 10m")
    mine = [f"mine-{number}" for number in range(2 * PLACES)]
    create_all(editor, [service(name) for name in mine])

    def settled() -> bool:
        reasons = [model_ready(crds, editor.namespace, name).get("reason") for name in mine]
        return reasons.count("TrainingQueued") == len(mine) - 1

    crds.wait_for(settled, SECONDS, "all services of the editor but one wait for a slot")
    assert len(trainings(crds, editor.namespace)) == PLACES - 1
    crds.api.create("asvc", service("checkout"), quiet)
    wait_for_model(crds, quiet, "checkout")
    assert len(trainings(crds, editor.namespace)) == PLACES - 1


@pytest.mark.parametrize(
    ("patience", "suspends"),
    [
        pytest.param("10s", False, id="the pods cannot start"),
        pytest.param("10m", True, id="the editor suspends the Jobs"),
    ],
)
def test_trainings_of_an_editor_that_do_not_run_let_a_neighbour_train(
    crds: Sandbox,
    editor: Editor,
    quiet: str,
    start: StartOperator,
    patience: str,
    suspends: bool,
) -> None:
    full_quota(crds, editor.namespace, "no-pods", "pods")
    start(f"placementTimeout: {patience}")
    create_all(editor, [service(f"mine-{number}") for number in range(2 * PLACES)])
    held = crds.wait_for(
        lambda: len(found := trainings(crds, editor.namespace)) == PLACES and found,
        SECONDS,
        "the editor's services hold all places",
    )
    crds.api.create("asvc", service("checkout"), quiet)
    if suspends:
        wait_for_reason(crds, quiet, "checkout", "TrainingQueued")
        for job in held:
            editor.patch("job", job["metadata"]["name"], {"spec": {"suspend": True}})
    wait_for_model(crds, quiet, "checkout")
    owners = [job["metadata"]["ownerReferences"][0]["name"] for job in held]
    if not suspends:
        for owner in owners:
            wait_for_reason(crds, editor.namespace, owner, "PodRefused")
            crds.wait_for(
                lambda owner=owner: (
                    "holds no training slot"
                    in model_ready(crds, editor.namespace, owner).get("message", "")
                ),
                SECONDS,
                f"{owner} says that its place is let go",
            )
    # They count for their own namespace: it gets no further ones for them.
    assert len(trainings(crds, editor.namespace)) == PLACES
    waiting = {f"mine-{number}" for number in range(2 * PLACES)} - set(owners)
    for name in waiting:
        assert model_ready(crds, editor.namespace, name)["reason"] == "TrainingQueued"


def test_requests_in_a_loop_train_once_a_pause_and_the_newest_is_answered(
    crds: Sandbox, editor: Editor, start: StartOperator
) -> None:
    where = editor.namespace
    first = start("minPause: 1h")
    editor.create(service("mine"))
    wait_for_model(crds, where, "mine")
    ask(editor, "0")
    wait_for_answer(crds, where, "0")
    ask(editor, "1")
    asked_at = unix_seconds(newest(trainings(crds, where))["metadata"]["creationTimestamp"])
    message = wait_for_reason(crds, where, "mine", "TrainingDeferred")
    told = next(word for word in message.split() if word.endswith("Z;"))
    assert abs(unix_seconds(told.rstrip(";")) - asked_at - 3600) <= 1
    audit = crds.audit().since_now()
    for number in range(2, REQUESTS):
        ask(editor, f"{number}")
    # Of this the status tells when it was seen, and with it all that came before.
    editor.patch("asvc", "mine", {"spec": {"inference": {"interval": "5m"}}})
    crds.wait_for(lambda: observed(crds, where) == 2, SECONDS, "all changes are seen")
    writes = of_operator(audit, where)
    assert [one for one in writes if one.endswith("anomalyservices/status")] != []
    # A changed spec takes three; a request that waits takes none.
    assert len(writes) <= 4, f"{writes}"
    assert len(trainings(crds, where)) == 2
    assert first.stop() == 0
    # The same requests where the pause is over; then a loop with a short pause.
    start("minPause: 5s")
    wait_for_answer(crds, where, f"{REQUESTS - 1}")
    for number in range(REQUESTS, REQUESTS + 10):
        ask(editor, f"{number}")
    wait_for_answer(crds, where, f"{REQUESTS + 9}")
    begun = sorted(
        unix_seconds(job["metadata"]["creationTimestamp"]) for job in trainings(crds, where)
    )[1:]
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    # Creation is told in whole seconds.
    assert min(pauses) >= 4
    wait_for_reason(crds, where, "mine", "Serving")


def service(name: str, *, suspend: bool = False) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {
            "preset": "OpenTelemetrySpanMetrics",
            "suspend": suspend,
            "training": {"schedule": NEVER},
        },
    }


def create_all(editor: Editor, documents: list[Json]) -> None:
    """By one kubectl."""
    several = {"apiVersion": "v1", "kind": "List", "items": documents}
    editor.kubectl("create", "-f", "-", document=several)


def ask(editor: Editor, value: str) -> None:
    annotations = {names.ANNOTATION_TRAIN_REQUESTED: value}
    editor.patch("asvc", "mine", {"metadata": {"annotations": annotations}})


def trainings(cluster: Sandbox, namespace: str) -> list[Json]:
    return cluster.list("jobs", namespace, labels=TRAINING)


def newest(jobs: list[Json]) -> Json:
    return max(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"]))


def status_of(cluster: Sandbox, namespace: str, name: str) -> Json:
    return dict((cluster.get("asvc", name, namespace) or {}).get("status", {}))


def observed(cluster: Sandbox, namespace: str) -> int:
    return int(status_of(cluster, namespace, "mine").get("observedGeneration", 0))


def model_ready(cluster: Sandbox, namespace: str, name: str) -> Json:
    conditions = status_of(cluster, namespace, name).get("conditions", [])
    return next((one for one in conditions if one["type"] == "ModelReady"), {})


def wait_for_reason(cluster: Sandbox, namespace: str, name: str, reason: str) -> str:
    """The message."""
    found = cluster.wait_for(
        lambda: (one := model_ready(cluster, namespace, name)).get("reason") == reason and one,
        SECONDS,
        f"ModelReady of {name} has the reason {reason}",
    )
    return str(found["message"])


def wait_for_model(cluster: Sandbox, namespace: str, name: str) -> None:
    cluster.wait_for(
        lambda: status_of(cluster, namespace, name).get("model"), SECONDS, f"{name} has a model"
    )


def wait_for_answer(cluster: Sandbox, namespace: str, request: str) -> None:
    """The request is handled, and the Job of its training has ended."""

    def answered() -> bool:
        status = status_of(cluster, namespace, "mine")
        jobs = trainings(cluster, namespace)
        ended = all(job.get("status", {}).get("succeeded") for job in jobs)
        return ended and status.get("lastHandledTrainRequest") == request

    cluster.wait_for(answered, SECONDS, f"the request {request} is answered")


def of_operator(audit: AuditLog, namespace: str) -> list[str]:
    return [
        f"{one.verb} {one.resource}"
        for one in audit.requests(writes=True, namespace=namespace)
        if one.user_agent == names.MANAGED_BY and one.resource not in ("leases", "events")
    ]
