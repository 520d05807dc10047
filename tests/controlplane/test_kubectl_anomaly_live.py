"""Each verb of `kubectl anomaly` against a real API server, also as a user who may do nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_cli.__main__ import CLUSTER_REFUSED, main
from anomaly_cli.verbs import completion
from anomaly_operator.api.names import STATUS_FIELD_MANAGER
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.vocabulary import DETECTION_FIELD_MANAGER
from pretend.stored_service import MODEL, OLDER, service

pytestmark = pytest.mark.controlplane

API = "anomaly-operator.dev/v1alpha1"
NAME = "checkout-0123456789ab-x"
CLOSED = "checkout-0123456789ab-w"
FIRST = "2026-11-26T02:10:00Z"
Json = dict[str, Any]


@dataclass
class Terminal:
    """kubectl-anomaly as one user in one namespace."""

    sandbox: Sandbox
    namespace: str
    kubeconfig: Path
    capsys: Any

    def run(self, *words: str, code: int = 0) -> str:
        """What it prints, on both streams."""
        target = ("--kubeconfig", str(self.kubeconfig), "-n", self.namespace)
        self.capsys.readouterr()
        found = main([words[0], *target, *words[1:]])
        shown = self.capsys.readouterr()
        assert found == code, shown
        return str(shown.out + shown.err)

    def document(self, *words: str) -> Json:
        found: Json = json.loads(self.run(*words, "-o", "json"))
        return found

    def read(self, kind: str, name: str) -> Json:
        found = self.sandbox.get(kind, name, self.namespace)
        assert found is not None
        return found


@pytest.fixture
def shop(crds: Sandbox, namespace: str) -> str:
    """A namespace with one service, an open incident and a closed one."""
    raw = service(status={"state": "Anomalous", "severity": "High"})
    status = dict(raw["status"])
    found = {"detection": status.pop("detection")}
    crds.api.create("asvc", _named(raw, "checkout"), namespace)
    _status(crds, namespace, "AnomalyService", "checkout", status, STATUS_FIELD_MANAGER)
    _status(crds, namespace, "AnomalyService", "checkout", found, DETECTION_FIELD_MANAGER)
    for name, state in ((NAME, "Open"), (CLOSED, "Closed")):
        spec = {
            "serviceRef": {"name": "checkout"},
            "openingPattern": "latency_spike_recent",
            "fingerprint": "0123456789ab",
            "firstSeen": FIRST,
        }
        body = {"apiVersion": API, "kind": "Anomaly", "spec": spec}
        crds.api.create("anomalies", _named(body, name), namespace)
        told = {
            "state": state,
            "severity": "High",
            "pattern": "latency_spike_recent",
            "slo": {"status": "Breached", "proximity": "1.31"},
            "occurrences": 4,
            "explanation": {
                "summary": "Requests take 222 ms, usually 43.1 to 57.1 ms",
                "contributions": [{"metric": "latency", "value": "0.222", "share": "72%"}],
                "recommendedActions": ["Look at recent rollouts."],
            },
        }
        told |= (
            {"closedAt": FIRST, "resolution": {"reason": "Resolved"}} if state == "Closed" else {}
        )
        _status(crds, namespace, "Anomaly", name, told, STATUS_FIELD_MANAGER)
    return namespace


@pytest.fixture
def admin(crds: Sandbox, shop: str, capsys: Any) -> Terminal:
    return Terminal(crds, shop, crds.kubeconfig, capsys)


@pytest.fixture
def nobody(crds: Sandbox, shop: str, capsys: Any) -> Terminal:
    """The account of a pod, which may read and write nothing of ours."""
    return Terminal(crds, shop, crds.kubeconfig_for("default", shop), capsys)


def _named(body: Json, name: str) -> Json:
    return {key: body[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": name}}


def _status(
    crds: Sandbox, namespace: str, kind: str, name: str, status: Json, manager: str
) -> None:
    resource = "asvc" if kind == "AnomalyService" else "anomalies"
    crds.api.request(
        "PATCH",
        crds.api.resource(resource).path(namespace, name, "status"),
        {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "status": status},
        query={"fieldManager": manager, "force": "true", "fieldValidation": "Strict"},
        content_type="application/apply-patch+yaml",
    )


def test_list_shows_what_is_open_and_with_all_what_is_over(admin: Terminal) -> None:
    found = admin.run("list")
    assert NAME in found
    assert CLOSED not in found
    heads, line = found.splitlines()
    assert heads.split()[:4] == ["NAME", "SERVICE", "SEVERITY", "STATE"]
    assert line.split()[:5] == [NAME, "checkout", "High", "Open", "Breached"]
    everything = admin.run("list", "--all", "-A").splitlines()
    assert everything[0].startswith("NAMESPACE ")
    mine = [line.split()[1] for line in everything if line.startswith(admin.namespace)]
    assert mine == [NAME, CLOSED]
    assert "SUMMARY" in admin.run("list", "-o", "wide")


def test_list_in_the_formats_for_programs(admin: Terminal) -> None:
    assert admin.run("list", "-o", "name") == f"anomaly.anomaly-operator.dev/{NAME}\n"
    (item,) = admin.document("list")["items"]
    assert item["kind"] == "Anomaly"
    assert "managedFields" not in item["metadata"]
    assert yaml.safe_load(admin.run("list", "-o", "yaml"))["items"] == [item]


def test_nothing_open_is_said_and_is_no_failure(admin: Terminal, make_namespace: Any) -> None:
    admin.namespace = make_namespace()
    assert "no open incidents in namespace" in admin.run("list")
    assert "no AnomalyService in namespace" in admin.run("top")


def test_show_tells_the_story(admin: Terminal) -> None:
    found = admin.run("show", NAME)
    assert found.startswith(
        f"{NAME} in namespace {admin.namespace}\n\nHigh       checkout: latency"
    )
    assert "SLO Breached (1.31x the critical threshold)" in found
    assert "Next       1. Look at recent rollouts." in found
    assert admin.run("show", f"anomaly.anomaly-operator.dev/{NAME}") == found
    assert admin.document("show", NAME)["metadata"]["name"] == NAME


def test_ack_is_signed_with_the_name_that_the_server_knows(admin: Terminal) -> None:
    assert f"{NAME} acknowledged as sandbox-admin" in admin.run("ack", NAME, "--comment", "looking")
    said = admin.read("anomalies", NAME)["spec"]["acknowledgement"]
    assert (said["by"], said["comment"]) == ("sandbox-admin", "looking")
    assert "acknowledged by you already" in admin.run("ack", NAME)
    assert admin.read("anomalies", NAME)["spec"]["acknowledgement"] == said


def test_the_words_of_somebody_else_are_kept_unless_told_otherwise(admin: Terminal) -> None:
    other = {"spec": {"acknowledgement": {"by": "maria", "at": FIRST}}}
    path = admin.sandbox.api.resource("anomalies").path(admin.namespace, NAME)
    admin.sandbox.api.request("PATCH", path, other, content_type="application/merge-patch+json")
    found = admin.run("ack", NAME, code=CLUSTER_REFUSED)
    assert "was acknowledged by maria at 2026-11-26 02:10 UTC; --overwrite replaces that" in found
    admin.run("ack", NAME, "--overwrite")
    said = admin.read("anomalies", NAME)["spec"]["acknowledgement"]
    assert said["by"] == "sandbox-admin"


def test_feedback_is_said_changed_and_loses_what_no_longer_holds(admin: Terminal) -> None:
    words = ("feedback", NAME, "expected", "--until", "7d", "--comment", "load test")
    assert "similar windows open no incident until 20" in admin.run(*words)
    said = admin.read("anomalies", NAME)["spec"]["feedback"]
    assert (said["verdict"], said["by"]) == ("Expected", "sandbox-admin")
    assert {"until", "comment"} <= set(said)
    admin.run("feedback", CLOSED, "TruePositive")
    admin.run("feedback", NAME, "TruePositive")
    said = admin.read("anomalies", NAME)["spec"]["feedback"]
    assert (said["verdict"], said["by"]) == ("TruePositive", "sandbox-admin")
    assert not {"until", "comment"} & set(said)


def test_explain_says_why_and_what_would_change_it(admin: Terminal) -> None:
    found = admin.run("explain", "checkout")
    assert "Its score is 0.31; a window is anomalous from 2.87 on" in found
    assert "latency   [···········●]   310 ms, usually 120 to 320 ms" in found
    assert "To alert   1. A score of 2.87 or more" in found
    assert admin.document("explain", "asvc/checkout")["alertLevel"] == 2.87


def test_top_lists_the_services(admin: Terminal) -> None:
    heads, line = admin.run("top").splitlines()
    assert heads.split() == [
        *("SERVICE", "STATE", "SEVERITY", "SCORE", "ALERT", "AT", "SLO"),
        *("BUDGET", "OPEN", "CHECKED"),
    ]
    assert line.split()[:5] == ["checkout", "Anomalous", "High", "0.31", "2.87"]
    assert admin.run("top", "-o", "name").endswith("/checkout\n")
    assert admin.run("top", "-A", "--sort-by", "budget").startswith("NAMESPACE")


def test_retrain_asks_anew_each_time(admin: Terminal) -> None:
    assert "training of checkout requested" in admin.run("retrain", "checkout")
    annotations = admin.read("asvc", "checkout")["metadata"]["annotations"]
    assert annotations["anomaly-operator.dev/train-requested-at"].startswith("20")
    patch = {"spec": {"suspend": True}}
    path = admin.sandbox.api.resource("asvc").path(admin.namespace, "checkout")
    admin.sandbox.api.request("PATCH", path, patch, content_type="application/merge-patch+json")
    assert "is suspended" in admin.run("retrain", "checkout", code=CLUSTER_REFUSED)


def test_a_training_run_has_no_training_to_ask_for(admin: Terminal) -> None:
    run = {"log": {"claim": "llama-run", "path": "train.jsonl"}}
    body: Json = {"apiVersion": "anomaly-operator.dev/v1alpha1", "kind": "AnomalyService"}
    body |= {"metadata": {"name": "llama"}, "spec": {"profile": "TrainingRun", "trainingRun": run}}
    admin.sandbox.api.create("asvc", body, admin.namespace)
    assert "no model is trained" in admin.run("retrain", "llama", code=CLUSTER_REFUSED)


def test_rollback_pins_and_unpins(admin: Terminal) -> None:
    found = admin.run("rollback", "checkout")
    assert f"checkout is pinned to {OLDER['revision']}" in found
    assert f"it served {MODEL['revision']}" in found
    assert admin.read("asvc", "checkout")["spec"]["modelRevision"] == OLDER["revision"]
    assert "pinned to" in admin.run("rollback", "checkout", str(MODEL["revision"]))
    assert "no longer pinned" in admin.run("rollback", "checkout", "--latest")
    assert not admin.read("asvc", "checkout")["spec"].get("modelRevision")
    refused = admin.run("rollback", "checkout", "20200101-000000-000000", code=CLUSTER_REFUSED)
    assert "there are: " in refused


def test_plan_compares_a_file_with_the_cluster_and_applies_nothing(
    admin: Terminal, tmp_path: Path
) -> None:
    before = admin.read("asvc", "checkout")
    raw = service(spec={"detector": {"falseIncidentsPerWeek": "3"}})
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(_named(raw, "checkout")))
    found = admin.run("plan", "-f", str(tmp_path / "new.yaml"))
    # What the API server has filled in by default is no difference.
    spec = found[found.index("Spec ") : found.index("Training ")]
    assert spec.split(None, 1)[1].strip() == "detector.falseIncidentsPerWeek: (not set) -> 3"
    assert "Trains at once" in found
    (tmp_path / "same.yaml").write_text(yaml.safe_dump(_named(service(), "checkout")))
    assert "The spec is the same" in admin.run("plan", "-f", str(tmp_path / "same.yaml"))
    assert admin.read("asvc", "checkout") == before


def test_watch_ends_by_itself_and_writes_the_open_incidents(admin: Terminal) -> None:
    found = admin.run("watch", "--timeout", "1s", "--interval", "1s").splitlines()
    assert found[0].split()[0] == "NAME"
    assert [line.split()[0] for line in found[1:]] == [NAME]


def test_ctrl_c_ends_a_watch_without_an_error(admin: Terminal) -> None:
    target = ("--kubeconfig", str(admin.kubeconfig), "-n", admin.namespace)
    watching = subprocess.Popen(
        [sys.executable, "-m", "anomaly_cli", "watch", *target],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("NAME ")
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=120)
    assert (watching.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("show",), [CLOSED, NAME]),
        (("ack",), [NAME]),
        (("explain",), ["checkout"]),
        (("rollback", "checkout"), [OLDER["revision"], MODEL["revision"]]),
    ],
)
def test_names_are_completed_from_the_cluster(
    admin: Terminal, words: tuple[str, ...], wanted: list[str]
) -> None:
    target = ("--kubeconfig", str(admin.kubeconfig), "-n", admin.namespace)
    admin.capsys.readouterr()
    assert completion.complete([words[0], *target, *words[1:], ""]) == 0
    *found, directive = admin.capsys.readouterr().out.splitlines()
    assert directive == ":4"
    assert set(wanted) <= set(found)
    if words != ("rollback", "checkout"):
        assert found == wanted


def test_namespaces_are_completed(admin: Terminal) -> None:
    admin.capsys.readouterr()
    completion.complete(["list", "--kubeconfig", str(admin.kubeconfig), "-n", ""])
    assert admin.namespace in admin.capsys.readouterr().out.splitlines()


VERBS: list[tuple[tuple[str, ...], str, str]] = [
    (("list",), "list", "anomalies"),
    (("list", "-A"), "list", "anomalies"),
    (("watch",), "list", "anomalies"),
    (("show", NAME), "get", "anomalies"),
    (("ack", NAME), "get", "anomalies"),
    (("feedback", NAME, "TruePositive"), "get", "anomalies"),
    (("explain", "checkout"), "get", "anomalyservices"),
    (("top",), "list", "anomalyservices"),
    (("retrain", "checkout"), "get", "anomalyservices"),
    (("rollback", "checkout"), "get", "anomalyservices"),
]


@pytest.mark.parametrize(
    ("words", "verb", "resource"), VERBS, ids=[" ".join(one[0]) for one in VERBS]
)
def test_who_may_not_is_told_in_one_line(
    nobody: Terminal, words: tuple[str, ...], verb: str, resource: str
) -> None:
    found = nobody.run(*words, code=CLUSTER_REFUSED)
    user = f"system:serviceaccount:{nobody.namespace}:default"
    where = "in the cluster" if "-A" in words else f"in namespace {nobody.namespace}"
    assert found == (
        f"kubectl-anomaly: user {user} may not {verb} {resource} {where}; "
        "ask an administrator for a role that allows it\n"
    )


def test_plan_for_one_who_may_not(nobody: Terminal, tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(_named(service(), "checkout")))
    words = ("plan", "-f", str(tmp_path / "new.yaml"))
    assert "may not list anomalyservices" in nobody.run(*words, code=CLUSTER_REFUSED)


def test_who_may_read_but_not_write_changes_nothing(nobody: Terminal) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader"},
        "rules": [
            {"apiGroups": ["anomaly-operator.dev"], "resources": ["*"], "verbs": ["get", "list"]}
        ],
    }
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": nobody.namespace}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [subject],
    }
    nobody.sandbox.apply([role, binding], namespace=nobody.namespace)
    nobody.sandbox.wait_for(lambda: _may_list(nobody), 60, "the role is in force")
    assert NAME in nobody.run("list")
    for words in (
        ("ack", NAME),
        ("feedback", NAME, "Expected"),
        ("retrain", "checkout"),
        ("rollback", "checkout"),
    ):
        assert " may not patch anomal" in nobody.run(*words, code=CLUSTER_REFUSED)
    assert "acknowledgement" not in nobody.read("anomalies", NAME)["spec"]
    assert not nobody.read("asvc", "checkout")["spec"].get("modelRevision")


def _may_list(nobody: Terminal) -> bool:
    asked = {
        "user": f"system:serviceaccount:{nobody.namespace}:default",
        "resourceAttributes": {
            "namespace": nobody.namespace,
            "group": "anomaly-operator.dev",
            "resource": "anomalies",
            "verb": "list",
        },
    }
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = nobody.sandbox.api.request("POST", path, {**kind, "spec": asked})
    return bool(answer["status"]["allowed"])


@pytest.mark.parametrize(
    "words",
    [
        ("show", "lost"),
        ("ack", "lost"),
        ("feedback", "lost", "Expected"),
        ("explain", "lost"),
        ("retrain", "lost"),
        ("rollback", "lost"),
    ],
)
def test_what_is_not_there_is_told_with_the_way_to_what_is(
    admin: Terminal, words: tuple[str, ...]
) -> None:
    found = admin.run(*words, code=CLUSTER_REFUSED)
    assert f" lost in namespace {admin.namespace}; `kubectl get anomal" in found


def test_kubectl_finds_the_plugin_and_its_completion(admin: Terminal, tmp_path: Path) -> None:
    """kubectl runs what is called kubectl-anomaly on the path."""
    plugin = tmp_path / "kubectl-anomaly"
    plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m anomaly_cli "$@"\n')
    plugin.chmod(0o755)
    completer = tmp_path / "kubectl_complete-anomaly"
    text = "from anomaly_cli.verbs.completion import plugin; raise SystemExit(plugin())"
    completer.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{text}" "$@"\n')
    completer.chmod(0o755)
    found = _kubectl(admin, tmp_path, "anomaly", "list", "-n", admin.namespace)
    assert NAME in found
    words = ("__complete", "anomaly", "explain", "-n", admin.namespace, "")
    assert "checkout" in _kubectl(admin, tmp_path, *words).splitlines()


def _kubectl(admin: Terminal, folder: Path, *words: str) -> str:
    environment = {**admin.sandbox.environment(), "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(admin.sandbox.bin("kubectl")), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
