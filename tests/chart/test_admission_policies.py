"""The admission policies on a real API server, asked with the accounts' own tokens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import RULE
from anomaly_operator.manifests import namespace as manifests_namespace
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import Settings
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import Api, ApiError
from detector_runtime.contract.training_run import Trainer, TrainerKind
from watched.rule_kind import rule_kind

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
RELEASE = "policies"
VALUES: Json = {
    "fullnameOverride": RELEASE,
    "crds": {"keep": False},
    "settings": {
        "sources": {
            "default": {
                "auth": {"type": "Bearer", "secretName": "metrics-auth"},
                "caConfigMap": "metrics-ca",
            },
            "table": {"type": "CSV", "configMap": "recordings"},
            "folder": {"type": "CSV", "claim": "archive"},
        },
        "images": {"pullSecrets": ["registry"]},
        "pods": {
            "annotations": {"team": "platform"},
            "labels": {"cost-center": "42"},
            "nodeSelector": {"pool": "batch"},
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
            ],
            "priorityClassName": "low",
            "runtimeClassName": "gvisor",
            "env": [{"name": "SITE", "value": 'fra & "co"'}],
        },
    },
}
KINDS = (
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


@pytest.fixture(scope="module")
def guarded(cluster: Sandbox, render: Callable[..., list[Json]]) -> Iterator[Sandbox]:
    """The chart's rights and policies without its Deployment."""
    objects = [o for o in render(VALUES) if o["kind"] in KINDS]
    objects = [o for o in objects if "helm.sh/hook" not in o["metadata"].get("annotations", {})]
    crds = [o for o in objects if o["kind"] == "CustomResourceDefinition"]
    cluster.apply(crds)
    others = [o for o in objects if o not in crds]
    cluster.apply(others)
    cluster.wait_for(lambda: cluster.api.resource("anomalyservices"), 90, "the CRDs are served")
    yield cluster
    for item in others:
        meta = item["metadata"]
        cluster.api.delete(item["kind"], meta["name"], meta.get("namespace"))


@contextmanager
def account(sandbox: Sandbox, name: str, namespace: str) -> Iterator[Api]:
    """A client with the token of a ServiceAccount."""
    api = Api(sandbox.server, sandbox.api.token(name, namespace), sandbox.ca_file)
    yield api
    api.close()


def refusal(api: Api, method: str, path: str, body: Any, **options: Any) -> str:
    with pytest.raises(ApiError) as caught:
        api.request(method, path, body, **options)
    assert caught.value.status == 403
    return str(caught.value)


@pytest.fixture
def service(guarded: Sandbox, namespace: str) -> Json:
    """A service with a status of the operator's."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": "checkout", "labels": {"team": "shop"}},
        "spec": {"preset": "OpenTelemetrySpanMetrics"},
    }
    made = guarded.api.create("asvc", body, namespace)
    status = {"state": "Healthy", "severity": "None", "incidents": {"open": 0}}
    return guarded.api.patch("asvc", "checkout", namespace, {"status": status}, sub="status") | {
        "uid": made["metadata"]["uid"]
    }


@pytest.fixture
def runner(guarded: Sandbox, namespace: str, service: Json) -> Iterator[Api]:
    """The runner's own client, once the policy is in force for it."""
    for made in (
        manifests_namespace.service_account(namespace),
        manifests_namespace.role(namespace),
        manifests_namespace.role_binding(namespace),
    ):
        guarded.apply(made)
    path = status_path(guarded, namespace)
    with account(guarded, names.RUNNER, namespace) as api:
        guarded.wait_for(lambda: _denied(api, path), 90, "the runner's policy is in force")
        yield api


def _denied(api: Api, path: str) -> bool:
    try:
        body = {"status": {"state": "Suspended"}}
        api.request("PATCH", path, body, query={"dryRun": "All"}, content_type=MERGE)
    except ApiError as error:
        return "status.detection" in str(error)
    return False


def status_path(sandbox: Sandbox, namespace: str) -> str:
    return sandbox.api.resource("asvc").path(namespace, "checkout", "status")


def detection(revision: str = "") -> Json:
    run = {"outcome": "Succeeded"}
    return {"formatVersion": 1, "modelRevision": revision, "run": run}


