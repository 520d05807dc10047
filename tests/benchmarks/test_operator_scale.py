"""What the operator costs when there is much of it: start, quiet, one service, one detection.

The figures are counted where they are paid: CPU and memory in /proc, writes in the API server's
audit log. One service is trained on the control plane; the others get its status, as training
hundreds would measure the node agent.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.audit import AuditLog, Request
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from anomaly_sandbox.waiting import wait_for
from loopback.trainer import quick_trainer

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1500)]

CRDS = Path(__file__).parents[2] / "crds"
SERVICES = int(os.environ.get("BENCH_SERVICES", "500"))
CROWD = int(os.environ.get("BENCH_CROWD", "2000"))
SPREAD = 20
"""Services in each of the namespaces that a crowd in one namespace is compared with."""
MAX_CROWD_RATIO = 1.3
QUIET_SECONDS = float(os.environ.get("BENCH_QUIET_SECONDS", "180"))
STEP = 3600
DETECTIONS = 20
MAX_CPU_SECONDS = 6.0
MAX_MEBIBYTES = 200.0
MAX_WRITES_TO_FIRST_DETECTION = 15
MAX_FOLD_SECONDS = 1.0
SETTINGS = """
sources: {{default: {{type: Prometheus, url: "http://127.0.0.1:9"}}}}
images: {{train: "{image}", score: "{image}"}}
qps: 400
burst: 400
"""


@contextmanager
def control_plane(folder: Path, *namespaces: str) -> Iterator[Sandbox]:
    """One of its own, so that nobody else's objects are counted."""
    running = Sandbox.up(state_dir=folder, tied=True)
    try:
        running.kubectl("apply", "--server-side", "-f", str(CRDS), check=True)
        wait = ("--for=condition=Established", "--timeout=30s")
        running.kubectl("wait", *wait, "-f", str(CRDS), check=True)
        for namespace in namespaces:
            running.kubectl("create", "namespace", namespace, check=True)
        yield running
    finally:
        running.down(keep=True)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with control_plane(tmp_path_factory.mktemp("scale"), "shop") as running:
        yield running


@pytest.fixture(scope="module")
def settings(cluster: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    return SETTINGS.format(image=quick_trainer(cluster, tmp_path_factory.mktemp("image")))


@pytest.fixture
def operator(
    cluster: Sandbox, settings: str, tmp_path: Path
) -> Iterator[Callable[[], LocalOperator]]:
    made: list[LocalOperator] = []

    def make() -> LocalOperator:
        arguments = ("--namespace", "shop")
        folder = tmp_path / f"operator-{len(made)}"
        made.append(LocalOperator(folder, cluster.kubeconfig, settings, *arguments).start())
        return made[-1]

    yield make
    for one in made:
        if one.alive():
            one.stop()


def service(name: str, namespace: str = "shop") -> dict[str, Any]:
    query = "sum(rate(requests_total[5m]))"
    return {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "metrics": [
                {"name": f"m{number}", "query": query, "unit": "Count", "role": "Custom"}
                for number in range(4)
            ]
            + [{"name": "rate", "query": query, "unit": "RequestsPerSecond", "role": "Traffic"}],
            # Far apart, so that the CronJobs of hundreds start next to nothing meanwhile.
            "step": "1h",
            "rateInterval": "1h",
            "inference": {"interval": "8h"},
            "incidents": {"separation": "40h"},
        },
    }


def ours(log: AuditLog, *, events: bool = False) -> list[Request]:
    """The operator's writes, Lease aside."""
    aside = {"leases"} if events else {"leases", "events"}
    found = log.requests(writes=True)
    return [
        item for item in found if item.user_agent == names.MANAGED_BY and item.resource not in aside
    ]


def serving(cluster: Sandbox, name: str) -> dict[str, Any] | None:
    status = (cluster.get("asvc", name, "shop") or {}).get("status", {})
    return status if status.get("references", {}).get("inferenceCronJob") else None


