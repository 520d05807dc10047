"""What admission takes and only a run or another object can show wrong: each becomes a condition
with its reason and a message that says what to do, and disturbs no neighbour.

All services are applied at once and looked at one by one; the slow ones (a Job's retries, a
deadline of a minute) wait at the same time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from loopback.prometheus import FakePrometheus
from loopback.server import Answer, Asked, LoopbackServer
from watched.namespace import (
    FILES,
    METRICS,
    SELDOM,
    SERVICE,
    Watched,
    manifest,
    namespace,
    operator_writes,
    reconciles,
    running_operator,
    unix,
    with_crds,
)
from watched.recordings import COLUMNS, HISTORY, STEP, Recording

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(1200)]

PATIENCE = 600
"""Seconds for the slowest, after all were applied."""


def query(text: str) -> dict[str, Any]:
    """Metrics of which the first is asked for by `text`."""
    return {"metrics": [{**METRICS[0], "query": text}, *METRICS[1:]]}


def source(name: str, **more: Any) -> dict[str, Any]:
    return {"source": {"name": name}, **more}


def file(name: str, **more: Any) -> dict[str, Any]:
    return {"parameters": {"file": f"{name}.csv"}, **more}


@dataclass(frozen=True)
class Case:
    """`changes` to a service that works, and what is then said of it."""

    name: str
    changes: dict[str, Any]
    condition: str
    status: str
    reason: str
    words: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)


CASES = [
    # Seen without a run.
    Case("unknown-source", source("nowhere"), "Ready", "False", "SourceUnknown",
         ("spec.source.name", "'nowhere'", "known: ", "files")),
    Case("preset-of-a-file", {"metrics": None, "preset": "OpenTelemetrySpanMetrics"},
         "Ready", "False", "PresetUnsupported", ("spec.preset", "files is CSV")),
    Case("never-trained", {"training": {**SERVICE["training"], "schedule": "0 2 30 2 *"}},
         "Ready", "False", "InvalidSchedule",
         ("spec.training.schedule", "'0 2 30 2 *'", "not a cron schedule")),
    Case("unknown-policy", {"sloPolicyRef": {"name": "gold"}}, "SLOMet", "Unknown",
         "PolicyNotFound", ("`spec.sloPolicyRef` names SLOPolicy gold, which does not exist",)),
    Case("unusable-policy", {"sloPolicyRef": {"name": "upside-down"}}, "SLOMet", "Unknown",
         "PolicyInvalid", ("SLOPolicy upside-down", "must not decrease")),
    Case("two-policies", {"suspend": True}, "SLOMet", "Unknown", "PolicyConflict",
         ("SLOPolicy older applies because it is the oldest", "younger"), {"tier": "contested"}),
    Case("missing-dependency", {"dependsOn": [{"name": "nobody"}]}, "DependenciesResolved",
         "False", "DependencyMissing", ("nobody",)),
    Case("unknown-pin", {"modelRevision": "20200101-000000-abcdef"}, "Ready", "False",
         "UnknownRevision", ("`spec.modelRevision` names 20200101-000000-abcdef", "pin one of 2")),
    # Seen by the training's pod: files.
    Case("no-such-file", file("absent"), "ModelReady", "False", "SourceUnavailable",
         ("File 'absent.csv' is not in the data folder of source 'files'", "Next try at")),
    Case("no-such-column", query("requests"), "ModelReady", "False", "InvalidQuery",
         ("Metric 'request_rate'", "one column 'requests'", "it has: request_rate")),
    Case("column-twice", file("twice"), "ModelReady", "False", "InvalidQuery",
         ("one column 'request_rate'", "it has: request_rate, request_rate")),
    Case("words-for-figures", file("words"), "ModelReady", "False", "InvalidQuery",
         ("File 'words.csv' line 3 column 'request_rate': 'many' is no number",)),
    Case("ragged", file("ragged"), "ModelReady", "False", "InvalidQuery",
         ("File 'ragged.csv' line 3: 2 cells, the header has 4",)),
    Case("no-times", file("undated"), "ModelReady", "False", "InvalidQuery",
         ("File 'undated.csv' line 2 column 'timestamp': 'noon'", "ISO 8601")),
    Case("empty-file", file("empty"), "ModelReady", "False", "NoData",
         ("File 'empty.csv' is empty",)),
    Case("old-data", file("old"), "ModelReady", "False", "NoData",
         ("Source 'files' has no value for any of the 3 metrics",)),
    Case("short-history", file("short"), "ModelReady", "False", "Learning",
         ("of 100 samples collected; enough at about 20",)),
    # Seen by the training's pod: Prometheus.
    Case("broken-promql", source("prometheus", **query("sum(rate(x[5m])")), "ModelReady", "False",
         "InvalidQuery", ("Metric 'request_rate'", "unclosed left parenthesis")),
    Case("two-series", source("double"), "ModelReady", "False", "InvalidQuery",
         ("Metric 'request_rate'", "2 series")),
    Case("no-series", source("prometheus"), "ModelReady", "False", "NoData",
         ("Source 'prometheus' has no value", "check the queries and their labels")),
    Case("nobody-home", source("down"), "ModelReady", "False", "SourceUnavailable",
         ("Source 'down' at http://127.0.0.1:9", "refused")),
    Case("a-web-page", source("web"), "ModelReady", "False", "SourceUnavailable",
         ("answer is not JSON", "does the url lead to a Prometheus API?")),
    Case("wrong-password", source("guarded"), "ModelReady", "False", "SourceUnauthorized",
         ("Source 'guarded'", "401")),
    Case("no-secret", source("secretive"), "ModelReady", "False", "SecretMissing",
         ("Source 'secretive'", "token")),
    Case("forbidden-address", source("metadata"), "ModelReady", "False", "AddressRefused",
         ("169.254.169.254",)),
    Case("endless-answer", source("small"), "ModelReady", "False", "ResponseTooLarge",
         ("Metric 'request_rate'", "2048 bytes", "maxResponseBytes")),
    # Seen from outside the pod.
    Case("too-little-memory", {"resources": {"training": {"limits": {"memory": "16Mi"}}}},
         "ModelReady", "False", "OutOfMemory",
         ("ran out of memory", "spec.resources.training.limits.memory")),
]  # fmt: skip
ALIVE = ("unknown-policy", "unusable-policy", "missing-dependency", "unknown-pin", "neighbour")
"""Those that get a model."""
UNRUNNABLE = [
    Case("no-image", {}, "ModelReady", "False", "ImageUnavailable",
         ("registry.example/no-such-image:1", "cannot be pulled")),
]  # fmt: skip
OVERDUE = [
    Case("hanging-source", source("hanging"), "ModelReady", "False", "DeadlineExceeded",
         ("did not end within 1m", "training.deadline")),
]  # fmt: skip


def files(now: int) -> dict[str, str]:
    """CSV files by name, one of them good."""
    header = ",".join(("timestamp", *COLUMNS))
    calm = Recording(now - HISTORY, now + 3600).csv()
    return {
        "calm": calm,
        "twice": calm.replace("application_latency", "request_rate", 1),
        "words": f"{header}\n{now},1,1,1\n{now},many,1,1\n",
        "ragged": f"{header}\n{now},1,1,1\n{now},1\n",
        "undated": f"{header}\nnoon,1,1,1\n",
        "empty": "",
        "old": Recording(now - 30 * 86400, now - 30 * 86400 + 900).csv(),
        "short": Recording(now - 40 * STEP, now + 3600).csv(),
    }


def two_series(asked: Asked) -> Answer:
    values = [[int(time.time()) // STEP * STEP - 600, "1"]]
    series = [{"metric": {"pod": pod}, "values": values} for pod in ("a", "b")]
    data = {"resultType": "matrix", "result": series}
    return Answer(200, json.dumps({"status": "success", "data": data}).encode())


def hang(handler: Any) -> None:
    """Say nothing for longer than anybody waits, a byte at a time so that it is not idle."""
    for _ in range(1200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def prometheus(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "allowLoopback": True, "timeout": "5s", "delay": "0s", **more}


@dataclass(frozen=True)
class Scene:
    """`homes`: the namespace of each service; most are in `watched`, `operator` is its."""

    watched: Watched
    homes: dict[str, Watched]
    operator: LocalOperator
    deadline: float


@pytest.fixture(scope="module")
def scene(
    sandbox: Sandbox, prometheus_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """All services of the table, applied, each in the hands of its operator."""
    with_crds(sandbox)
    folder = tmp_path_factory.mktemp("bad-input")
    always = dict.fromkeys(COLUMNS, lambda _moment: 1.0)
    with ExitStack() as stack:
        enter = stack.enter_context
        double = enter(LoopbackServer(two_series))
        web = enter(LoopbackServer(lambda _: Answer(200, b"<html>Welcome</html>")))
        guarded = enter(LoopbackServer(lambda _: Answer(401, b"no")))
        hanging = enter(LoopbackServer(lambda _: Answer(200, stream=hang)))
        talkative = enter(FakePrometheus(always))
        token = {"auth": {"type": "Bearer", "secretName": "metrics-token"}}
        absent = {"auth": {"type": "Bearer", "secretName": "nobody-made-it"}}
        sources = {
            "files": FILES,
            "prometheus": prometheus(prometheus_url),
            "double": prometheus(double.url),
            "down": prometheus("http://127.0.0.1:9", timeout="1s"),
            "web": prometheus(web.url),
            "guarded": prometheus(guarded.url, **token),
            "secretive": prometheus(guarded.url, **absent),
            "metadata": {"url": "http://169.254.169.254"},
            "small": prometheus(talkative.url, maxResponseBytes=2048),
            "hanging": prometheus(hanging.url, timeout="300s"),
        }
        spaces = [enter(namespace(sandbox, name)) for name in ("bad", "no-image", "overdue")]
        now = int(time.time()) // STEP * STEP
        for space in spaces:
            space.files(**files(now))
        sandbox.api.create(
            "secrets",
            {"metadata": {"name": "metrics-token"}, "stringData": {"token": "wrong"}},
            spaces[0].name,
        )
        settings: list[dict[str, Any]] = [
            {"training": {"maxConcurrent": 50}},
            {"images": {"train": "registry.example/no-such-image:1"}},
            {"training": {"deadline": "60s"}},
        ]
        operator, *_ = [
            enter(
                running_operator(
                    sandbox, folder / space.name, [space.name], {"sources": sources, **more}
                )
            )
            for space, more in zip(spaces, settings, strict=True)
        ]
        spaces[1].apply(*map(applied, UNRUNNABLE))
        spaces[2].apply(*map(applied, OVERDUE))
        spaces[0].apply(policy("older", "contested"), upside_down())
        next_second(spaces[0], "older")
        spaces[0].apply(policy("younger", "contested"), *map(applied, [*CASES, GOOD]))
        homes = {
            case.name: space
            for space, cases in zip(spaces, (CASES, UNRUNNABLE, OVERDUE), strict=True)
            for case in cases
        }
        yield Scene(spaces[0], homes, operator, time.monotonic() + PATIENCE)


GOOD = Case("neighbour", {}, "Ready", "True", "Ready", ())


def applied(case: Case) -> dict[str, Any]:
    given = {**SERVICE, **SELDOM, **case.changes}
    spec = {key: value for key, value in given.items() if value is not None}
    return manifest("AnomalyService", case.name, spec, case.labels)


def policy(name: str, tier: str) -> dict[str, Any]:
    spec = {
        "serviceSelector": {"matchLabels": {"tier": tier}},
        "thresholds": {"latency": {"acceptable": "1s", "warning": "2s", "critical": "3s"}},
    }
    return manifest("SLOPolicy", name, spec)


def upside_down() -> dict[str, Any]:
    """Each half is in order; together they are not."""
    thresholds = {"latency": {"acceptable": "500ms", "warning": "800ms", "critical": "1s"}}
    overrides = [{"service": "unusable-policy", "latency": {"warning": "2s"}}]
    spec = {"thresholds": thresholds, "overrides": overrides}
    return manifest("SLOPolicy", "upside-down", spec)


def next_second(watched: Watched, name: str) -> None:
    """Return when what is created now is younger than the policy `name`; ages have full seconds."""
    made = (watched.cluster.get("slop", name, watched.name) or {})["metadata"]["creationTimestamp"]
    while time.time() < unix(made) + 1:
        time.sleep(0.05)


@pytest.mark.parametrize("case", [*CASES, *UNRUNNABLE, *OVERDUE], ids=lambda case: case.name)
def test_bad_input_becomes_a_condition_that_says_what_to_do(scene: Scene, case: Case) -> None:
    home = scene.homes[case.name]
    left = max(scene.deadline - time.monotonic(), 1)
    seen = home.await_condition(case.name, case.condition, case.reason, left, case.words)
    assert seen.status == case.status
    ready = home.condition(case.name, "Ready")
    stalled = home.condition(case.name, "Stalled")
    # A person reads at Ready what to do, or that nothing is to be done.
    if case.condition in {"Ready", "ModelReady"} and case.reason != "Learning":
        assert (ready.status, ready.reason) == ("False", case.reason)
        assert (stalled.status, stalled.reason) == ("True", case.reason)
    else:
        assert stalled.status == "False"
    assert home.anomalies(case.name) == []


def test_too_little_history_is_a_state_with_one_next_try(scene: Scene) -> None:
    watched = scene.watched
    watched.await_condition("short-history", "Ready", "Learning")
    status = watched.status("short-history")
    learning, next_try = status["training"]["learning"], status["training"]["nextAttempt"]
    assert status["state"] == "Learning"
    assert learning["samples"] < learning["needed"] == 100
    assert unix(next_try) >= unix(learning["enoughAt"]) > time.time()
    assert len(watched.trainings("short-history")) == 1
    assert watched.condition("short-history", "Ready").status == "True"


def test_the_neighbour_of_so_much_bad_input_is_well(scene: Scene) -> None:
    left = max(scene.deadline - time.monotonic(), 1)
    scene.watched.await_condition("neighbour", "Ready", "Ready", left)
    assert scene.watched.condition("neighbour", "ModelReady").status == "True"


def test_bad_input_that_is_looked_at_again_causes_no_write(scene: Scene) -> None:
    cluster, home = scene.watched.cluster, scene.watched.name
    for name in ALIVE:
        left = max(scene.deadline - time.monotonic(), 1)
        scene.watched.wait(lambda n=name: scene.watched.revision(n), left, f"{name} has a model")
    scene.watched.settle(*ALIVE)
    log, before = cluster.audit().since_now(), reconciles(scene.operator)
    cluster.kubectl("annotate", "asvc", "--all", "look=again", "-n", home, check=True)
    cluster.wait_for(lambda: reconciles(scene.operator) >= before + len(CASES) + 1, 90)
    writes = operator_writes(log, home)
    assert [(item.verb, item.resource, item.name) for item in writes] == []
