"""The chart installed by helm on a real control plane: the operator runs from its Deployment,
brings a service from apply to an incident, and its rights are exactly what that took."""

from __future__ import annotations

import math
import random
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api import names
from anomaly_operator.api.text import unix_seconds
from anomaly_sandbox.audit import AuditLog, Request
from anomaly_sandbox.cluster import Sandbox, SandboxError
from watched.namespace import NEVER
from watched.stored import whole_status

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

Json = dict[str, Any]
CHART = Path(__file__).parents[2] / "helm" / "anomaly-operator"
NAMESPACE = "anomaly-system"
RELEASE = "anomaly-operator"
USER = f"{NAMESPACE}:{RELEASE}"
SCOPE = ("--namespace", NAMESPACE)
WAIT = ("--wait", "--timeout", "240s")
ADOPT = ("--take-ownership", "--force-conflicts")
"""Another test may have applied the CRDs before."""
VALUES: Json = {
    "settings": {
        "sources": {
            "default": {"url": "http://127.0.0.1:9", "allowLoopback": True},
            "files": {"type": "CSV", "configMap": "metrics-files"},
        }
    }
}
STEP = 15
HISTORY = 4 * 3600
AHEAD = 1800
"""Seconds that a recording holds before and after the moment that it was made."""


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("values") / "values.yaml"
    file.write_text(yaml.safe_dump(VALUES))
    return file


@pytest.fixture(scope="module")
def older_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as an earlier version might have been: a column fewer in a CRD."""
    chart = tmp_path_factory.mktemp("older") / "anomaly-operator"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crds" / "slopolicies.yaml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "name: Message" not in line))
    return chart


@pytest.fixture(scope="module")
def log(cluster: Sandbox) -> AuditLog:
    """What is asked of the API server from before the operator's start."""
    return cluster.audit().since_now()


@pytest.fixture(scope="module")
def release(cluster: Sandbox, log: AuditLog, values: Path, older_chart: Path) -> Iterator[Sandbox]:
    """The release, first installed from the older chart."""
    command = ("install", RELEASE, str(older_chart), *SCOPE, *WAIT, "--values", str(values))
    cluster.helm(*command, *ADOPT, check=True)
    yield cluster
    if cluster.get("deployments", RELEASE, NAMESPACE) is not None:
        cluster.helm("uninstall", RELEASE, *SCOPE, "--wait", check=True)


def pods(cluster: Sandbox) -> list[Json]:
    found = cluster.list("pods", NAMESPACE, labels="app.kubernetes.io/component=operator")
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def holder(cluster: Sandbox) -> str:
    lease = cluster.get("leases", "anomaly-operator", NAMESPACE)
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")


def metric(pod: Json, name: str) -> float:
    """A series without labels, as the pod serves it on its own address."""
    url = f"http://{pod['status']['podIP']}:8080/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    (found,) = [line for line in lines if line.startswith(f"{name} ")]
    return float(found.split()[1])


def test_two_replicas_run_and_one_of_them_leads(release: Sandbox) -> None:
    deployment = release.get("deployments", RELEASE, NAMESPACE)
    assert deployment is not None
    assert deployment["status"]["availableReplicas"] == 2
    assert release.wait_for(lambda: holder(release), 90, "somebody leads")
    # The Lease is written first; its holder knows of it when that is answered.
    release.wait_for(lambda: _leader_lives(release), 90, "one of the pods says so")
    assert sorted(metric(pod, "anomaly_operator_leader") for pod in pods(release)) == [0, 1]


def test_the_charts_own_test_passes(release: Sandbox) -> None:
    done = release.helm("test", RELEASE, *SCOPE, "--timeout", "240s")
    assert done.returncode == 0, done.stderr


def test_an_upgrade_brings_the_new_crds(release: Sandbox, values: Path) -> None:
    def columns() -> list[str]:
        crd = release.get("customresourcedefinitions", "slopolicies.anomaly-operator.dev")
        assert crd is not None
        (version,) = crd["spec"]["versions"]
        return [column["name"] for column in version["additionalPrinterColumns"]]

    assert "Message" not in columns()
    before = {pod["metadata"]["name"] for pod in pods(release)}
    change = ("--set", "settings.qps=40")
    release.helm(
        "upgrade", RELEASE, str(CHART), *SCOPE, *WAIT, "--values", str(values), *change, check=True
    )
    assert "Message" in columns()

    def replaced() -> bool:
        now = {pod["metadata"]["name"] for pod in pods(release)}
        return len(now) == 2 and not now & before

    release.wait_for(replaced, 120, "both pods read the new settings")
    release.wait_for(lambda: _leader_lives(release), 120, "a pod of the new ones leads")