TRAINING_RUN: Json = {"formatVersion": 1, "state": "Running", "step": 100}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (MERGE, {"status": {"detection": detection()}}),
        (JSON_PATCH, [{"op": "add", "path": "/status/detection", "value": detection()}]),
        (MERGE, {"status": {"detection": detection(), "trainingRun": TRAINING_RUN}}),
        (
            APPLY,
            {
                "apiVersion": names.API_VERSION,
                "kind": "AnomalyService",
                "metadata": {"name": "checkout"},
                "status": {"detection": detection()},
            },
        ),
    ],
    ids=["merge", "json-patch", "training-run", "apply"],
)
def test_the_runner_writes_its_detection(
    guarded: Sandbox, runner: Api, service: Json, namespace: str, content_type: str, body: Any
) -> None:
    query = {"fieldManager": "anomaly-runtime"}
    if content_type == APPLY:
        query["force"] = "true"
    written = runner.request(
        "PATCH", status_path(guarded, namespace), body, query=query, content_type=content_type
    )
    run = {"trainingRun": TRAINING_RUN} if "trainingRun" in str(body) else {}
    assert written["status"] == {**service["status"], "detection": detection(), **run}


REFUSED: list[tuple[str, str, Any, str]] = [
    ("merge-change", MERGE, {"status": {"state": "Anomalous"}}, "changes state"),
    ("merge-beside", MERGE, {"status": {"detection": detection(), "summary": "x"}}, "summary"),
    ("merge-inside", MERGE, {"status": {"incidents": {"open": 3}}}, "changes incidents"),
    ("merge-remove", MERGE, {"status": {"incidents": None}}, "removes incidents"),
    ("merge-empty", MERGE, {"status": None}, "removes"),
    (
        "patch-change",
        JSON_PATCH,
        [{"op": "replace", "path": "/status/severity", "value": "Critical"}],
        "changes severity",
    ),
    ("patch-remove", JSON_PATCH, [{"op": "remove", "path": "/status/state"}], "removes state"),
    (
        "patch-whole",
        JSON_PATCH,
        [{"op": "replace", "path": "/status", "value": {"detection": detection()}}],
        "removes",
    ),
    (
        "patch-move",
        JSON_PATCH,
        [{"op": "move", "from": "/status/state", "path": "/status/summary"}],
        "changes summary",
    ),
    (
        "apply-change",
        APPLY,
        {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "metadata": {"name": "checkout"},
            "status": {"detection": detection(), "state": "Anomalous"},
        },
        "changes state",
    ),
    (
        "apply-model",
        APPLY,
        {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "metadata": {"name": "checkout"},
            "status": {"model": {"revision": "evil", "digest": "sha256:0"}},
        },
        "changes model",
    ),
]


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_the_runner_writes_nothing_else(
    guarded: Sandbox,
    runner: Api,
    service: Json,
    namespace: str,
    content_type: str,
    body: Any,
    words: str,
) -> None:
    query = {"fieldManager": "anomaly-runtime"}
    if content_type == APPLY:
        query["force"] = "true"
    said = refusal(
        runner,
        "PATCH",
        status_path(guarded, namespace),
        body,
        query=query,
        content_type=content_type,
    )
    assert "the runner may change only status.detection and status.trainingRun" in said
    assert words in said
    kept = guarded.get("asvc", "checkout", namespace)
    assert kept is not None
    assert kept["status"] == service["status"]


def test_the_runner_reaches_neither_spec_nor_labels(
    guarded: Sandbox, runner: Api, service: Json, namespace: str
) -> None:
    path = status_path(guarded, namespace)
    body = {"metadata": {"labels": {"team": "evil"}}, "spec": {"suspend": True}}
    runner.request("PATCH", path, body, content_type=MERGE)
    kept = guarded.get("asvc", "checkout", namespace)
    assert kept is not None
    assert kept["metadata"]["labels"] == {"team": "shop"}
    assert kept["spec"] == service["spec"]
    refusal(runner, "PATCH", path.removesuffix("/status"), body, content_type=MERGE)


@pytest.fixture(scope="module")
def operator(guarded: Sandbox) -> Iterator[Api]:
    with account(guarded, RELEASE, "anomaly-system") as api:
        yield api


@pytest.fixture(scope="module")
def runs(
    render: Callable[..., list[Json]],
    only: Callable[..., Json],
    make_workloads: Callable[[Settings], dict[str, Json]],
) -> dict[str, Json]:
    """Job and CronJob as the operator makes them with these values, credentials mounted."""
    config = only(render(VALUES), "ConfigMap")["data"]["settings.yaml"]
    made = make_workloads(parse_settings(config))
    return {"jobs": made["Job"], "cronjobs": made["CronJob"]}


