"""From `kubectl apply` of one AnomalyService to an incident that closes, on a real control plane.

The recordings lie in the past and the sources give data out late, so that time passes by a change
of the administrator's `delay`: first all is calm, then comes the trouble, then calm again. Three
services go the way side by side: one from a CSV file, one from span metrics in Prometheus, and one
whose members are named and vote.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from anomaly_operator.api import names
from anomaly_sandbox import remote_write
from anomaly_sandbox.cluster import Sandbox
from watched.namespace import (
    FILES,
    POLICY,
    SERVICE,
    Watched,
    condition,
    manifest,
    namespace,
    next_window,
    operator_writes,
    reconciles,
    running_operator,
    unix,
    with_crds,
)
from watched.recordings import HISTORY, STEP, Recording

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SERVICES = ("checkout", "payments", "orders")
MEMBERS = ("IsolationForest", "LocalOutlierFactor", "ZScore")
LEEWAY = 600
"""Seconds that a machine may take for what is done at one moment of the story: time goes on."""
MOST_WRITES = 15


class Way:
    """The services, and the operator for a moment of their history at a time."""

    def __init__(self, cluster: Sandbox, folder: Path, prometheus: str) -> None:
        self.cluster = cluster
        self._folder = folder
        self.prometheus = prometheus
        self._operators = ExitStack()
        self.delay = 0
        self._now = int(time.time()) // STEP * STEP
        self.watched: dict[str, Watched] = {}

    @property
    def calm(self) -> int:
        """The first moment of the story; `trouble` and `calm_again` are the others."""
        return self.slow_from - LEEWAY

    @property
    def slow_from(self) -> int:
        return self.trouble - 240

    @property
    def trouble(self) -> int:
        return self.slow_until - LEEWAY

    @property
    def slow_until(self) -> int:
        return self.calm_again - 240

    @property
    def calm_again(self) -> int:
        return self._now - LEEWAY

    def record(self) -> Recording:
        now = self._now
        return Recording(now - HISTORY, now, self.slow_from, self.slow_until)

    def at(self, moment: int) -> None:
        """Have one operator, whose sources have data up to `moment` (unix seconds) and a bit."""
        self.close()
        self.delay = int(time.time()) - moment
        delay = f"{self.delay}s"
        prometheus = {"url": self.prometheus, "allowLoopback": True, "delay": delay}
        sources = {"files": {**FILES, "delay": delay}, "default": prometheus}
        spaces = [one.name for one in self.watched.values()]
        folder = self._folder / f"operator-{moment}"
        running = running_operator(self.cluster, folder, spaces, {"sources": sources})
        self.operator = self._operators.enter_context(running)
        for name, watched in self.watched.items():
            if watched.revision(name):
                watched.wait(lambda w=watched, n=name: self._told(w, n), what=f"{name} has {delay}")

    def _told(self, watched: Watched, name: str) -> bool:
        """The CronJob's pods are told of the delay."""
        config = watched.status(name)["references"]["config"]
        found = self.cluster.get("configmaps", config, watched.name) or {}
        source = json.loads(found["data"]["run.json"])["source"]
        cron_job = self.cluster.list("cronjobs", watched.name)[0]
        in_use = cron_job["metadata"]["annotations"][names.ANNOTATION_CONFIG]
        return bool(source["delaySeconds"] == self.delay and in_use == config)

    def close(self) -> None:
        self._operators.close()


@pytest.fixture(scope="module")
def way(
    sandbox: Sandbox, prometheus_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Way]:
    way = Way(with_crds(sandbox), tmp_path_factory.mktemp("way"), prometheus_url)
    with ExitStack() as stack:
        way.watched = {name: stack.enter_context(namespace(sandbox, name)) for name in SERVICES}
        stack.callback(way.close)
        yield way


def test_apply_leads_to_a_model_and_the_first_detection(way: Way) -> None:
    remote_write.write(way.prometheus, way.record().span_metrics("payments"))
    for name in ("checkout", "orders"):
        way.watched[name].files(calm=way.record().csv())
    way.at(way.calm)
    log = way.cluster.audit().since_now()
    way.watched["checkout"].apply(
        manifest("SLOPolicy", "web", POLICY),
        manifest("AnomalyService", "checkout", {**SERVICE, "sloPolicyRef": {"name": "web"}}),
    )
    preset = {
        **{key: SERVICE[key] for key in ("step", "training", "inference", "incidents")},
        "rateInterval": "1m",
        "preset": "OpenTelemetrySpanMetrics",
    }
    way.watched["payments"].apply(manifest("AnomalyService", "payments", preset))
    voting = {**SERVICE, "detector": {"members": [{"name": name} for name in MEMBERS]}}
    way.watched["orders"].apply(manifest("AnomalyService", "orders", voting))
    for name, watched in way.watched.items():
        done = way.cluster.kubectl(
            *("wait", f"asvc/{name}", "-n", watched.name),
            *("--for=condition=Ready", "--timeout=240s"),
        )
        assert done.returncode == 0, done.stderr
        assert watched.revision(name)
        (job,) = watched.trainings(name)
        assert job["status"]["succeeded"] == 1
        claim = way.cluster.get("pvc", "anomaly-models", watched.name)
        assert claim is not None
        assert claim["status"]["phase"] == "Bound"
        watched.score(name)
    for name, watched in way.watched.items():
        watched.await_condition(name, "Detecting", "Detecting")
        status = watched.status(name)
        assert status["state"] == "Healthy"
        assert status["detection"]["modelRevision"] == status["model"]["revision"]
        assert status["detection"]["report"]["verdict"] == "Normal"
        assert unix(status["detection"]["scoredThrough"]) <= way.slow_from
        writes = [f"{item.verb} {item.resource}" for item in operator_writes(log, watched.name)]
        assert len(writes) <= MOST_WRITES, writes


