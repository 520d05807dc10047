"""A trained model that answers requests from a pod of its Deployment, on a real control plane.

The sandbox has no network of Services, so the client does what kube-proxy would: it asks the pods
that the Service selects and that are ready.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import pytest

from anomaly_operator.api.names import ANNOTATION_TRAIN_REQUESTED
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.serving import SERVING_PORT
from watched.namespace import FILES, SELDOM, Watched, namespace, running_operator, with_crds
from watched.recordings import COLUMNS, HISTORY, STEP, Recording

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SETTINGS: dict[str, Any] = {"sources": {"files": FILES}, "serving": {"enabled": True}}
MEMBERS: dict[str, Any] = {
    "members": [
        {"name": "IsolationForest", "trees": 50},
        {"name": "LocalOutlierFactor"},
        {"name": "ZScore", "threshold": "3"},
    ],
    "vote": {"rule": "Majority"},
}
"""They judge single rows, so a request needs no history."""
CALM = dict(zip(COLUMNS, (100.0, 120.0, 0.002), strict=True))
SLOW = {**CALM, "application_latency": 1200.0}


@dataclass
class Client:
    """Asks again and again, from a thread, until the end of its block."""

    watched: Watched
    seen: Counter[str] = field(default_factory=Counter)
    """Answers by the revision that gave them."""
    failed: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._addresses = ready(self.watched)
        self._threads = [threading.Thread(target=one) for one in (self._look, self._ask)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.5):
            self._addresses = ready(self.watched)

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            for address in self._addresses or ["nobody"]:
                try:
                    status, answer = ask(address, CALM)
                except OSError as error:
                    self.failed.append(f"{address}: {error!r}")
                    continue
                if status == 200:
                    self.seen[answer["model_version"]] += 1
                else:
                    self.failed.append(f"{address}: {status} {answer}")


def ask(address: str, features: dict[str, float]) -> tuple[int, dict[str, Any]]:
    """`/predict` of the pod at that address."""
    body = {"features": features}
    connection = http.client.HTTPConnection(address, SERVING_PORT, timeout=20)
    try:
        connection.request("POST", "/predict", json.dumps(body))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def ready(watched: Watched) -> list[str]:
    """Addresses that the Service would send a request to: of the pods that its selector finds, and
    that are ready and stay. Loopback addresses are refused in EndpointSlices.
    """
    (service,) = watched.cluster.list("services", watched.name)
    chosen = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
    return [
        one["status"]["podIP"]
        for one in watched.cluster.list("pods", watched.name, labels=chosen)
        if "deletionTimestamp" not in one["metadata"]
        for condition in one["status"].get("conditions") or ()
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]


def pods(watched: Watched) -> list[dict[str, Any]]:
    return watched.cluster.list("pods", watched.name, labels="app.kubernetes.io/component=serving")


@pytest.fixture(scope="module")
def watched(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with_crds(sandbox)
    folder, now = tmp_path_factory.mktemp("serving"), int(time.time()) // STEP * STEP
    with (
        namespace(sandbox, "serving") as found,
        running_operator(sandbox, folder, [found.name], SETTINGS),
    ):
        found.files(calm=Recording(now - HISTORY, now).csv())
        found.service("checkout", **SELDOM, detector=MEMBERS, serving={"enabled": True})
        yield found


def test_a_trained_model_answers_and_a_promotion_fails_no_request(watched: Watched) -> None:
    watched.await_condition("checkout", "Serving", "Available", 300)
    first = watched.revision("checkout")
    assert watched.status("checkout")["serving"]["revision"] == first
    (address,) = watched.wait(lambda: ready(watched), 60, "the Service has a pod")
    status, answer = ask(address, SLOW)
    assert (status, answer["is_anomaly"], answer["model_version"]) == (200, True, first)
    assert (answer["votes"], answer["confidence"]) == (3, 1.0)
    (pod,) = pods(watched)
    with Client(watched) as client:
        watched.wait(lambda: client.seen[first] or None, 60, "the first answers")
        asked = {"metadata": {"annotations": {ANNOTATION_TRAIN_REQUESTED: "again"}}}
        watched.cluster.api.patch("asvc", "checkout", watched.name, asked)
        second = watched.wait(
            lambda: (found := watched.revision("checkout")) != first and found, 300, "a promotion"
        )
        # The kubelet takes its time to update the file of a ConfigMap, up to 60 s here.
        watched.wait(lambda: client.seen[second] or None, 120, "answers of the new revision")
    assert client.failed == []
    assert set(client.seen) == {first, second}
    (same,) = pods(watched)
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert same["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_new_pod_template_is_rolled_out_without_a_failed_request(watched: Watched) -> None:
    (pod,) = pods(watched)
    more = {"enabled": True, "resources": {"requests": {"memory": "160Mi"}}}
    with Client(watched) as client:
        watched.patch("checkout", {"serving": more})
        watched.wait(
            lambda: all(one["metadata"]["uid"] != pod["metadata"]["uid"] for one in pods(watched)),
            180,
            "the old pod is gone",
        )
        told = len(client.failed) + client.seen.total()
        watched.wait(lambda: client.seen.total() > told or None, 60, "answers of the new pod")
    assert client.failed == []
    watched.await_condition("checkout", "Serving", "Available")


def test_what_served_goes_when_it_is_not_wanted_any_more(watched: Watched) -> None:
    watched.patch("checkout", {"serving": {"enabled": False}})
    for kind in ("deployments", "services"):
        watched.wait(lambda kind=kind: not watched.cluster.list(kind, watched.name), 60, kind)
    watched.wait(lambda: not pods(watched), 120, "the pods are gone")
    watched.wait(lambda: "serving" not in watched.status("checkout"), 60, "the status is empty")
    assert watched.condition("checkout", "Ready").status == "True"