def submit(api: Api, sandbox: Sandbox, kind: str, body: Json, namespace: str) -> Json:
    moved = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
    path = sandbox.api.resource(kind).path(namespace)
    return api.request("POST", path, moved, query={"dryRun": "All"})


@pytest.fixture
def in_force(guarded: Sandbox, operator: Api, runs: dict[str, Json], namespace: str) -> str:
    """The namespace, once the operator's policies answer in it."""

    def refused() -> bool:
        job = copy.deepcopy(runs["jobs"])
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"
        try:
            submit(operator, guarded, "jobs", job, namespace)
        except ApiError as error:
            return "the operator may run" in str(error)
        return False

    def children_refused() -> bool:
        body, words = CHILDREN["unmarked"]
        try:
            submit(operator, guarded, body["kind"], body, namespace)
        except ApiError as error:
            return words in str(error)
        return False

    guarded.wait_for(refused, 90, "the operator's policy for runs is in force")
    guarded.wait_for(children_refused, 90, "the operator's policy for children is in force")
    return namespace


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
@pytest.mark.parametrize("source", ["default", "table", "folder"])
def test_what_the_operator_makes_is_admitted(
    guarded: Sandbox,
    operator: Api,
    render: Callable[..., list[Json]],
    only: Callable[..., Json],
    make_workloads: Callable[..., dict[str, Json]],
    in_force: str,
    kind: str,
    source: str,
) -> None:
    config = only(render(VALUES), "ConfigMap")["data"]["settings.yaml"]
    body = make_workloads(parse_settings(config), source)[kind]
    made = submit(operator, guarded, kind, body, in_force)
    assert made["metadata"]["name"] == body["metadata"]["name"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, ""),
        ({"args": ["score"]}, "may mount only the claims anomaly-models, archive"),
        (
            {"volumeMounts": [{"name": "run-data", "mountPath": "/tmp"}]},
            "may mount only the claims anomaly-models, archive",
        ),
    ],
    ids=["follow", "score", "elsewhere"],
)
def test_the_claim_of_a_log_is_mounted_to_follow_it_and_for_nothing_else(
    guarded: Sandbox,
    operator: Api,
    render: Callable[..., list[Json]],
    only: Callable[..., Json],
    make_workloads: Callable[..., dict[str, Json]],
    in_force: str,
    change: Json | None,
    words: str,
) -> None:
    config = only(render(VALUES), "ConfigMap")["data"]["settings.yaml"]
    body = make_workloads(parse_settings(config), "run-log")["CronJob"]
    pod = body["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    if change is None:
        made = submit(operator, guarded, "cronjobs", body, in_force)
        assert "llama-run" in str(made["spec"])
        return
    pod["containers"][0].update(change)
    with pytest.raises(ApiError) as caught:
        submit(operator, guarded, "cronjobs", body, in_force)
    assert words in str(caught.value)


def container(change: Json) -> Callable[[Json], None]:
    return lambda pod: pod["containers"][0].update(change)


def secure(change: Json) -> Callable[[Json], None]:
    return lambda pod: pod["containers"][0]["securityContext"].update(change)


def volume(source: Json) -> Callable[[Json], None]:
    return lambda pod: pod["volumes"].append({"name": "more", **source})


def mount(change: Json) -> Callable[[Json], None]:
    """The scratch volume, mounted otherwise than our pods do."""
    return lambda pod: pod["containers"][0]["volumeMounts"].append({"name": "scratch", **change})


EVIL: dict[str, tuple[Callable[[Json], None], str]] = {
    "image": (container({"image": "evil:1"}), "not evil:1"),
    "command": (container({"command": ["sh", "-c"]}), "run python -m detector_runtime"),
    "no-command": (lambda pod: pod["containers"][0].pop("command"), "run python -m"),
    "argument": (container({"args": ["serve"]}), "train, score or follow"),
    "second-container": (
        lambda pod: pod["containers"].append({**pod["containers"][0], "name": "b"}),
        "one container",
    ),
    "init-container": (
        lambda pod: pod.update(initContainers=[{**pod["containers"][0], "name": "b"}]),
        "one container",
    ),
    "secret-in-environment": (
        container(
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}
        ),
        "must not use envFrom, valueFrom",
    ),
    "secret-as-environment": (
        container({"envFrom": [{"secretRef": {"name": "s"}}]}),
        "must not use envFrom, valueFrom",
    ),
    "working-directory": (
        container({"workingDir": "/var/lib/anomaly-operator/models"}),
        "must not set workingDir",
    ),
    "environment": (
        container({"env": [{"name": "PYTHONPATH", "value": "/var/lib/anomaly-operator/models"}]}),
        "other than OMP_NUM_THREADS and OPENBLAS_NUM_THREADS and SITE",
    ),
    "environment-of-another-value": (
        container({"env": [{"name": "SITE", "value": "elsewhere"}]}),
        "environment variables other than",
    ),
    "threads": (
        container({"env": [{"name": "OMP_NUM_THREADS", "value": "64"}]}),
        "environment variables other than",
    ),
    "no-user": (lambda pod: pod["securityContext"].pop("runAsUser"), "as a non-root user"),
    "mount-over-code": (
        mount({"mountPath": "/usr/local/lib/python3.13/site-packages/numpy"}),
        "only at",
    ),
    "mount-below": (mount({"mountPath": "/tmp/more"}), "only at"),
    "part-of-a-volume": (
        mount({"mountPath": "/var/lib/anomaly-operator/data", "subPath": "a"}),
        "whole volumes",
    ),
    "part-by-name": (
        mount({"mountPath": "/var/lib/anomaly-operator/data", "subPathExpr": "$(HOSTNAME)"}),
        "whole volumes",
    ),
    "block-device": (
        container(
            {
                "volumeMounts": [],
                "volumeDevices": [{"name": "models", "devicePath": "/dev/xvda"}],
            }
        ),
        "whole volumes",
    ),
    "claim": (
        volume({"persistentVolumeClaim": {"claimName": "database"}}),
        "only the claims anomaly-models, archive",
    ),
    "config": (
        volume({"configMap": {"name": "app-settings"}}),
        "those of its sources (metrics-ca, recordings)",
    ),
    "config-of-a-like-name": (
        volume({"configMap": {"name": "app-run-settings"}}),
        "ending in -run- and 10 hexadecimal digits",
    ),
    "hook": (
        container({"lifecycle": {"preStop": {"exec": {"command": ["sh"]}}}}),
        "lifecycle hooks or probes",
    ),
    "root": (lambda pod: pod["securityContext"].update(runAsUser=0), "as a non-root user"),
    "root-container": (secure({"runAsUser": 0}), "no privileges"),
    "no-seccomp": (
        lambda pod: pod["securityContext"].update(seccompProfile={"type": "Unconfined"}),
        "seccomp profile",
    ),
    "escalation": (secure({"allowPrivilegeEscalation": True}), "no privileges"),
    "writable-root": (secure({"readOnlyRootFilesystem": False}), "a read-only root"),
    "capability": (
        secure({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}),
        "no capabilities",
    ),
    "host-network": (lambda pod: pod.update(hostNetwork=True), "share nothing with their node"),
    "host-processes": (lambda pod: pod.update(hostPID=True), "share nothing with their node"),
    "node": (lambda pod: pod.update(nodeName="control-plane"), "share nothing with their node"),
    "account": (lambda pod: pod.update(serviceAccountName="default"), "run as anomaly-runner"),
    "standing-token": (
        lambda pod: pod.update(automountServiceAccountToken=True),
        "without an automatically mounted token",
    ),
    "secret": (
        volume({"secret": {"secretName": "database"}}),
        "the Secrets of its sources (metrics-auth)",
    ),
    "projected-secret": (
        volume({"projected": {"sources": [{"secret": {"name": "database"}}]}}),
        "may mount only ConfigMaps, claims",
    ),
    "token-for-others": (
        volume(
            {
                "projected": {
                    "sources": [{"serviceAccountToken": {"path": "t", "audience": "vault"}}]
                }
            }
        ),
        "may mount only ConfigMaps, claims",
    ),
    "host-path": (volume({"hostPath": {"path": "/"}}), "may mount only ConfigMaps, claims"),
    "node-driver": (
        volume({"csi": {"driver": "secrets-store.csi.k8s.io"}}),
        "may mount only ConfigMaps, claims",
    ),
    "pull-secret": (
        lambda pod: pod.update(imagePullSecrets=[{"name": "database"}]),
        "settings.images.pullSecrets",
    ),
}