def apply_status(
    cluster: Sandbox, name: str, status: dict[str, Any], manager: str, namespace: str = "shop"
) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    }
    cluster.api.request(
        "PATCH",
        cluster.api.resource("asvc").path(namespace, name, "status"),
        body,
        query={"fieldManager": manager, "force": "true"},
        content_type="application/apply-patch+yaml",
    )


def detection(revision: str, end: float) -> dict[str, Any]:
    """A quiet result of one window, as a scoring pod applies it."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end - STEP))
    return {
        "formatVersion": 1,
        "modelRevision": revision,
        "run": {"outcome": "Succeeded", "message": "", "since": moment},
        "scoredFrom": before,
        "scoredThrough": moment,
        "skippedWindows": 0,
        "windows": [],
    }


def settle(cluster: Sandbox, operator: LocalOperator, seconds: float = 3.0) -> None:
    """No write and no waiting key for `seconds`."""

    def still() -> bool:
        log = cluster.audit().since_now()
        time.sleep(seconds)
        depth = operator.metrics().get("anomaly_operator_workqueue_depth", 1.0)
        return depth == 0 and not ours(log, events=True)

    wait_for(still, 600, "the operator is quiet")


def test_one_service_costs_few_writes_from_apply_to_its_first_detection(
    cluster: Sandbox, operator: Callable[[], LocalOperator]
) -> None:
    process = operator().wait_until_leading()
    log = cluster.audit().since_now()
    cluster.apply(service("first"))
    status = cluster.wait_for(lambda: serving(cluster, "first"), 60)
    end = time.time() // STEP * STEP
    report = {"detection": detection(status["model"]["revision"], end)}
    apply_status(cluster, "first", report, "anomaly-runtime")
    settle(cluster, process)
    writes = ours(log)
    print(f"\nwrites from apply to first detection: {len(writes)}")
    for item in writes:
        print(f"  {item.verb} {item.resource} {item.name} {item.code}")
    assert len(writes) <= MAX_WRITES_TO_FIRST_DETECTION


def test_a_detection_is_folded_soon(
    cluster: Sandbox, operator: Callable[[], LocalOperator]
) -> None:
    """From the pod's apply to the operator's last write that it causes, seen by a reader."""
    operator().wait_until_leading()
    status = cluster.wait_for(lambda: serving(cluster, "first"), 60)
    revision = status["model"]["revision"]
    end = time.time() // STEP * STEP - STEP * DETECTIONS
    delays = []
    for number in range(DETECTIONS):
        moment = end + STEP * number
        document = detection(revision, moment)
        outcome = ("NoData", "Succeeded")[number % 2]
        document["run"] = {"outcome": outcome, "message": f"run {number}", "since": ""}
        started = time.monotonic()
        apply_status(cluster, "first", {"detection": document}, "anomaly-runtime")

        def told(outcome: str = outcome) -> bool:
            found = (cluster.get("asvc", "first", "shop") or {})["status"]["conditions"]
            reasons = {one["type"]: one["reason"] for one in found}
            return (reasons["DataAvailable"] == "NoData") is (outcome == "NoData")

        wait_for(told, 30, f"run {number} is folded", pause=0.01)
        delays.append(time.monotonic() - started)
    print(f"\nfold: median {statistics.median(delays):.3f} s, worst {max(delays):.3f} s")
    assert statistics.median(delays) < MAX_FOLD_SECONDS


@pytest.fixture(scope="module")
def many(cluster: Sandbox) -> int:
    """`SERVICES` services with the status of the one that was trained."""
    first = cluster.get("asvc", "first", "shop")
    assert first is not None, "run the whole module: the first test trains the service"
    status = {key: value for key, value in first["status"].items() if key != "detection"}
    status["references"] = {}
    found = first["status"]["detection"]

    def make(number: int) -> None:
        name = f"service-{number:04}"
        cluster.api.create("asvc", service(name), "shop")
        apply_status(cluster, name, status, names.STATUS_FIELD_MANAGER)
        apply_status(cluster, name, {"detection": found}, "anomaly-runtime")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(SERVICES - 1)))
    return SERVICES


def test_a_start_with_many_services_is_cheap_and_quiet_stays_quiet(
    cluster: Sandbox, operator: Callable[[], LocalOperator], many: int
) -> None:
    before = operator().wait_until_leading(120)
    wait_for(lambda: len(cluster.list("cronjobs", "shop")) == many, 600, "all CronJobs")
    settle(cluster, before)
    assert before.stop() == 0
    log = cluster.audit().since_now()
    process = operator().wait_until_leading(120)
    settle(cluster, process)
    cpu, memory = process.cpu_seconds(), process.resident_mebibytes()
    at_start = ours(log, events=True)
    print(f"\n{many} services: start {cpu:.1f} s CPU, {memory:.0f} MiB, {len(at_start)} writes")
    log = cluster.audit().since_now()
    time.sleep(QUIET_SECONDS)
    quiet = ours(log, events=True)
    used = process.cpu_seconds() - cpu
    print(f"{QUIET_SECONDS:.0f} s of quiet: {len(quiet)} writes, {used:.1f} s CPU")
    assert [(item.verb, item.resource, item.name) for item in (*at_start, *quiet)] == []
    assert cpu <= MAX_CPU_SECONDS
    assert memory <= MAX_MEBIBYTES


@pytest.fixture(scope="module")
def trained(cluster: Sandbox) -> dict[str, Any]:
    """The status of the service that was trained, without references to its children."""
    first = cluster.get("asvc", "first", "shop")
    assert first is not None, "run the whole module: the first test trains the service"
    status = {key: value for key, value in first["status"].items() if key != "detection"}
    return {**status, "references": {}}


def cost(
    folder: Path, settings: str, status: dict[str, Any], namespaces: list[str]
) -> tuple[float, int]:
    """CPU seconds and writes of an operator that watches all namespaces, until `CROWD` services,
    spread over `namespaces`, have all that they need."""

    def make(number: int) -> None:
        name, namespace = f"service-{number:05}", namespaces[number % len(namespaces)]
        cluster.api.create("asvc", service(name, namespace), namespace)
        apply_status(cluster, name, status, names.STATUS_FIELD_MANAGER, namespace)

    with control_plane(folder / "cluster", *namespaces) as cluster:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, range(CROWD)))
        log = cluster.audit().since_now()
        # Without election: on a busy machine a Lease is lost, and a crowd takes minutes.
        arguments = ("--namespace", namespaces[0], "--no-leader-elect")
        process = LocalOperator(folder / "operator", cluster.kubeconfig, settings, *arguments)
        with process:
            process.wait_until_leading(120)

            def made() -> bool:
                process.readiness()  # raises where it has ended
                return len(cluster.list("cronjobs", None)) == CROWD

            wait_for(made, 900, "all CronJobs", pause=5.0)
            settle(cluster, process, 5.0)
            return process.cpu_seconds(), len(ours(log))


def test_a_crowd_in_one_namespace_costs_what_it_costs_in_many(
    settings: str, trained: dict[str, Any], tmp_path: Path
) -> None:
    spread = [f"team-{number:03}" for number in range(max(CROWD // SPREAD, 1))]
    many_cpu, many_writes = cost(tmp_path / "many", settings, trained, spread)
    one_cpu, one_writes = cost(tmp_path / "one", settings, trained, ["crowd"])
    print(f"\n{CROWD} services in {len(spread)} namespaces: {many_cpu:.1f} s, {many_writes} writes")
    print(f"{CROWD} services in one namespace: {one_cpu:.1f} s, {one_writes} writes")
    assert one_writes <= MAX_CROWD_RATIO * many_writes
    assert one_cpu <= MAX_CROWD_RATIO * many_cpu
