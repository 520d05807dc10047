"""The forms of a message: each receiver's, against its schema, and what a user's text cannot do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from anomaly_operator.notify.alertmanager import Alert, alerts
from anomaly_operator.notify.edges import Edge, Failure, Mark
from anomaly_operator.notify.message import Message, compose
from anomaly_operator.notify.outcome import MAX_DELAY, Outcome, backoff, of_answer
from anomaly_operator.notify.render import many, single
from anomaly_operator.notify.signature import sign, signed_headers
from anomaly_operator.notify.slack import MAX_BYTES
from anomaly_operator.notify.webhook import payload
from anomaly_operator.settings.notifications import NotificationSettings, ReceiverType
from detector_runtime.contract.detection import Drift, WindowReport
from detector_runtime.contract.vocabulary import Severity, Verdict
from pretend.told import BEGAN, closed, told_of

SCHEMA = json.loads(
    (Path(__file__).parents[4] / "operator" / "docs" / "webhook.schema.json").read_text()
)
LINKS = NotificationSettings(
    dashboard_url="https://dash.example/{namespace}/{service}?at={anomaly}",
    runbook_url="https://runbooks.example/{pattern}#{severity}",
)
REPORT = WindowReport(
    end="2026-11-18T12:00:00Z",
    verdict=Verdict.ANOMALOUS,
    period="business_hours",
    severity=Severity.HIGH,
    confidence="76%",
    score="7.4",
    probability="0.00000004",
    drift=Drift("4.1", "0.15", ("latency",)),
    warnings=("rate has stood still for 2 h",),
)
KNOWN: dict[str, Any] = {
    "rootCause": {"service": "payments", "namespace": "shop", "confidence": "85%"},
    "priority": {"tier": "P2", "value": 71, "nextStep": "Roll back payments", "deadline": "t"},
    "changes": [{"at": "t", "text": "3 min after rollout 42 (image 1.8.3 -> 1.9.0)"}],
}


def message(
    edge: Edge = Edge.OPENED, report: WindowReport | None = REPORT, **status: Any
) -> Message:
    return compose(told_of(**status), edge, "k1", LINKS, now=BEGAN + 300, report=report)


def test_a_training_runs_message_says_what_tripped_and_where_it_can_start_again() -> None:
    run = {
        "firstStep": 1282,
        "lastStep": 1302,
        "triggers": [{"step": 1302, "name": "loss_nan", "tier": "Critical", "action": "Stop"}],
        "bestStep": 1180,
        "bestLoss": "0.69",
        "checkpoint": {"step": 1000, "path": "checkpoints/checkpoint-1000"},
        "lossHistory": ["0.7"],
    }
    reaction = {"workload": "Job llama", "at": "t", "outcome": "Suspended"}
    lines = message(trainingRun=run, reaction=reaction).lines()
    assert "Trigger: loss_nan at step 1302 (Critical)" in lines
    assert "Best step: 1180, loss 0.69" in lines
    assert "Last good checkpoint: step 1000, checkpoints/checkpoint-1000" in lines
    assert "Suspension: Job llama: Suspended" in lines
    assert not any("0.7" in line for line in lines)


def problems(value: Any, schema: Mapping[str, Any], path: str = "$") -> list[str]:
    """What of `value` the schema does not admit; the keywords that ours uses."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    kinds = schema.get("type", [])
    types = {
        "object": Mapping, "array": list, "string": str, "integer": int, "number": (int, float),
        "boolean": bool, "null": type(None),
    }  # fmt: skip
    wanted = [kinds] if isinstance(kinds, str) else kinds
    if wanted and not any(
        isinstance(value, types[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in wanted
    ):
        return [f"{path}: {value!r} is not {wanted}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: {value!r} is none of {schema['enum']}")
    if schema.get("format") == "date-time" and not re.match(r"\d{4}-\d\d-\d\dT.*Z$", value):
        found.append(f"{path}: {value!r} is no time")
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        found += [
            f"{path}.{key}: missing" for key in schema.get("required", ()) if key not in value
        ]
        for key, item in value.items():
            rule = known.get(key, schema.get("additionalProperties", path != "$"))
            if rule is False:
                found.append(f"{path}.{key}: not in the schema")
            elif isinstance(rule, Mapping):
                found += problems(item, rule, f"{path}.{key}")
    if isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value):
            found += problems(item, schema["items"], f"{path}[{number}]")
    return found


@pytest.mark.parametrize("edge", list(Edge))
@pytest.mark.parametrize("status", [{}, KNOWN, closed(), closed(**KNOWN), {"patterns": None}])
@pytest.mark.parametrize("report", [None, REPORT])
def test_the_webhook_fits_its_schema(
    edge: Edge, status: dict[str, Any], report: WindowReport | None
) -> None:
    body = payload(message(edge, report, **status))
    assert problems(body, SCHEMA) == []
    assert body["event"] == edge.value


def test_the_schema_is_checked_in_earnest() -> None:
    body = payload(message())
    assert problems({**body, "surplus": 1}, SCHEMA)
    assert problems({**body, "overall_severity": "Bad"}, SCHEMA)
    assert problems({**body, "anomaly_count": "1"}, SCHEMA)
    del body["event"]
    assert problems(body, SCHEMA) == ["$.event: missing"]


def test_the_fields_of_the_earlier_service() -> None:
    body = payload(message(**KNOWN))
    assert body["service_name"] == "checkout"
    assert body["time_period"] == "business_hours"
    assert body["anomaly_count"] == 1
    assert body["anomalies"]["metric_latency"] == {
        "type": "pattern",
        "severity": "High",
        "confidence": 0.9,
        "description": "latency 812 ms, usually 190 to 240 ms",
        "recommended_actions": ["Compare with the newest deployment"],
    }
    assert body["drift_warning"]["overall_drift_score"] == 4.1
    assert body["performance_info"]["drift_penalty_applied"] == 0.15
    assert body["validation_warnings"] == ["rate has stood still for 2 h"]


def test_the_text_says_what_how_bad_since_when_and_what_to_do() -> None:
    symptoms = [{"service": name, "namespace": "shop"} for name in ("checkout", "gateway")]
    found = message(**KNOWN, symptoms=symptoms)
    assert found.title == "High: shop/checkout metric_latency opened"
    assert found.lines() == [
        "latency 812 ms, usually 190 to 240 ms",
        "Root cause: shop/payments (confidence 85%)",
        "Also slow or failing: checkout, gateway",
        "Changed before: 3 min after rollout 42 (image 1.8.3 -> 1.9.0)",
        "Since 2026-11-18T11:06:40Z, for 5m, SLO Warning, confidence 90%, priority P2.",
        "Next: Roll back payments",
    ]
    over = message(Edge.CLOSED, **closed())
    assert over.lines()[-1].startswith("Since 2026-11-18T11:06:40Z, closed after 10m")


def test_a_root_names_no_root_and_few_symptoms() -> None:
    symptoms = [{"service": f"s{n}", "namespace": "shop"} for n in range(20)]
    own = {"service": "checkout", "namespace": "shop"}
    found = message(symptoms=symptoms, symptomCount=31, rootCause=own)
    assert found.root == ""
    assert found.also.endswith("s9 and 21 more")


def test_links_hold_names_and_nothing_else() -> None:
    found = message(pattern="metric_a/../b?c")
    assert found.dashboard == "https://dash.example/shop/checkout?at=checkout-9f2c1a7be01d-mi5k2x"
    assert found.runbook == "https://runbooks.example/metric_a%2F..%2Fb%3Fc#High"


def test_chat_is_one_text_that_calls_nobody() -> None:
    loud = message(
        explanation={"summary": "<!channel> & <http://evil|click>", "impact": "x" * 9000}
    )
    body = json.loads(single(ReceiverType.SLACK, loud).body)
    assert set(body) == {"text"}
    assert "<!" not in body["text"]
    assert "&lt;!channel&gt; &amp; &lt;http://evil|click&gt;" in body["text"]
    assert "<https://dash.example/" in body["text"]
    assert len(body["text"].encode()) < MAX_BYTES + 500


def test_cloud_events_are_events_of_version_one() -> None:
    outgoing = single(ReceiverType.CLOUD_EVENTS, message())
    body = json.loads(outgoing.body)
    assert outgoing.content_type == "application/cloudevents+json"
    assert {name: body[name] for name in ("specversion", "id", "type", "subject")} == {
        "specversion": "1.0",
        "id": "k1",
        "type": "anomaly-operator.dev.anomaly.opened",
        "subject": "shop/checkout",
    }
    assert body["source"].endswith("/namespaces/shop/anomalies/checkout-9f2c1a7be01d-mi5k2x")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["time"])
    assert problems(body["data"], SCHEMA) == []