@pytest.mark.parametrize("kind", ["jobs", "cronjobs"])
@pytest.mark.parametrize("case", EVIL)
def test_a_stolen_operator_token_starts_nothing_else(
    guarded: Sandbox, operator: Api, runs: dict[str, Json], in_force: str, kind: str, case: str
) -> None:
    body = copy.deepcopy(runs[kind])
    spec = body["spec"] if kind == "jobs" else body["spec"]["jobTemplate"]["spec"]
    change, words = EVIL[case]
    change(spec["template"]["spec"])
    with pytest.raises(ApiError) as caught:
        submit(operator, guarded, kind, body, in_force)
    assert caught.value.status == 403, caught.value
    assert words in str(caught.value)


def test_the_policies_of_a_platform_that_assigns_users_are_sound(
    guarded: Sandbox, render: Callable[..., list[Json]]
) -> None:
    """The API server compiles every expression of a policy when it takes it."""
    platform = {"uidFromPlatform": True}
    values = {
        "fullnameOverride": "platform",
        "settings": {"pods": {"securityContext": platform}},
    }
    policies = [o for o in render(values) if o["kind"] == "ValidatingAdmissionPolicy"]
    subjects = sorted(policy["metadata"]["name"].rpartition("-")[2] for policy in policies)
    assert subjects == ["children", "people", "runner", "workloads"]
    path = guarded.api.resource("validatingadmissionpolicies").path(None)
    for policy in policies:
        made = guarded.api.request("POST", path, policy, query={"dryRun": "All"})
        assert made["spec"]["validations"] == policy["spec"]["validations"]
    (runs,) = (o for o in policies if o["metadata"]["name"].endswith("-workloads"))
    texts = [one["expression"] for one in runs["spec"]["validations"]]
    (user,) = (text for text in texts if "runAsUser >= 10000" in text)
    assert "(!has(variables.pod.securityContext.runAsUser) ||" in user