def _leader_lives(cluster: Sandbox) -> bool:
    return sum(metric(pod, "anomaly_operator_leader") for pod in pods(cluster)) == 1


def recording(start: int, trouble: int, end: int) -> str:
    """A service's metrics as a CSV file: calm until `trouble`, then slow and failing."""
    chance = random.Random(7)
    rows = ["timestamp,request_rate,application_latency,error_rate"]
    for moment in range(start, end, STEP):
        calm = moment < trouble
        rate = 100 + 10 * math.sin(moment / 900) + chance.gauss(0, 2)
        latency = chance.gauss(120, 6) * (1 if calm else 9)
        errors = max(chance.gauss(0.002, 0.0005), 0) if calm else 0.4
        rows.append(f"{moment},{rate:.3f},{latency:.3f},{errors:.6f}")
    return "\n".join(rows) + "\n"


SERVICE: Json = {
    "category": "BusinessCritical",
    "source": {"name": "files"},
    "step": f"{STEP}s",
    "metrics": [
        {
            "name": "request_rate",
            "role": "Traffic",
            "query": "request_rate",
            "unit": "RequestsPerSecond",
        },
        {
            "name": "application_latency",
            "role": "Latency",
            "query": "application_latency",
            "unit": "Milliseconds",
        },
        {"name": "error_rate", "role": "Errors", "query": "error_rate", "unit": "Ratio"},
    ],
    "training": {
        "lookback": "4h",
        "schedule": NEVER,
        "spread": "0s",
        "minSamples": {"univariate": 200, "multivariate": 400},
    },
    "inference": {"interval": "1m"},
    "incidents": {"confirmationCycles": 2, "resolutionGraceCycles": 2, "separation": "10m"},
}


def manifest(kind: str, name: str, namespace: str, spec: Json) -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


@pytest.fixture(scope="module")
def watched(release: Sandbox) -> Iterator[str]:
    """A namespace with a service, a policy for it and a recording of the service's metrics."""
    namespace = "chart-shop"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    release.api.create("namespaces", {"metadata": {"name": namespace, "labels": labels}})
    release.wait_for(lambda: release.get("serviceaccounts", "default", namespace), 120)
    now = int(time.time()) // STEP * STEP
    text = recording(now - HISTORY, now + AHEAD, now + AHEAD)
    files = {
        "metadata": {"name": "metrics-files"},
        "data": {"checkout.csv": text, "payments.csv": text},
    }
    release.api.create("configmaps", files, namespace)
    thresholds = {
        "latency": {"acceptable": "300ms", "warning": "500ms", "critical": "800ms"},
        "errorRate": {"acceptable": "1%", "warning": "5%", "critical": "10%"},
    }
    release.apply(manifest("SLOPolicy", "web", namespace, {"thresholds": thresholds}))
    service = {**SERVICE, "sloPolicyRef": {"name": "web"}}
    release.apply(manifest("AnomalyService", "checkout", namespace, service))
    yield namespace
    release.api.delete("namespaces", namespace)


