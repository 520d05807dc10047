"""Suspending a training workload on a real API server, with the chart's accounts, rights and
policies in force: by the suspender alone, once, and only where all agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_sandbox import kubeconfig
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from anomaly_sandbox.rest import Api, ApiError
from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import Detection, RunStatus, WindowReport, WindowVerdict
from detector_runtime.contract.training_run import Checkpoint, RunEvidence, RunTrigger
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict
from watched.detections import report
from watched.namespace import with_crds

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RELEASE = "suspending"
RELEASED_IN = "anomaly-system"
ALLOWED, FOREIGN = "training-allowed", "training-foreign"
SUSPENDER = f"system:serviceaccount:{RELEASED_IN}:{RELEASE}-suspender"
SUSPEND_ON, SUSPENDED_FOR = names.ANNOTATION_SUSPEND_ON, names.ANNOTATION_SUSPENDED_FOR
MERGE = "application/merge-patch+json"
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"enabled": False},
    "watchNamespaces": [ALLOWED, FOREIGN],
    "trainingRuns": {"suspend": {"enabled": True, "namespaces": [ALLOWED]}},
}
KINDS = (
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


@pytest.fixture(scope="module")
def rendered(render: Callable[..., list[Json]]) -> list[Json]:
    return render(VALUES)


@pytest.fixture(scope="module")
def installed(cluster: Sandbox, rendered: list[Json]) -> Iterator[Sandbox]:
    """The chart without its Deployment."""
    with_crds(cluster)
    objects = [one for one in rendered if one["kind"] in KINDS]
    objects = [o for o in objects if "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    for name in (ALLOWED, FOREIGN):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.apply(objects)
    yield cluster
    for item in objects:
        meta = item["metadata"]
        cluster.api.delete(item["kind"], meta["name"], meta.get("namespace"))


@pytest.fixture(scope="module")
def operator(
    installed: Sandbox,
    rendered: list[Json],
    only: Callable[..., Json],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalOperator]:
    """The operator under its own account, with the settings that the chart gives it."""
    folder = tmp_path_factory.mktemp("operator")
    config = kubeconfig.write(
        folder / "kubeconfig",
        server=installed.server,
        ca_file=installed.ca_file,
        token=installed.api.token(RELEASE, RELEASED_IN),
        namespace=RELEASED_IN,
    )
    settings = only(rendered, "ConfigMap")["data"]["settings.yaml"]
    with LocalOperator(folder, config, settings, "--no-leader-elect") as running:
        yield running.wait_until_leading()


@pytest.fixture(scope="module")
def suspender(installed: Sandbox) -> Iterator[Api]:
    api = Api(
        installed.server,
        installed.api.token(f"{RELEASE}-suspender", RELEASED_IN),
        installed.ca_file,
    )
    yield api
    api.close()


def train(sandbox: Sandbox, name: str, namespace: str = ALLOWED, allowed: bool = True) -> Json:
    """A Job whose pods no node takes, and the service of its run."""
    container = {"name": "train", "image": "registry.invalid/train:1"}
    marks = {SUSPEND_ON: "Critical"} if allowed else {}
    spec = {"restartPolicy": "Never", "nodeSelector": {"none": "such"}, "containers": [container]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": marks},
        "spec": {"template": {"spec": spec}},
    }
    made = sandbox.api.create("jobs", job, namespace)
    service = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name},
        "spec": {
            "profile": "TrainingRun",
            "inference": {"interval": "1h"},
            "incidents": {"separation": "5h"},
            "trainingRun": {
                "log": {"claim": name, "path": "train.jsonl"},
                "trainer": {"kind": "Job", "name": name},
                "checkpoints": "checkpoints/checkpoint-{step}",
                "suspendOn": "Critical",
            },
        },
    }
    sandbox.api.create("asvc", service, namespace)
    return made


def trip(sandbox: Sandbox, name: str, namespace: str = ALLOWED, checkpoint: bool = True) -> None:
    """The pod that follows the run finds a NaN in the newest window."""
    end = to_text(int(time.time()) // 60 * 60)
    known = Checkpoint(1000, "checkpoints/checkpoint-1000") if checkpoint else None
    trigger = RunTrigger(1302, "loss_nan", "Critical", "Stop", end, "The loss is no number.")
    run = RunEvidence(1282, 1302, (trigger,), checkpoint=known)
    window = WindowReport(
        end, Verdict.ANOMALOUS, "", Severity.CRITICAL, "", "", "", training_run=run
    )
    line = WindowVerdict(
        end,
        Verdict.ANOMALOUS,
        severity=Severity.CRITICAL,
        patterns=("loss_nan",),
        triggers=("loss_nan@1302",),
    )
    document = Detection(
        model_revision="",
        run=RunStatus(RunOutcome.SUCCEEDED),
        step_seconds=60,
        scored_through=end,
        windows=(line,),
        report=window,
        anomaly=window,
    )
    report(sandbox, namespace, name, dict(encode(document)))


def reaction(sandbox: Sandbox, name: str, namespace: str = ALLOWED) -> Json:
    found = [
        one.get("status", {}).get("reaction", {})
        for one in sandbox.list("anomalies", namespace)
        if one["spec"]["serviceRef"]["name"] == name
    ]
    return found[0] if found else {}


def wait_for(sandbox: Sandbox, name: str, outcome: str, namespace: str = ALLOWED) -> Json:
    def reached() -> Json:
        found = reaction(sandbox, name, namespace)
        return found if found.get("outcome") == outcome else {}

    return dict(sandbox.wait_for(reached, 90, f"the reaction for {name} is {outcome}"))


def suspended(sandbox: Sandbox, name: str, namespace: str = ALLOWED) -> bool:
    return bool((sandbox.get("jobs", name, namespace) or {})["spec"].get("suspend"))


def test_the_workload_is_suspended_once_by_the_suspender(
    installed: Sandbox, operator: LocalOperator
) -> None:
    train(installed, "llama")
    log = installed.audit().since_now()
    trip(installed, "llama")
    wait_for(installed, "llama", "Suspended")
    job = installed.get("jobs", "llama", ALLOWED) or {}
    assert job["spec"]["suspend"] is True
    (anomaly,) = [
        one
        for one in installed.list("anomalies", ALLOWED)
        if one["spec"]["serviceRef"]["name"] == "llama"
    ]
    assert job["metadata"]["annotations"][SUSPENDED_FOR] == anomaly["metadata"]["name"]
    managers = {one["manager"] for one in job["metadata"]["managedFields"]}
    assert names.SUSPENDER_FIELD_MANAGER in managers
    patches = [one for one in log.requests(verb="patch", resource="jobs") if one.name == "llama"]
    assert [(one.user, one.code) for one in patches] == [(SUSPENDER, 200)]
    tokens = log.requests(resource="serviceaccounts/token")
    assert [one.name for one in tokens] == [f"{RELEASE}-suspender"]

    def told() -> bool:
        found = installed.list("events", ALLOWED)
        kinds = {
            one["involvedObject"]["kind"] for one in found if one["reason"] == "TrainerSuspended"
        }
        return kinds == {"AnomalyService", "Anomaly", "Job"}

    installed.wait_for(told, 60, "the Events are there")
    installed.api.patch("jobs", "llama", ALLOWED, {"spec": {"suspend": False}})
    installed.api.patch(
        "asvc", "llama", ALLOWED, {"metadata": {"annotations": {"touched": "once"}}}
    )
    trip(installed, "llama")
    train(installed, "second")  # once its reaction is there, the first service was looked at, too
    trip(installed, "second")
    wait_for(installed, "second", "Suspended")
    assert not suspended(installed, "llama")
    by_us = [one.name for one in log.requests(user=SUSPENDER, verb="patch", resource="jobs")]
    assert by_us == ["llama", "second"]


@pytest.mark.parametrize(
    ("name", "namespace", "given", "message"),
    [
        ("unmarked", ALLOWED, {"allowed": False}, f"has no annotation {SUSPEND_ON}: Critical"),
        ("unsaved", ALLOWED, {"checkpoint": False}, "No checkpoint is known"),
        ("foreign", FOREIGN, {}, f"Namespace {FOREIGN} is not listed"),
    ],
)
def test_where_one_is_missing_the_workload_is_left_alone(
    installed: Sandbox,
    operator: LocalOperator,
    name: str,
    namespace: str,
    given: Json,
    message: str,
) -> None:
    train(installed, name, namespace, allowed=given.get("allowed", True))
    log = installed.audit().since_now()
    trip(installed, name, namespace, checkpoint=given.get("checkpoint", True))
    found = wait_for(installed, name, "Refused", namespace)
    assert message in found["message"]
    assert not suspended(installed, name, namespace)
    assert [one for one in log.requests(verb="patch", resource="jobs") if one.name == name] == []


def job(name: str, namespace: str = ALLOWED) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"


def refused(api: Api, patch: Json, path: str, verb: str = "PATCH") -> str:
    with pytest.raises(ApiError) as caught:
        api.request(verb, path, patch, content_type=MERGE)
    assert caught.value.status == 403
    return str(caught.value)


def test_rights_and_policy_hold_the_suspender_to_its_task(
    installed: Sandbox, suspender: Api
) -> None:
    stop, go = {"spec": {"suspend": True}}, {"spec": {"suspend": False}}
    for name, allowed in (("held", True), ("free", False)):
        container = {"name": "train", "image": "registry.invalid/train:1"}
        pod = {"restartPolicy": "Never", "nodeSelector": {"none": "such"}}
        body = {
            "metadata": {
                "name": name,
                "annotations": {SUSPEND_ON: "Critical"} if allowed else {},
            },
            "spec": {"template": {"spec": {**pod, "containers": [container]}}},
        }
        installed.api.create("jobs", body, ALLOWED)
        installed.api.create("jobs", body, FOREIGN)

    def in_force() -> bool:
        try:
            suspender.request(
                "PATCH", job("free"), stop, query={"dryRun": "All"}, content_type=MERGE
            )
        except ApiError as error:
            return "only a workload with the annotation" in str(error)
        return False

    installed.wait_for(in_force, 90, "the policy for the suspender is in force")
    assert "only a workload with the annotation" in refused(suspender, stop, job("free"))
    assert "cannot patch" in refused(suspender, stop, job("held", FOREIGN))
    assert "cannot delete" in refused(suspender, {}, job("held"), "DELETE")
    assert "never to false" in refused(suspender, go, job("held"))
    selector = {**stop, "spec": {"suspend": True, "parallelism": 7}}
    assert "may not change the pods" in refused(suspender, selector, job("held"))
    assert suspender.request("PATCH", job("held"), stop, content_type=MERGE)["spec"]["suspend"]


def test_the_operator_can_change_no_workload_and_be_no_other_account(installed: Sandbox) -> None:
    api = Api(installed.server, installed.api.token(RELEASE, RELEASED_IN), installed.ca_file)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    for account in ("default", RELEASE):
        path = f"/api/v1/namespaces/{RELEASED_IN}/serviceaccounts/{account}/token"
        with pytest.raises(ApiError) as caught:
            api.request("POST", path, body)
        assert caught.value.status == 403
    installed.api.create(
        "jobs",
        {
            "metadata": {"name": "theirs", "annotations": {SUSPEND_ON: "Critical"}},
            "spec": {
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "t", "image": "registry.invalid/train:1"}],
                    }
                }
            },
        },
        ALLOWED,
    )
    assert "cannot patch" in refused(api, {"spec": {"suspend": True}}, job("theirs"))
    api.close()


def test_without_the_value_the_chart_has_no_suspender(render: Callable[..., list[Json]]) -> None:
    named = [one["metadata"]["name"] for one in render()]
    assert not [name for name in named if "suspender" in name]
