"""A TrainJob and a Job read from a real API server, with a token that may get them and no more."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from anomaly_sandbox.cluster import Sandbox
from detector_runtime.commands.kubernetes_api import KubernetesAPI
from detector_runtime.contract.run_config import ServiceIdentity
from detector_runtime.contract.text import unix
from detector_runtime.contract.training_run import Trainer, TrainerKind
from detector_runtime.errors import ApiRefusedError, SourceUnavailableError
from detector_runtime.run_log.objects import Absent
from detector_runtime.run_log.train_job import TrainJobRows
from detector_runtime.run_log.trainer import TRAIN_JOBS, TrainerState, trainer_state
from detector_runtime.training_run.rows import Row
from loopback.settings import UID

pytestmark = pytest.mark.controlplane

MANIFEST = Path(__file__).parent / "manifests" / "trainjobs.yaml"
UPDATED = "2026-11-22T10:00:00Z"
AFTER = float(unix(UPDATED)) + 60
TRAIN_JOB, JOB = Trainer(TrainerKind.TRAIN_JOB, "llama"), Trainer(TrainerKind.JOB, "llama")
RULES = (
    {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs"], "verbs": ["get"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]},
)


@pytest.fixture
def served(sandbox: Sandbox) -> Sandbox:
    """A control plane with the kind TrainJob."""
    name = yaml.safe_load(MANIFEST.read_text())["metadata"]["name"]
    sandbox.kubectl("apply", "--server-side", "-f", str(MANIFEST), check=True)
    sandbox.wait_for(lambda: _established(sandbox, name), 60, f"{name} is served")
    return sandbox


def _established(sandbox: Sandbox, name: str) -> bool:
    found = sandbox.get("customresourcedefinitions", name) or {}
    # Until the controller has written them, they are null.
    conditions = found.get("status", {}).get("conditions") or []
    if not any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
        return False
    # The handler follows the condition.
    return "trainjobs" in str(sandbox.api.request("GET", f"/apis/{TRAIN_JOBS[0]}"))


def pod(
    sandbox: Sandbox, namespace: str, folder: Path, *rules: dict[str, list[str]]
) -> KubernetesAPI:
    """What a pod has whose service account is granted `rules`."""
    api = sandbox.api
    api.create("serviceaccounts", {"metadata": {"name": "runner"}}, namespace)
    api.create("roles", {"metadata": {"name": "runner"}, "rules": list(rules)}, namespace)
    binding = {
        "metadata": {"name": "runner"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "runner"},
        "subjects": [{"kind": "ServiceAccount", "name": "runner", "namespace": namespace}],
    }
    api.create("rolebindings", binding, namespace)
    (folder / "token").write_text(api.token("runner", namespace))
    (folder / "ca.crt").write_bytes(sandbox.ca_file.read_bytes())
    address = urlsplit(sandbox.server)
    assert address.hostname is not None
    assert address.port is not None
    identity = ServiceIdentity(namespace, "llama", UID)
    return KubernetesAPI(address.hostname, address.port, folder, identity)


def train_job(sandbox: Sandbox, namespace: str) -> None:
    body = {
        "apiVersion": TRAIN_JOBS[0],
        "kind": "TrainJob",
        "metadata": {"name": "llama"},
        "spec": {"runtimeRef": {"name": "torch-distributed"}},
    }
    path = f"/apis/{TRAIN_JOBS[0]}/namespaces/{namespace}/trainjobs"
    sandbox.api.request("POST", path, body)


def set_status(sandbox: Sandbox, namespace: str, status: dict[str, object]) -> None:
    path = f"/apis/{TRAIN_JOBS[0]}/namespaces/{namespace}/trainjobs/llama/status"
    sandbox.api.request(
        "PATCH", path, {"status": status}, content_type="application/merge-patch+json"
    )


def condition(kind: str, reason: str) -> dict[str, object]:
    one = {"type": kind, "status": "True", "lastTransitionTime": UPDATED, "reason": reason,
           "message": "said by the controller"}  # fmt: skip
    return {"conditions": [one]}


def test_rows_and_state_of_a_train_job(served, namespace, tmp_path):
    api = pod(served, namespace, tmp_path, *RULES)
    assert "does not exist" in trainer_state(api, TRAIN_JOB).note
    with pytest.raises(SourceUnavailableError, match="TrainJob 'llama' does not exist"):
        list(TrainJobRows(api, "llama").read(None, AFTER))

    train_job(served, namespace)
    rows = TrainJobRows(api, "llama")
    assert list(rows.read(None, AFTER)) == []
    assert "has no status.trainerStatus yet" in rows.notes()[0]
    assert trainer_state(api, TRAIN_JOB).state is TrainerState.RUNNING

    metrics = [{"name": "step", "value": "40"}, {"name": "loss", "value": "0.25"}]
    report = {"progressPercentage": 3, "metrics": metrics, "lastUpdatedTime": UPDATED}
    set_status(served, namespace, {"trainerStatus": report})
    assert list(rows.read(rows.position(), AFTER)) == [Row(40, loss=0.25, time=AFTER - 60)]

    set_status(served, namespace, condition("Suspended", "Suspended"))
    assert trainer_state(api, TRAIN_JOB).state is TrainerState.SUSPENDED
    set_status(served, namespace, condition("Failed", "DeadlineExceeded"))
    assert trainer_state(api, TRAIN_JOB).note == (
        "TrainJob 'llama' failed: DeadlineExceeded: said by the controller"
    )
    api.close()


def test_a_kind_that_is_not_served_and_a_right_that_is_missing(sandbox, namespace, tmp_path):
    api = pod(sandbox, namespace, tmp_path, RULES[0])
    # Whether or not another test has brought the kind, nobody serves this version.
    assert api.get("trainer.kubeflow.org/v0", "trainjobs", "llama").absent is Absent.KIND
    assert "grant this pod's service account `get` on jobs.batch" in trainer_state(api, JOB).note
    api.close()


def test_a_kind_of_a_served_group_that_is_not_served(served, namespace, tmp_path):
    rule = {"apiGroups": ["trainer.kubeflow.org"], "resources": ["others"], "verbs": ["get"]}
    api = pod(served, namespace, tmp_path, rule)
    assert api.get(TRAIN_JOBS[0], "others", "llama").absent is Absent.KIND
    with pytest.raises(ApiRefusedError, match="grant this pod's service account"):
        list(TrainJobRows(api, "llama").read(None, AFTER))
    api.close()


def test_a_suspended_job_and_one_that_is_gone(sandbox, namespace, tmp_path):
    api = pod(sandbox, namespace, tmp_path, RULES[1])
    assert "Job 'llama' does not exist" in trainer_state(api, JOB).note
    container = {"name": "train", "image": "train:1"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    body = {"metadata": {"name": "llama"}, "spec": {"suspend": True, "template": template}}
    sandbox.api.create("jobs", body, namespace)
    sandbox.wait_for(
        lambda: trainer_state(api, JOB).state is TrainerState.SUSPENDED, 60, "Job is suspended"
    )
    api.close()