def begin_trouble(cluster: Sandbox, namespace: str) -> None:
    """From now on the services are slow and failing."""
    files = cluster.get("configmaps", "metrics-files", namespace)
    assert files is not None
    start = int(files["data"]["checkout.csv"].splitlines()[1].partition(",")[0])
    text = recording(start, int(time.time()) // STEP * STEP, start + HISTORY + AHEAD)
    changed = {"data": dict.fromkeys(files["data"], text)}
    cluster.api.patch("configmaps", "metrics-files", namespace, changed)


def status(cluster: Sandbox, namespace: str) -> Json:
    found = cluster.get("asvc", "checkout", namespace)
    assert found is not None
    return whole_status(found)


def story(cluster: Sandbox, namespace: str) -> str:
    """What to read when something did not happen."""
    shown = cluster.kubectl("get", "asvc,jobs,cronjobs,pods,anom", "-n", namespace)
    asked = cluster.kubectl("describe", "asvc", "checkout", "-n", namespace)
    return shown.stdout + asked.stdout


def await_state(cluster: Sandbox, namespace: str, ready: Callable[[], Any], seconds: int) -> Any:
    try:
        return cluster.wait_for(ready, seconds, pause=0.5)
    except Exception as error:
        raise AssertionError(f"{error}\n{story(cluster, namespace)}") from error


def test_apply_leads_to_an_incident(release: Sandbox, watched: str) -> None:
    await_state(release, watched, lambda: status(release, watched).get("model"), 180)
    # A training that saw it would fail its checks, and on a slow machine trainings begin late.
    begin_trouble(release, watched)
    incidents = await_state(
        release,
        watched,
        lambda: [
            a for a in release.list("anom", watched) if a.get("status", {}).get("state") == "Open"
        ],
        240,
    )
    (incident,) = incidents
    assert incident["spec"]["serviceRef"] == {"name": "checkout"}
    seen = await_state(
        release,
        watched,
        lambda: status(release, watched) if status(release, watched)["state"] == "Anomalous" else 0,
        90,
    )
    assert seen["incidents"]["open"] == 1
    assert seen["slo"]["status"] == "Breached"
    ready = [c for c in seen["conditions"] if c["type"] == "Ready"]
    assert [c["status"] for c in ready] == ["True"]
    table = release.kubectl("get", "asvc", "-n", watched, check=True).stdout
    assert "Anomalous" in table
    assert "Breached" in table


def test_the_rest_of_a_services_life(release: Sandbox, watched: str) -> None:
    """Trained on request, repaired, suspended; then a neighbour comes and goes."""
    release.kubectl(
        "annotate", "asvc/checkout", "-n", watched, f"{names.ANNOTATION_TRAIN_REQUESTED}=1"
    )
    await_state(
        release,
        watched,
        lambda: status(release, watched).get("lastHandledTrainRequest") == "1",
        180,
    )
    release.kubectl("delete", "cronjobs", "--all", "-n", watched, check=True)
    await_state(release, watched, lambda: release.list("cronjobs", watched), 120)
    older = keep_closed(release, watched, closed_seconds_ago=7200)
    newer = keep_closed(release, watched, closed_seconds_ago=7199)
    release.api.patch("asvc", "checkout", watched, {"spec": {"incidents": {"maxKept": 1}}})
    await_state(release, watched, lambda: not release.get("anom", older, watched), 120)
    assert release.get("anom", newer, watched) is not None
    # With the third of what the pods are told the first one goes.
    for interval in ("2m", "3m"):
        before = status(release, watched)["references"]["config"]
        change = {"spec": {"inference": {"interval": interval}}}
        release.api.patch("asvc", "checkout", watched, change)
        await_state(
            release,
            watched,
            lambda before=before: status(release, watched)["references"]["config"] != before,
            120,
        )
    # The second suspension says what the first said, so its Event counts up.
    for suspend in (True, False, True):
        release.api.patch("asvc", "checkout", watched, {"spec": {"suspend": suspend}})
        await_state(
            release,
            watched,
            lambda suspend=suspend: (status(release, watched)["state"] == "Suspended") is suspend,
            120,
        )
    release.apply(manifest("AnomalyService", "payments", watched, {**SERVICE, "suspend": True}))
    release.kubectl("delete", "asvc", "payments", "-n", watched, check=True)
    release.kubectl("delete", "slop", "web", "-n", watched, check=True)


def keep_closed(cluster: Sandbox, namespace: str, *, closed_seconds_ago: int) -> str:
    """An incident of the service, under the name that the operator would give it: that name."""
    owner = cluster.get("asvc", "checkout", namespace)
    assert owner is not None
    uid = owner["metadata"]["uid"]
    fingerprint, opened = f"{closed_seconds_ago:012x}", "2026-11-01T00:00:00Z"
    name = names.anomaly_name("checkout", fingerprint, unix_seconds(opened))
    facts = {
        "serviceRef": {"name": "checkout"},
        "openingPattern": "metric_error_rate",
        "fingerprint": fingerprint,
        "firstSeen": opened,
    }
    body = manifest("Anomaly", name, namespace, facts)
    body["metadata"] |= {
        "labels": {names.LABEL_SERVICE_UID: uid},
        "ownerReferences": [
            {
                "apiVersion": names.API_VERSION,
                "kind": "AnomalyService",
                "name": "checkout",
                "uid": uid,
                "controller": True,
            }
        ],
    }
    cluster.api.create("anom", body, namespace)
    ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - closed_seconds_ago))
    closed = {"status": {"state": "Closed", "closedAt": ended}}
    cluster.api.patch("anom", name, namespace, closed, sub="status")
    return name


UNUSED = {
    # The runner's Role grants it, and nobody can grant what they do not hold.
    "get anomalyservices",
    # After a crash between the creation of a Job and its entry in the status; tests/faults.
    "get jobs",
    # Only where a sidecar keeps the pod of a training running; tests/faults.
    "delete jobs",
    # Only where a service stops being a training run; tests/controlplane.
    "delete cronjobs",
    # Only after the last service of a namespace; tests/controlplane.
    "delete persistentvolumeclaims",
    "delete serviceaccounts",
    "delete roles",
    "delete rolebindings",
    # Only in the runner's Role, for a training run that names one.
    "get trainjobs",
    # Only for an incident of a service with such a workload; tests/controlplane.
    "get deployments",
    "get statefulsets",
    "get daemonsets",
    "get rollouts",
    "list replicasets",
    "list controllerrevisions",
    "list events",
    # Only where an SLOPolicy exports rules; tests/controlplane.
    "list prometheusrules",
    "create prometheusrules",
    "patch prometheusrules",
    "delete prometheusrules",
}