def test_a_run_without_news_makes_the_operator_write_nothing(way: Way) -> None:
    operator = way.operator
    log = way.cluster.audit().since_now()
    before = reconciles(operator)
    for name, watched in way.watched.items():
        through = watched.scored_through(name)
        next_window(through, way.delay)
        watched.score(name)
        assert watched.scored_through(name) > through
    # The operator has looked at both, and at what followed from that.
    way.cluster.wait_for(lambda: reconciles(operator) >= before + len(SERVICES), 90)
    for name, watched in way.watched.items():
        assert operator_writes(log, watched.name) == []
        assert watched.status(name)["state"] == "Healthy"


def test_trouble_opens_one_incident_that_people_see(way: Way) -> None:
    way.at(way.trouble)
    for name, watched in way.watched.items():
        watched.score(name)
        assert unix(watched.scored_through(name)) >= way.trouble
    for name, watched in way.watched.items():
        watched.wait(lambda w=watched, n=name: _states(w, n) == ["Open"])
        (incident,) = watched.anomalies(name)
        assert incident["status"]["severity"] in {"Medium", "High", "Critical"}
        contributions = incident["status"]["explanation"]["contributions"]
        assert contributions[0]["metric"] in {"application_latency", "error_rate"}
        assert way.slow_from < unix(incident["spec"]["firstSeen"]) <= way.slow_from + 120
        status = watched.status(name)
        assert status["state"] == "Anomalous"
        assert status["incidents"]["open"] == 1
        # Ready speaks of the detector, not of the service.
        assert condition(status, "Ready").status == "True"
    _voted(way.watched["orders"])
    met = condition(way.watched["checkout"].status("checkout"), "SLOMet")
    assert (met.status, met.reason) == ("False", "ObjectivesBreached")
    assert met.message.startswith("SLOPolicy web: error_rate ")
    assert "is at or above the critical threshold of 10%" in met.message


def _voted(watched: Watched) -> None:
    """The incident of named members says how they voted, and the model what votes."""
    (incident,) = watched.anomalies("orders")
    votes = incident["status"]["votes"]
    assert votes["rule"] == "Majority"
    assert votes["members"] == len(MEMBERS)
    assert votes["votes"] >= 2
    said = {one["member"]: one for one in votes["verdicts"]}
    assert set(said) == set(MEMBERS)
    voters = [name for name, one in said.items() if one["verdict"] == "Anomalous"]
    assert len(voters) == votes["votes"]
    newest = watched.status("orders")["detection"]["report"]["votes"]
    assert newest["members"] == len(MEMBERS)


def _events(watched: Watched, kind: str = "AnomalyService") -> list[str]:
    """Reasons of the Events on the objects of `kind`."""
    return [
        event["reason"]
        for event in watched.cluster.list("events", watched.name)
        if event["involvedObject"]["kind"] == kind
    ]


def _states(watched: Watched, name: str) -> list[str]:
    return [one.get("status", {}).get("state", "") for one in watched.anomalies(name)]


@pytest.mark.parametrize(
    ("arguments", "columns", "cells"),
    [
        (
            ("asvc",),
            "NAME CATEGORY STATE SEVERITY SLO OPEN MODEL TRAINED CHECKED READY AGE",
            ("checkout", "Standard", "Anomalous", "Breached", "1", "True"),
        ),
        (
            ("anomalies", "--field-selector", "status.state=Open"),
            "NAME SERVICE PATTERN SEVERITY STATE TIER SLO CONFIDENCE COUNT ROOT SINCE AGE",
            ("checkout", "Open", "Breached"),
        ),
        (
            ("slop",),
            "NAME LATENCY ERRORS SERVICES BURNING VALID",
            ("web", "800ms", "10%", "1", "True"),
        ),
    ],
    ids=["services", "anomalies", "policies"],
)
def test_kubectl_shows_it_in_a_table(
    way: Way, arguments: tuple[str, ...], columns: str, cells: tuple[str, ...]
) -> None:
    shop = way.watched["checkout"].name
    header, *rows = way.cluster.kubectl(
        "get", *arguments, "-n", shop, check=True
    ).stdout.splitlines()
    assert header.split()[: len(columns.split())] == columns.split()
    (row,) = rows
    assert set(cells) <= set(row.split())


def test_calm_closes_the_incident(way: Way) -> None:
    way.at(way.calm_again)
    for name, watched in way.watched.items():
        watched.score(name)
        assert unix(watched.scored_through(name)) >= way.calm_again
    for name, watched in way.watched.items():
        watched.wait(lambda w=watched, n=name: _states(w, n) == ["Closed"])
        (incident,) = watched.anomalies(name)
        assert incident["status"]["resolution"]["reason"] == "Resolved"
        assert way.slow_until < unix(incident["status"]["closedAt"])
        watched.wait(lambda w=watched, n=name: w.status(n)["state"] == "Healthy")
        assert watched.status(name)["incidents"]["open"] == 0
        # Events follow the objects that they tell of.
        watched.wait(lambda w=watched: "AnomalyClosed" in _events(w))
        reasons = _events(watched)
        for once in ("TrainingSucceeded", "ModelPromoted", "AnomalyOpened", "AnomalyClosed"):
            assert reasons.count(once) == 1, reasons
        assert _events(watched, "Anomaly").count("AnomalyOpened") <= 1
