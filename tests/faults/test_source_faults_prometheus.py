"""The source fails while an incident is open: it is said with its reason, no incident is opened or
closed by it, and no window is lost when the source is back.

The tests go through one story in the order of this file. The services are scored by hand.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from anomaly_sandbox import remote_write
from anomaly_sandbox.cluster import Sandbox
from loopback.prometheus import FakePrometheus, matrix
from loopback.server import Answer, Asked
from loopback.shop import noise
from watched.namespace import (
    METRICS,
    Seen,
    Watched,
    condition,
    namespace,
    next_window,
    running_operator,
    unix,
    with_crds,
)
from watched.recordings import HISTORY, STEP

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

RECENT = 240
"""Seconds of trouble before the first run."""


class Source(FakePrometheus):
    """Calm, or in trouble since a moment. `fault` answers in its stead. The noise goes by the time
    since `begin`, so that no run has a worse one than others.
    """

    def __init__(self) -> None:
        self.begin = int(time.time()) // STEP * STEP
        super().__init__(
            {
                "request_rate": lambda at: 100 + 2 * self._noise("rate", at),
                "application_latency": lambda at: (
                    120 + 4 * self._noise("ms", at) + 900 * self._slow(at)
                ),
                "error_rate": lambda at: (
                    0.002 + self._noise("bad", at) / 5000 + 0.4 * self._slow(at)
                ),
            }
        )
        self.slow_from = math.inf
        self.fault: Callable[[], Answer] | None = None

    def calm_series(self, name: str) -> Iterator[Any]:
        """For remote write: a history, and five minutes ahead; Prometheus takes nothing from
        beyond ten.
        """
        moments = range(self.begin - HISTORY, int(time.time()) + 300, STEP)
        levels = {
            "request_rate": (100, 2),
            "application_latency": (120, 4),
            "error_rate": (0.01, 1e-3),
        }
        for metric, (level, spread) in levels.items():
            labels = {"__name__": metric, "test": name}
            values = [level + spread * self._noise(metric, at) for at in moments]
            yield labels, [at * 1000 for at in moments], values

    def _noise(self, name: str, at: int) -> float:
        return noise(name, at - self.begin)

    def _slow(self, at: int) -> bool:
        return at > self.slow_from

    def _respond(self, asked: Asked) -> Answer:
        return super()._respond(asked) if self.fault is None else self.fault()


@dataclass(frozen=True)
class Shop:
    """`checkout` asks `source`, `payments` a Prometheus that can be stopped."""

    cluster: Sandbox
    watched: Watched
    source: Source


@pytest.fixture(scope="module")
def shop(
    sandbox: Sandbox, prometheus_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    with_crds(sandbox)
    with ExitStack() as stack:
        watched = stack.enter_context(namespace(sandbox, "source"))
        source = stack.enter_context(Source())
        direct = {"allowLoopback": True, "delay": "0s", "timeout": "2s"}
        sources = {
            "moody": {"url": source.url, **direct},
            "real": {"url": prometheus_url, **direct},
        }
        folder = tmp_path_factory.mktemp("source")
        remote_write.write(prometheus_url, source.calm_series(watched.name))
        watched.quiet_service("checkout", source={"name": "moody"})
        watched.quiet_service("payments", source={"name": "real"}, metrics=own(watched.name))
        stack.enter_context(running_operator(sandbox, folder, [watched.name], {"sources": sources}))
        for name in ("checkout", "payments"):
            watched.wait(lambda n=name: watched.revision(n), 180, f"{name} has a model")
        # It may have taken longer than the series go ahead.
        remote_write.write(prometheus_url, source.calm_series(watched.name))
        source.slow_from = time.time() - RECENT
        watched.score("payments")
        watched.open_incident("checkout")
        next_window(watched.scored_through("checkout"))
        yield Shop(sandbox, watched, source)


def own(name: str) -> list[dict[str, Any]]:
    """The metrics as series of this test alone."""
    return [{**one, "query": f'max({one["query"]}{{test="{name}"}})'} for one in METRICS]


def states(watched: Watched) -> list[str]:
    return [one.get("status", {}).get("state", "") for one in watched.anomalies("checkout")]


def slowly() -> Answer:
    """After the time-out."""
    time.sleep(3)
    return Answer(200, matrix([]))


def saying(status: int, error: str) -> Callable[[], Answer]:
    body = {"status": "error", "errorType": "bad_data", "error": error}
    return lambda: Answer(status, json.dumps(body).encode())


def with_words_for_points() -> Answer:
    return Answer(200, matrix([[0, "1"]]).replace(b'[[0, "1"]]', b'"many"'))


def moved() -> Answer:
    return Answer(302, b"", {"Location": "http://169.254.169.254/"})


DOWN = "SourceUnavailable"
FAULTS = [
    # Neighbours differ in their words, so that none is taken for the one before.
    ("slow", slowly, DOWN, "timed out"),
    ("failing", saying(503, "on fire"), DOWN, "answers 503: on fire"),
    ("a web page", lambda: Answer(200, b"<html>"), DOWN, "is not JSON"),
    ("of another shape", with_words_for_points, DOWN, "request_rate"),
    ("cut off", lambda: Answer(200, matrix([[0, "1"]])[:40]), DOWN, "is not JSON"),
    ("moved", moved, DOWN, "redirects are not followed"),
    ("locked", lambda: Answer(401, b"no"), "SourceUnauthorized", "check the credentials"),
    ("picky", saying(400, "unknown function"), "InvalidQuery", "unknown function"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_failing_source_is_told_and_leaves_the_incident_as_it_is(
    shop: Shop, fault: Callable[[], Answer], reason: str, words: str
) -> None:
    watched, through = shop.watched, shop.watched.scored_through("checkout")
    (incident,) = watched.anomalies("checkout")
    shop.source.fault = fault
    job = watched.run("checkout")

    def told() -> dict[str, Any] | None:
        found = watched.status("checkout")
        return found if words in condition(found, "Detecting").message else None

    status = watched.wait(told, 120, reason)
    for kind in ("Detecting", "DataAvailable"):
        assert (condition(status, kind).status, condition(status, kind).reason) == (
            "False",
            reason,
        )
    # The detector still has an incident to speak of.
    assert status["state"] == "Anomalous"
    assert status["detection"]["scoredThrough"] == through
    (after,) = watched.anomalies("checkout")
    assert after["status"] == incident["status"]
    watched.end(job)


def test_a_source_that_fails_on_causes_no_further_write(shop: Shop) -> None:
    watched = shop.watched
    version = watched.get("checkout")["metadata"]["resourceVersion"]
    job = watched.run("checkout")
    watched.wait(lambda: failed_pods(shop, job), what="the run has failed")
    assert watched.get("checkout")["metadata"]["resourceVersion"] == version
    watched.end(job)


def failed_pods(shop: Shop, job: str) -> list[Any]:
    labels = f"batch.kubernetes.io/job-name={job}"
    pods = shop.cluster.list("pods", shop.watched.name, labels=labels)
    return [pod for pod in pods if pod["status"].get("phase") == "Failed"]


def test_the_windows_of_the_outage_are_scored_when_the_source_is_back(shop: Shop) -> None:
    watched, before = shop.watched, shop.watched.status("checkout")["detection"]
    (incident,) = watched.anomalies("checkout")
    shop.source.fault = None
    watched.score("checkout")
    seen = watched.await_condition("checkout", "Detecting", "Detecting")
    assert seen.status == "True"
    assert watched.condition("checkout", "Ready").status == "True"
    detection = watched.status("checkout")["detection"]
    assert detection["skippedWindows"] == 0
    outage = unix(detection["scoredThrough"]) - unix(before["scoredThrough"])
    assert outage >= STEP
    watched.wait(
        lambda: occurrences(watched) == incident["status"]["occurrences"] + outage // STEP,
        what="each window of the outage is counted once",
    )
    assert states(watched) == ["Open"]


def occurrences(watched: Watched) -> int:
    (incident,) = watched.anomalies("checkout")
    return int(incident["status"]["occurrences"])


def test_a_source_without_data_neither_closes_nor_prolongs_the_incident(shop: Shop) -> None:
    watched, through = shop.watched, shop.watched.scored_through("checkout")
    (incident,) = watched.anomalies("checkout")
    next_window(through)
    shop.source.fault = lambda: Answer(200, matrix([]))
    watched.score("checkout")
    seen = watched.await_condition("checkout", "DataAvailable", "NoData")
    assert seen.status == "False"
    assert "no value for any of the 3 metrics" in seen.message
    detection = watched.status("checkout")["detection"]
    # What has no data is judged as such, once; it is not looked at again.
    assert detection["scoredThrough"] > through
    assert detection["report"]["verdict"] == "Inconclusive"
    (after,) = watched.anomalies("checkout")
    assert after["status"] == incident["status"]
    shop.source.fault = None


def test_a_prometheus_that_is_stopped_and_started_again_is_told(shop: Shop) -> None:
    watched = shop.watched
    through = watched.scored_through("payments")
    shop.cluster.stop_prometheus()
    job = watched.run("payments")
    seen = watched.await_condition("payments", "Detecting", "SourceUnavailable")
    assert "Source 'real' at http://127." in seen.message
    assert seen.message.endswith("connection refused.")
    assert watched.status("payments")["state"] == "Degraded"
    assert watched.scored_through("payments") == through
    url = shop.cluster.start_prometheus()
    remote_write.write(url, shop.source.calm_series(watched.name))
    watched.end(job)
    watched.score("payments")
    assert watched.await_condition("payments", "Detecting", "Detecting") == Seen(
        "True", "Detecting", "Every complete window is scored."
    )
    assert watched.status("payments")["state"] == "Healthy"
    assert watched.anomalies("payments") == []