@pytest.mark.parametrize("kind", [ReceiverType.WEBHOOK, ReceiverType.CLOUD_EVENTS])
def test_a_digest_fits_the_schema_and_puts_the_worst_first(kind: ReceiverType) -> None:
    two = [message(), message(severity="Critical", name="another")]
    body = json.loads(many(kind, two, BEGAN).body)
    data = body.get("data", body)
    assert problems(data, SCHEMA) == []
    assert [one["overall_severity"] for one in data["incidents"]] == ["Critical", "High"]
    assert many(kind, two[::-1], BEGAN) == many(kind, two, BEGAN)


def test_a_digest_in_a_chat_is_short() -> None:
    outgoing = many(ReceiverType.SLACK, [message(name=f"a{n}") for n in range(200)], BEGAN)
    text = json.loads(outgoing.body)["text"]
    assert text.startswith("*200 incidents changed within a minute*")
    assert "and 170 more" in text


def test_an_alert_ends_by_itself_after_three_missed_posts() -> None:
    (alert,) = json.loads(alerts([Alert(message(), None)], 100.0, BEGAN + 300).body)
    assert alert["startsAt"] == "2026-11-18T11:06:40Z"
    assert alert["endsAt"] == "2026-11-18T11:16:40Z"
    assert alert["annotations"]["summary"] == "High: shop/checkout metric_latency opened"
    assert alert["annotations"]["dashboard"].startswith("https://dash.example/")
    mark = Mark("alerts", Edge.ESCALATED, severity=Severity.HIGH)
    (over,) = json.loads(alerts([Alert(message(Edge.CLOSED, **closed()), mark)], 100.0, BEGAN).body)
    assert over["endsAt"] == over["startsAt"]


