"""Sender and reconcile write the same object, and neither undoes nor repeats the other's work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anomaly_operator.api.text import to_text
from anomaly_operator.settings.notifications import Receiver, ReceiverType
from loopback.server import Answer
from pretend.receivers import Inbox, Stage, inbox
from tests.pretend.cluster import serving

STEP = 120


@pytest.fixture
def box() -> Inbox:
    return Inbox()


@pytest.fixture
def stage(box: Inbox) -> Iterator[Stage]:
    with inbox(box) as server:
        made = Stage(Receiver("pager", ReceiverType.WEBHOOK, url=f"{server.url}/hook"))
        serving(made.cluster)
        yield made


def windows(stage: Stage, count: int, *, anomalous: bool) -> None:
    """The next `count` windows, folded."""
    cluster = stage.cluster
    begin = (cluster.now // STEP + 1) * STEP
    ends = [to_text(begin + STEP * number) for number in range(count)]
    found = [
        {
            "end": end,
            "verdict": "Anomalous",
            "score": "9",
            "severity": "High",
            "patterns": ["metric_latency"],
        }
        for end in ends
    ]
    cluster.now = begin + STEP * count
    stage.now = float(cluster.now)
    first = to_text(begin - STEP)
    cluster.detect(scoredFrom=first, scoredThrough=ends[-1], windows=found if anomalous else [])
    cluster.settle()


def reason(stage: Stage) -> str:
    (raw,) = stage.cluster.of_kind("Anomaly")
    conditions = {one["type"]: one["reason"] for one in raw["status"]["conditions"]}
    return str(conditions["Notified"])


async def told(stage: Stage) -> tuple[int, int]:
    """Writes of the sender and of reconcile until nothing is left to do."""
    marks, writes = len(stage.kube.written), stage.cluster.writes
    for _ in range(3):
        await stage.deliver()
        stage.cluster.settle()
    return len(stage.kube.written) - marks, stage.cluster.writes - writes


async def test_an_edge_costs_a_mark_and_a_condition(box: Inbox, stage: Stage) -> None:
    windows(stage, 2, anomalous=True)
    assert reason(stage) == "Pending"
    assert await told(stage) == (1, 1)
    assert reason(stage) == "Delivered"
    windows(stage, 2, anomalous=True)
    assert await told(stage) == (0, 0)
    windows(stage, 4, anomalous=False)
    assert await told(stage) == (1, 1)
    (raw,) = stage.cluster.of_kind("Anomaly")
    assert raw["status"]["state"] == "Closed"
    sent = [one["why"] for one in raw["status"]["history"] if one["what"] == "Notified"]
    assert sent == ["Opened: pager", "Closed: pager"]
    assert [one["edge"] for one in raw["status"]["notifications"]] == ["Closed"]
    assert [one["event"] for one in box.bodies] == ["Opened", "Closed"]


async def test_a_receiver_that_stays_down_costs_two_writes_in_all(box: Inbox, stage: Stage) -> None:
    box.answer = Answer(503)
    windows(stage, 2, anomalous=True)
    marks, writes = len(stage.kube.written), stage.cluster.writes
    for _ in range(12):
        stage.now += await stage.deliver()
        stage.cluster.settle()
    assert len(box.got) == 12
    assert (len(stage.kube.written) - marks, stage.cluster.writes - writes) == (1, 1)
    assert reason(stage) == "Failing"


async def test_what_closed_while_a_receiver_was_down_is_told_in_one_message(
    box: Inbox, stage: Stage
) -> None:
    box.answer = Answer(503)
    windows(stage, 2, anomalous=True)
    stage.now += await stage.deliver()
    windows(stage, 4, anomalous=False)
    stage.now += 600
    box.got.clear()
    box.answer = Answer()
    await told(stage)
    assert [one["event"] for one in box.bodies] == ["Closed"]
    assert reason(stage) == "Delivered"


async def test_feedback_before_the_message_stops_it(box: Inbox, stage: Stage) -> None:
    windows(stage, 2, anomalous=True)
    (raw,) = stage.cluster.of_kind("Anomaly")
    spec = {**raw["spec"], "feedback": {"verdict": "FalsePositive"}}
    stage.cluster.put("Anomaly", raw["metadata"]["name"], spec=spec)
    stage.cluster.settle()
    await told(stage)
    assert box.got == []
    assert reason(stage) == "NotAlerting"