def child(kind: str, name: str, **fields: Any) -> Json:
    labels = fields.pop("labels", {names.LABEL_MANAGED_BY: names.MANAGED_BY})
    return {"kind": kind, "metadata": {"name": name, "labels": labels}, **fields}


OWN_RULE = {"apiGroups": [names.GROUP], "resources": ["anomalyservices"], "verbs": ["get"]}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": names.RUNNER}

CHILDREN: dict[str, tuple[Json, str]] = {
    "unmarked": (
        child("ConfigMap", "a-run-0123456789", immutable=True, labels={}),
        "must have the label",
    ),
    "config-of-another-name": (child("ConfigMap", "app-settings", immutable=True), "app-settings"),
    "config-that-changes": (child("ConfigMap", "a-run-0123456789"), "immutable ConfigMaps"),
    "claim-of-another-name": (
        child(
            "PersistentVolumeClaim",
            "data",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        ),
        "only the claim anomaly-models",
    ),
    "account-of-another-name": (
        child("ServiceAccount", "admin"),
        "only with the name anomaly-runner",
    ),
    "role-of-another-name": (
        child("Role", "admin", rules=[OWN_RULE]),
        "only with the name anomaly-runner",
    ),
    "role-with-more": (
        child("Role", names.RUNNER, rules=[{**OWN_RULE, "verbs": ["get", "list"]}]),
        "may grant only get",
    ),
    "role-for-every-job": (
        child(
            "Role",
            names.RUNNER,
            rules=[{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get"]}],
        ),
        "may grant only get",
    ),
    "binding-of-others": (
        child(
            "RoleBinding",
            names.RUNNER,
            roleRef=ROLE_REF,
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "default"}],
        ),
        "may bind only its Role",
    ),
}


@pytest.mark.parametrize("case", CHILDREN)
def test_the_operator_makes_only_what_is_its_own(
    guarded: Sandbox, operator: Api, in_force: str, case: str
) -> None:
    body, words = CHILDREN[case]
    # Binding a Role that is not there fails before any policy is asked.
    guarded.apply(manifests_namespace.role(in_force))
    with pytest.raises(ApiError) as caught:
        submit(operator, guarded, body["kind"], body, in_force)
    assert caught.value.status == 403, caught.value
    assert words in str(caught.value)


def test_the_runner_may_be_let_read_the_workloads_that_runs_name(
    guarded: Sandbox, operator: Api, in_force: str
) -> None:
    trainers = [Trainer(TrainerKind.JOB, "llama"), Trainer(TrainerKind.TRAIN_JOB, "bert")]
    role = manifests_namespace.role(in_force, trainers)
    assert len(submit(operator, guarded, "Role", role, in_force)["rules"]) == 4


