"""One receiver on loopback that takes messages, refuses them, or misbehaves."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.api.errors import NotLeaderError, UnreachableError
from anomaly_operator.settings.notifications import Receiver, ReceiverType
from loopback.server import Answer, LoopbackServer, make_certificate
from pretend.receivers import Inbox, Stage, inbox
from pretend.told import BEGAN, closed

NAME = "checkout-9f2c1a7be01d-mi5k2x"


@pytest.fixture
def box() -> Inbox:
    return Inbox()


@pytest.fixture
def url(box: Inbox) -> Iterator[str]:
    with inbox(box) as server:
        yield f"{server.url}/hook"


def webhook(url: str, **more: Any) -> Receiver:
    return Receiver("pager", ReceiverType.WEBHOOK, url=url, timeout_seconds=2.0, **more)


async def test_an_incident_is_one_message_for_each_edge(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    for _ in range(3):
        await stage.deliver()
    assert [one["event"] for one in box.bodies] == ["Opened"]
    stage.incident(lastSeen="2026-11-18T12:00:00Z", occurrences=9)
    await stage.deliver()
    stage.incident(severity="Critical")
    await stage.deliver()
    stage.incident(severity="Critical", **closed())
    for _ in range(3):
        await stage.deliver()
    assert [one["event"] for one in box.bodies] == ["Opened", "Escalated", "Closed"]
    (mark,) = stage.marks()
    assert (mark["receiver"], mark["edge"], mark["severity"]) == ("pager", "Closed", "Critical")
    assert mark["key"] == box.got[-1].headers["idempotency-key"]
    assert stage.count("delivered") == 3
    assert [kind for kind, _ in stage.kube.written] == ["Anomaly"] * 3


async def test_after_a_restart_nobody_is_told_again(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    await stage.deliver()
    stage.restart()
    await stage.deliver()
    assert len(box.got) == 1


async def test_a_crash_before_the_mark_repeats_the_message_with_its_key(
    box: Inbox, url: str
) -> None:
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    await stage.courier.step()
    stage.restart()
    await stage.deliver()
    first, second = (one.headers["idempotency-key"] for one in box.got)
    assert first == second


async def test_while_the_api_server_is_away_memory_has_the_mark(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()

    def away(_: Any) -> None:
        raise UnreachableError(0, "connection refused", "apply /anomalies")

    stage.kube.before = away
    for _ in range(3):
        await stage.deliver()
    assert len(box.got) == 1
    assert stage.marks() == []
    stage.kube.before = lambda _: None
    await stage.ledger.flush()
    assert [one["edge"] for one in stage.marks()] == ["Opened"]


@pytest.mark.parametrize("answer", [Answer(500), Answer(503), Answer(429), Answer(408)])
async def test_a_failure_that_may_pass_is_tried_again_later_each_time(
    box: Inbox, url: str, answer: Answer
) -> None:
    box.script = [answer] * 4
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    waits = []
    for _ in range(4):
        waits.append(await stage.deliver())
        assert await stage.courier.step() == pytest.approx(waits[-1])
        stage.now += waits[-1]
    assert waits == [2.0, 4.0, 8.0, 16.0]
    assert stage.count("failed") == 4
    (mark,) = stage.marks()
    assert "edge" not in mark
    assert mark["failure"] == ("Throttled" if answer.status == 429 else "ServerError")
    assert len(stage.kube.written) == 1
    await stage.deliver()
    assert [one["event"] for one in box.bodies] == ["Opened"] * 5
    assert stage.marks()[0]["edge"] == "Opened"
    assert "failure" not in stage.marks()[0]


async def test_retry_after_is_kept(box: Inbox, url: str) -> None:
    box.script = [Answer(429, headers={"Retry-After": "40"})]
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    assert await stage.deliver() == 40.0


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Answer(400, b"invalid  payload"), "HTTP 400: invalid payload"),
        (Answer(403), "HTTP 403"),
        (
            Answer(302, headers={"Location": "http://127.0.0.1:9/"}),
            "HTTP 302: redirects are not followed; set the final address",
        ),
    ],
)
async def test_a_refusal_is_told_at_once_and_not_repeated_soon(
    box: Inbox, url: str, answer: Answer, detail: str
) -> None:
    box.answer = answer
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    for _ in range(3):
        wait = await stage.deliver()
    assert len(box.got) == 1
    assert stage.marks() == [{"receiver": "pager", "failure": "Refused", "detail": detail}]
    assert stage.count("refused") == 1
    assert wait == pytest.approx(3600.0)
    stage.now += 3601
    box.answer = Answer()
    await stage.deliver()
    assert len(box.got) == 2


async def test_a_refused_message_holds_up_no_other(box: Inbox, url: str) -> None:
    box.script = [Answer(400)]
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    stage.incident("checkout-2")
    await stage.deliver()
    assert len(box.got) == 2
    assert stage.marks("checkout-2")[0]["edge"] == "Opened"


async def test_every_incident_that_waits_says_that_the_receiver_fails(box: Inbox, url: str) -> None:
    box.answer = Answer(503)
    stage = Stage(webhook(url))
    stage.service()
    for number in range(3):
        stage.incident(f"checkout-{number}")
    for _ in range(5):
        stage.now += await stage.deliver()
    for number in range(3):
        assert stage.marks(f"checkout-{number}") == [
            {"receiver": "pager", "failure": "ServerError"}
        ]
    assert len(stage.kube.written) == 3
    assert stage.courier.pending == 3


async def test_an_object_that_defies_us_holds_up_no_other(
    box: Inbox, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(webhook(url))
    whole, compose = stage.desk.item, stage.desk.message

    def item(key: Any, receiver: str) -> Any:
        assert key[2] != "unreadable"
        return whole(key, receiver)

    def message(of: Any, now: int, *, reports: bool) -> Any:
        assert of.key[2] != "unspeakable"
        return compose(of, now, reports=reports)

    monkeypatch.setattr(stage.desk, "item", item)
    monkeypatch.setattr(stage.desk, "message", message)
    stage.service()
    for name in ("unreadable", "unspeakable", "good"):
        stage.incident(name)
    for _ in range(2):
        await stage.deliver()
    assert [one["incident"]["name"] for one in box.bodies] == ["good"]


async def test_a_receiver_that_is_not_there(box: Inbox) -> None:
    stage = Stage(webhook("http://127.0.0.1:9/hook"))
    stage.service()
    stage.incident()
    for _ in range(3):
        stage.now += await stage.deliver()
    assert stage.marks() == [{"receiver": "pager", "failure": "Unreachable"}]
    assert stage.count("repeated") == 0


async def test_a_receiver_that_answers_too_late_may_have_the_message(box: Inbox, url: str) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(handler: Any) -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

    box.script = [Answer(200, headers={"Content-Length": "9"}, stream=hang)]
    stage = Stage(replace(webhook(url), timeout_seconds=0.2))
    stage.service()
    stage.incident()
    stage.now += await stage.deliver()
    release.set()
    assert stage.count("failed") == 1
    await stage.deliver()
    assert stage.count("repeated") == 1
    assert len({one.headers["idempotency-key"] for one in box.got}) == 1


async def test_an_endless_answer_is_not_read(box: Inbox, url: str) -> None:
    def endless(handler: Any) -> None:
        while True:
            handler.wfile.write(b"x" * 65536)

    box.script = [Answer(200, stream=endless)]
    stage = Stage(webhook(url))
    stage.service()
    stage.incident()
    await stage.deliver()
    assert stage.count("delivered") == 1


async def test_a_flood_is_one_digest_and_everybody_is_marked(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))
    stage.service()
    for number in range(200):
        stage.incident(f"checkout-{number}")
    await stage.deliver()
    assert [one["event"] for one in box.bodies] == ["Digest"]
    assert box.bodies[0]["anomaly_count"] == 200
    assert len(box.bodies[0]["incidents"]) == 200
    assert all(stage.marks(f"checkout-{number}") for number in range(200))
    stage.incident("one-more")
    wait = await stage.deliver()
    assert len(box.got) == 1
    stage.now += wait
    await stage.deliver()
    assert [one["event"] for one in box.bodies] == ["Digest", "Opened"]


async def test_a_symptom_is_told_with_its_root(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))
    stage.service(dependsOn=[{"name": "payments"}])
    stage.service("payments")
    symptoms = [{"service": "checkout", "namespace": "shop", "anomaly": "checkout-1"}]
    stage.incident("checkout-1", symptomOf="payments-1")
    stage.incident("payments-1", service="payments", symptoms=symptoms)
    stage.incident("checkout-1", symptomOf="payments-1", severity="Critical")
    await stage.deliver()
    (message,) = box.bodies
    assert message["service_name"] == "payments"
    assert "Also slow or failing: checkout" in message["text"]
    assert stage.marks("checkout-1") == []
    stage.incident("checkout-1", symptomOf="payments-1", **closed())
    stage.incident("payments-1", service="payments", symptoms=symptoms, **closed())
    await stage.deliver()
    assert [one["event"] for one in box.bodies] == ["Opened", "Closed"]


async def test_a_service_in_a_graph_waits_for_its_root_one_interval(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))
    stage.service(dependsOn=[{"name": "payments"}], inference={"interval": "2m"})
    stage.now = BEGAN + 130.0
    stage.incident()
    assert await stage.deliver() == 125.0
    assert box.got == []
    stage.now += 125
    await stage.deliver()
    assert len(box.got) == 1


async def test_a_secret_is_read_for_each_message(box: Inbox, url: str, tmp_path: Path) -> None:
    address, token, key = (tmp_path / name for name in ("url", "token", "key"))
    stage = Stage(
        Receiver(
            "pager", ReceiverType.WEBHOOK,
            url_file=str(address), token_file=str(token), signing_key_file=str(key),
        )
    )  # fmt: skip
    stage.service()
    stage.incident()
    stage.now += await stage.deliver()
    assert box.got == []
    address.write_text(f"{url}\n")
    token.write_text("first\n")
    key.write_text("secret\n")
    await stage.deliver()
    token.write_text("second")
    stage.incident(severity="Critical")
    await stage.deliver()
    tokens = [one.headers["authorization"] for one in box.got]
    assert tokens == ["Bearer first", "Bearer second"]
    got = box.got[0]
    stamp = got.headers["anomaly-operator-timestamp"]
    expected = hmac.new(b"secret", f"{stamp}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(got.headers["anomaly-operator-signature"], f"v1={expected}")
    assert int(stamp) == int(stage.now)


async def test_an_untrusted_certificate_is_said(tmp_path: Path) -> None:
    box, certificate = Inbox(), make_certificate(tmp_path)
    with LoopbackServer(box.respond, certificate) as server:
        stage = Stage(webhook(server.url))
        stage.service()
        stage.incident()
        for _ in range(3):
            stage.now += await stage.deliver()
        assert stage.marks()[0]["detail"] == "its certificate is not trusted; see caFile"
        trusting = Stage(webhook(server.url, ca_file=str(certificate[0])))
        trusting.service()
        trusting.incident()
        await trusting.deliver()
        assert len(box.got) == 1


async def test_a_stale_leader_sends_nothing(box: Inbox, url: str) -> None:
    stage = Stage(webhook(url))

    def lost() -> None:
        raise NotLeaderError("the lease may be lost")

    stage.courier._office = replace(stage._office, fence=lost)
    stage.service()
    stage.incident()
    await stage.deliver()
    assert box.got == []
    assert stage.marks() == []


def alertmanager(url: str) -> Receiver:
    return Receiver("alerts", ReceiverType.ALERTMANAGER, url=url.removesuffix("/hook"))


async def test_active_alerts_are_posted_again_without_a_write(box: Inbox, url: str) -> None:
    stage = Stage(alertmanager(url))
    stage.service(alertLabels={"team": "payments"})
    stage.incident()
    await stage.deliver()
    assert box.got[0].path == "/api/v2/alerts"
    wait = await stage.deliver()
    assert wait == 100.0
    written = len(stage.kube.written)
    for _ in range(4):
        stage.now += wait
        await stage.deliver()
        wait = await stage.deliver()
    assert len(box.got) == 5
    assert len(stage.kube.written) == written == 1
    assert len({json.dumps(body[0]["labels"]) for body in box.bodies}) == 1
    assert box.bodies[0][0]["labels"] == {
        "alertname": "AnomalyIncident",
        "namespace": "shop",
        "service": "checkout",
        "pattern": "metric_latency",
        "severity": "High",
        "team": "payments",
    }
    stage.restart()
    await stage.deliver()
    assert len(box.got) == 6
    stage.incident(**closed())
    await stage.deliver()
    assert box.bodies[-1][0]["endsAt"] == "2026-11-18T11:16:40Z"
    assert await stage.deliver() == float("inf")


async def test_an_escalation_resolves_the_alert_of_the_lower_severity(box: Inbox, url: str) -> None:
    stage = Stage(alertmanager(url))
    stage.service()
    stage.incident()
    await stage.deliver()
    stage.incident(severity="Critical")
    await stage.deliver()
    new, old = box.bodies[-1]
    assert (new["labels"]["severity"], old["labels"]["severity"]) == ("Critical", "High")
    assert new["endsAt"] > old["endsAt"]


async def test_one_alert_that_is_refused_holds_up_no_other(box: Inbox, url: str) -> None:
    box.script = [Answer(400, b"bad"), Answer(200), Answer(400, b"bad"), Answer(200)]
    stage = Stage(alertmanager(url))
    stage.service()
    for number in range(3):
        stage.incident(f"checkout-{number}")
    await stage.deliver()
    assert [len(one) for one in box.bodies] == [3, 1, 1, 1]
    stored = [stage.marks(f"checkout-{number}")[0] for number in range(3)]
    assert [one.get("edge") for one in stored] == ["Opened", None, "Opened"]
    assert stored[1]["failure"] == "Refused"