def test_a_signature_is_over_the_time_and_the_body() -> None:
    """Worked out with `printf '1795000000.{}' | openssl dgst -sha256 -hmac secret`."""
    signature = sign(b"secret", BEGAN, b"{}")
    digest = "6b4c7e66d3b69c810f27c4aa67ee370757d4dfdabf1fbb338ea7cf6aba9e0494"
    assert signature == f"v1={digest}"
    assert len({signature, sign(b"other", BEGAN, b"{}"), sign(b"secret", BEGAN + 1, b"{}"),
                sign(b"secret", BEGAN, b"[]")}) == 4  # fmt: skip
    assert signed_headers(b"secret", BEGAN, b"{}") == {
        "Anomaly-Operator-Timestamp": str(BEGAN),
        "Anomaly-Operator-Signature": signature,
    }


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7), ("999999", 3600), ("", 0), ("soon", 0), ("Wed, 18 Nov 2026 11:07:40 GMT", 60)],
)
def test_retry_after(retry_after: str, seconds: float) -> None:
    expected = Outcome(Failure.THROTTLED, retry_after=seconds)
    assert of_answer(429, "", retry_after, BEGAN) == expected


def test_waits_grow_to_five_minutes() -> None:
    waits = [backoff(failures, 1.0) for failures in range(1, 60)]
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == MAX_DELAY
    assert backoff(3, 0.0) == 4.0