def test_the_operator_touches_nothing_that_others_made(
    guarded: Sandbox, operator: Api, in_force: str
) -> None:
    guarded.api.create("configmaps", {"metadata": {"name": "app-run-0123456789"}}, in_force)
    path = guarded.api.resource("configmaps").path(in_force, "app-run-0123456789")
    taken = {
        "metadata": {"labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}},
        "immutable": True,
    }
    said = refusal(operator, "PATCH", path, taken, content_type=MERGE)
    assert "was not created by the operator" in said
    assert "was not created by the operator" in refusal(operator, "DELETE", path, {})


def test_the_operator_deletes_trainings_of_its_own_and_no_other_job(
    guarded: Sandbox, operator: Api, runs: dict[str, Json], in_force: str
) -> None:
    """A training whose pod a sidecar keeps running is over when our process has ended."""
    mine = copy.deepcopy(runs["jobs"])
    mine["metadata"]["namespace"] = in_force
    mine["spec"]["suspend"] = True
    paths = guarded.api.resource("jobs")
    operator.request("POST", paths.path(in_force), mine)
    path = paths.path(in_force, mine["metadata"]["name"])
    operator.request("DELETE", path, {"propagationPolicy": "Background"})
    other = copy.deepcopy(mine)
    # A Job without labels would get those of its pods.
    labels = {"app": "backup"}
    other["metadata"] = {"name": "backup", "namespace": in_force, "labels": labels}
    guarded.api.request("POST", paths.path(in_force), other)
    said = refusal(operator, "DELETE", paths.path(in_force, "backup"), {})
    assert "was not created by the operator" in said


def relabelled(sandbox: Sandbox, namespace: str, version: str, kind: str, owner: Json) -> str:
    """The path of a ConfigMap of that owner which somebody else has marked as theirs."""
    reference = {"apiVersion": version, "kind": kind, "name": "checkout"}
    metadata = {
        "name": "checkout-run-0123456789",
        "labels": {names.LABEL_MANAGED_BY: "Helm"},
        "ownerReferences": [{**reference, "uid": owner["metadata"]["uid"]}],
    }
    sandbox.api.create("configmaps", {"metadata": metadata, "immutable": True}, namespace)
    return sandbox.api.resource("configmaps").path(namespace, metadata["name"])


REPAIR = {"metadata": {"labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY}}}


def test_the_operator_puts_its_label_back_on_what_a_service_owns(
    guarded: Sandbox, operator: Api, service: Json, in_force: str
) -> None:
    """It knows its children by their owner, whatever somebody else has set their labels to."""
    path = relabelled(guarded, in_force, names.API_VERSION, "AnomalyService", service)
    repaired = operator.request("PATCH", path, REPAIR, content_type=MERGE)
    assert repaired["metadata"]["labels"] == REPAIR["metadata"]["labels"]


def test_the_operator_takes_nothing_that_others_own(
    guarded: Sandbox, operator: Api, in_force: str
) -> None:
    owner = guarded.api.create("configmaps", {"metadata": {"name": "checkout"}}, in_force)
    path = relabelled(guarded, in_force, "v1", "ConfigMap", owner)
    said = refusal(operator, "PATCH", path, REPAIR, content_type=MERGE)
    assert "was not created by the operator" in said


def test_the_operator_writes_rules_for_prometheus_of_its_own_and_no_others(
    guarded: Sandbox, operator: Api, in_force: str
) -> None:
    def rule(name: str, **labels: str) -> Json:
        kind = {"apiVersion": RULE.api_version, "kind": RULE.kind}
        return {**kind, "metadata": {"name": name, "labels": labels}, "spec": {"groups": []}}

    marked = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
    with rule_kind(guarded):
        path = RULE.path(in_force)
        operator.request("POST", path, rule("own", **marked))
        operator.request("DELETE", f"{path}/own", {})
        assert "must have the label" in refusal(operator, "POST", path, rule("unmarked"))
        guarded.api.request("POST", path, rule("foreign", team="shop"))
        change = {"metadata": {"labels": marked}, "spec": {"groups": []}}
        said = refusal(operator, "PATCH", f"{path}/foreign", change, content_type=MERGE)
        assert "was not created by the operator" in said
        said = refusal(operator, "DELETE", f"{path}/foreign", {})
        assert "was not created by the operator" in said


def test_people_are_not_held_by_the_operators_policies(guarded: Sandbox, in_force: str) -> None:
    made = submit(guarded.api, guarded, "ConfigMap", child("ConfigMap", "app-settings"), in_force)
    assert made["metadata"]["name"] == "app-settings"
