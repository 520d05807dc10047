"""What the operator shows of itself: logs, metrics, probes, arguments."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from anomaly_operator import arguments
from anomaly_operator.api.names import LABEL_COMPONENT
from anomaly_operator.controller import recorder
from anomaly_operator.controller.counts import Counts, count_transitions
from anomaly_operator.observe.cache import Change
from anomaly_operator.telemetry import health, logs
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import AnomalyObject, Child, JobState, Meta, ServiceObject
from anomaly_operator.world.plan import EventSpec, EventType, ObjectRef
from detector_runtime.log import log as pod_log


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("info", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_log_line_is_one_line_of_json_whatever_the_message_holds(log: io.StringIO) -> None:
    logger = logging.getLogger("anomaly_operator.test")
    logs.event(logger, logging.WARNING, 'evil\n{"level":"info"}', name="a\nb", level="forged")
    lines = log.getvalue().splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert line["level"] == "warning"
    assert line["message"] == 'evil\n{"level":"info"}'
    assert line["name"] == "a\nb"
    assert line["time"].endswith("Z")


def test_operator_and_pods_name_time_level_and_message_alike(
    log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.event(logging.getLogger("t"), logging.INFO, "done", count=1, time="forged")
    pod_log("info", "done", count=1, time="forged")
    of_operator, of_pod = json.loads(log.getvalue()), json.loads(capsys.readouterr().err)
    assert of_operator.pop("logger") == "t"
    assert of_operator.keys() == of_pod.keys() == {"time", "level", "message", "count"}
    assert (of_operator["level"], of_operator["message"]) == (of_pod["level"], of_pod["message"])
    assert len(of_operator["time"]) == len(of_pod["time"])


def test_a_defect_is_logged_with_its_traceback_in_the_same_line(log: io.StringIO) -> None:
    try:
        raise KeyError("x")
    except KeyError:
        logs.event(logging.getLogger("t"), logging.ERROR, "defect", error=True)
    (line,) = log.getvalue().splitlines()
    assert "KeyError" in json.loads(line)["error"]


def meta(kind: str, name: str, version: int = 1) -> Meta:
    return Meta("v1", kind, "shop", name, f"uid-{name}", str(version))


def incident(state: str, severity: str = "High") -> AnomalyObject:
    status = json.dumps({"state": state, "severity": severity}).encode()
    return AnomalyObject(meta("Anomaly", "i"), "s", "f", state, status=status)


def test_incidents_are_counted_once_when_they_open_and_close() -> None:
    metrics = Metrics("1")
    for old, new in (
        (None, incident("")),
        (incident(""), incident("Open")),
        (incident("Open"), incident("Open", "Critical")),
        (incident("Open"), incident("Recovering")),
        (incident("Recovering"), incident("Open")),
        (incident("Open"), incident("Recovering")),
        (incident("Recovering"), incident("Closed", "Critical")),
        (incident("Closed", "Critical"), None),
    ):
        count_transitions(Change(old, new), metrics)
    text = metrics.exposition().decode()
    assert 'anomaly_operator_incidents_opened_total{severity="High"} 1.0' in text
    assert 'anomaly_operator_incidents_closed_total{severity="Critical"} 1.0' in text


def test_a_suspension_is_counted_by_each_outcome_that_it_reaches() -> None:
    def reacted(outcome: str) -> AnomalyObject:
        status = json.dumps({"state": "Open", "reaction": {"outcome": outcome}}).encode()
        return AnomalyObject(meta("Anomaly", "i"), "s", "f", "Open", status=status)

    metrics = Metrics("1")
    for old, new in (
        (incident("Open"), reacted("Requested")),
        (reacted("Requested"), reacted("Requested")),
        (reacted("Requested"), reacted("Suspended")),
        (reacted("Suspended"), reacted("Suspended")),
    ):
        count_transitions(Change(old, new), metrics)
    text = metrics.exposition().decode()
    assert 'anomaly_operator_suspensions_total{outcome="Requested"} 1.0' in text
    assert 'anomaly_operator_suspensions_total{outcome="Suspended"} 1.0' in text


def test_trainings_are_counted_by_outcome_when_they_end() -> None:
    metrics = Metrics("1")
    job = replace(meta("Job", "t"), labels={LABEL_COMPONENT: "training"})
    running = Child(job, b"", JobState(ready=1))
    failed = Child(job, b"", JobState(failed=True))
    count_transitions(Change(None, running), metrics)
    count_transitions(Change(running, failed), metrics)
    count_transitions(Change(failed, None), metrics)
    assert 'trainings_total{outcome="Failed"} 1.0' in metrics.exposition().decode()


def test_the_counts_follows_services_and_running_incidents() -> None:
    counts, metrics = Counts(), Metrics("1")
    metrics.add_gauge("services", "Services by state", counts.services, "state")

    def service(state: str) -> ServiceObject:
        status = json.dumps({"state": state}).encode() if state else b""
        return ServiceObject(meta("AnomalyService", "a"), None, status=status)

    counts.take(Change(None, service("")))
    assert counts.services() == {"Pending": 1.0}
    counts.take(Change(service(""), service("Healthy")))
    assert 'services{state="Healthy"} 1.0' in metrics.exposition().decode()
    counts.take(Change(service("Healthy"), None))
    assert counts.services() == {}
    counts.take(Change(None, incident("Open")))
    assert counts.incidents() == {"High": 1.0}
    counts.take(Change(incident("Open"), incident("Closed")))
    assert counts.incidents() == {}


def test_an_incident_is_late_until_somebody_answers_or_it_closes() -> None:
    def late(state: str = "Open", answer: str = "", **priority: object) -> AnomalyObject:
        status = {"state": state, "priority": {"value": 80, "tier": "P1", **priority}}
        spec = {answer: {"by": "ada"}} if answer else {}
        return AnomalyObject(
            *(meta("Anomaly", "i"), "s", "f", state),
            spec=json.dumps(spec).encode(),
            status=json.dumps(status).encode(),
        )

    counts = Counts()
    for value, wanted in (
        (late(deadline="2026-01-05T10:00:00Z"), {}),
        (late(missed=True), {"P1": 1.0}),
        (late(missed=True, answer="acknowledgement"), {}),
        (late(missed=True, answer="resolution"), {}),
        (late(missed=True, tier="P2"), {"P2": 1.0}),
        (late("Closed", missed=True), {}),
    ):
        counts.take(Change(None, value))
        assert counts.past_deadline() == wanted


@pytest.fixture
async def served() -> AsyncIterator[tuple[str, health.Health]]:
    state = health.Health(max_silence=10)
    servers = health.Servers()
    address = await servers.serve("127.0.0.1:0", health.health_routes(state))
    yield address, state
    await servers.close()


async def probe(address: str, path: str) -> tuple[int, str]:
    url = f"http://{address}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_a_standby_is_ready_and_a_leader_only_with_full_caches(
    served: tuple[str, health.Health],
) -> None:
    address, state = served
    assert await probe(address, "/readyz") == (200, "standing by")
    state.leading = True
    assert await probe(address, "/readyz") == (503, "caches are not filled yet")
    state.synced = True
    assert await probe(address, "/readyz") == (200, "leading")


async def test_a_silent_watch_and_a_late_loop_are_not_alive(
    served: tuple[str, health.Health],
) -> None:
    address, state = served
    assert (await probe(address, "/livez"))[0] == 200
    state.silence = lambda: 11.0
    code, text = await probe(address, "/livez")
    assert (code, text) == (503, "the watch loop has not run for 11 s")
    state.silence = None
    state.lag = 6.0
    assert (await probe(address, "/livez"))[0] == 503


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        (":9", ("", 9)),
    ],
)
def test_addresses_parse(text: str, expected: tuple[str, int]) -> None:
    assert health.split_address(text) == expected


@pytest.mark.parametrize("text", ["8080", "host:", "host:http", "host:70000"])
def test_a_wrong_address_ends_with_usage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parse(["--config", "x", "--metrics-bind", text])
    assert ended.value.code == 2
    assert "is not a HOST:PORT address" in capsys.readouterr().err


def event(message: str = "m", reason: str = "TrainingStarted") -> EventSpec:
    regarding = ObjectRef("v1", "AnomalyService", "shop", "checkout", "uid")
    return EventSpec(regarding, EventType.NORMAL, reason, message)


def test_equal_transitions_have_equal_event_names_and_others_do_not() -> None:
    assert recorder.event_name(event()) == recorder.event_name(event())
    assert recorder.event_name(event("other")) != recorder.event_name(event())
    long = ObjectRef("v1", "AnomalyService", "shop", "s" * 253, "uid")
    assert len(recorder.event_name(EventSpec(long, EventType.NORMAL, "R", "m"))) <= 63


def test_an_object_has_a_burst_of_events_and_then_one_in_five_minutes() -> None:
    limiter = recorder.Limiter()
    passed = [limiter.admit("uid", f"e{number}", 1000.0) for number in range(30)]
    assert sum(passed) == recorder.BURST
    assert limiter.admit("uid", "late", 1200.0) == 0
    assert limiter.admit("uid", "later", 1301.0) == 1
    assert limiter.admit("another", "e", 1000.0) == 1


def test_a_repeated_event_counts_up_within_the_hour() -> None:
    limiter = recorder.Limiter()
    assert [limiter.admit("uid", "e", 1000.0 + step) for step in (0, 1, 2)] == [1, 2, 3]
    assert limiter.admit("uid", "e", 1000.0 + 3700) == 1


def test_a_note_is_cut_to_what_the_server_takes() -> None:
    """The API server counts bytes, and refuses the whole Event over it."""
    manifest = recorder.manifest(event("x" * 3000), "me", 0.0)
    assert len(manifest["note"]) == 1024
    for letter in ("č", "語", "🔥"):
        note = recorder.manifest(event(letter * 1000), "me", 0.0)["note"]
        assert 1000 < len(note.encode()) <= 1024
        assert note == letter * (len(note) - 3) + "..."
    assert manifest["eventTime"] == "1970-01-01T00:00:00.000000Z"


async def test_the_loops_lag_is_measured() -> None:
    state = health.Health(max_silence=10)
    ticking = asyncio.create_task(state.tick())
    await asyncio.sleep(0)
    state._beat -= 20
    assert state.problems()
    ticking.cancel()


def test_each_metric_is_documented() -> None:
    page = (Path(__file__).parents[4] / "operator" / "docs" / "troubleshooting.md").read_text()
    families = Metrics("1").registry.collect()
    own = [family for family in families if family.name.startswith("anomaly_operator_")]
    names = [f"{one.name}{'_total' if one.type == 'counter' else ''}" for one in own]
    assert [name for name in names if f"| `{name}` |" not in page] == []