def asked(request: Request) -> str:
    return f"{request.verb} {request.resource}"


def used(requests: list[Request]) -> set[str]:
    """Verbs that the requests needed; an apply that makes an object needs `create` besides."""
    made = {f"create {r.resource}" for r in requests if r.verb == "patch" and r.code == 201}
    return {asked(request) for request in requests} | made


def granted(render: Callable[..., list[Json]]) -> set[str]:
    account = {"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}
    objects = render(VALUES)
    bound = {
        o["roleRef"]["name"]
        for o in objects
        if o["kind"].endswith("Binding") and account in o.get("subjects", ())
    }
    return {
        f"{verb} {resource}"
        for o in objects
        if o["metadata"]["name"] in bound
        for rule in o.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_nothing_was_denied_and_nothing_is_granted_in_vain(
    release: Sandbox, log: AuditLog, watched: str, render: Callable[..., list[Json]]
) -> None:
    requests = [r for r in log.requests(user=USER) if r.resource]
    # The release sees the namespaces of other tests on this control plane too, and one that is
    # being deleted answers whoever creates something in it as those without the right.
    ours = [r for r in requests if r.namespace in {"", watched, NAMESPACE}]
    assert [(asked(r), r.name, r.uri) for r in ours if r.code in {401, 403}] == []
    rights = granted(render) - UNUSED

    def unused() -> list[str]:
        return sorted(rights - used([r for r in log.requests(user=USER) if r.resource]))

    # Events and clearing up come after what the tests before this one waited for.
    with suppress(SandboxError):
        release.wait_for(lambda: not unused(), 60)
    assert unused() == []


def test_a_runner_was_denied_nothing(log: AuditLog, watched: str) -> None:
    requests = log.requests(user=f"{watched}:{names.RUNNER}")
    assert {asked(r) for r in requests} == {"get anomalyservices", "patch anomalyservices/status"}
    assert [r for r in requests if r.code == 403] == []


def test_an_uninstall_keeps_the_crds_and_the_services(release: Sandbox, watched: str) -> None:
    release.helm("uninstall", RELEASE, *SCOPE, "--wait", "--timeout", "240s", check=True)
    assert release.get("deployments", RELEASE, NAMESPACE) is None
    assert release.get("clusterroles", f"{NAMESPACE}-{RELEASE}") is None
    kept = release.get("customresourcedefinitions", "anomalyservices.anomaly-operator.dev")
    assert kept is not None
    assert release.get("asvc", "checkout", watched) is not None


@pytest.fixture
def narrow(cluster: Sandbox, values: Path) -> Iterator[tuple[str, AuditLog]]:
    """A release that watches one namespace, after the wide one is gone."""
    namespace = "chart-narrow"
    cluster.api.create("namespaces", {"metadata": {"name": namespace}})
    cluster.wait_for(lambda: cluster.get("serviceaccounts", "default", namespace), 120)
    now = int(time.time()) // STEP * STEP
    files = {
        "metadata": {"name": "metrics-files"},
        "data": {"checkout.csv": recording(now - HISTORY, now + AHEAD, now + AHEAD)},
    }
    cluster.api.create("configmaps", files, namespace)
    # Pods of the wide release outlive its rights by a moment.
    cluster.wait_for(lambda: not cluster.list("pods", NAMESPACE), 120, "the old pods are gone")
    log = cluster.audit().since_now()
    cluster.helm(
        *("install", RELEASE, str(CHART), *SCOPE, *WAIT, "--values", str(values)),
        *("--set", f"watchNamespaces={{{namespace}}}", "--set", "rbac.aggregate=false"),
        *ADOPT,
        check=True,
    )
    yield namespace, log
    cluster.api.delete("namespaces", namespace)
    cluster.helm("uninstall", RELEASE, *SCOPE, "--wait", check=True)


def test_with_named_namespaces_nothing_is_asked_elsewhere(
    cluster: Sandbox, narrow: tuple[str, AuditLog]
) -> None:
    namespace, log = narrow
    cluster.apply(manifest("AnomalyService", "checkout", namespace, SERVICE))
    await_state(cluster, namespace, lambda: status(cluster, namespace).get("model"), 180)
    requests = [r for r in log.requests(user=USER) if r.resource]
    assert [(asked(r), r.name, r.uri) for r in requests if r.code in {401, 403}] == []
    assert {r.namespace for r in requests} == {namespace, NAMESPACE}
    assert {r.resource for r in requests if r.namespace == NAMESPACE} == {"leases"}
