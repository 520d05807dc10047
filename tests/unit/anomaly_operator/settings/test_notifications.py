"""The section `notifications` of the settings file: what it says, and what it refuses."""

from __future__ import annotations

import pytest

from anomaly_operator.api.fields import Fields, SettingsError, SpecError
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.notifications import (
    Match,
    NotificationSettings,
    Receiver,
    ReceiverType,
    Route,
)
from anomaly_operator.settings.notifications_file import MAX_RECEIVERS
from anomaly_operator.spec.alert_labels import read_alert_labels
from detector_runtime.contract.vocabulary import Category, Severity

GOOD = """
notifications:
  receivers:
  - {name: alerts, type: Alertmanager, url: "http://alertmanager:9093", timeout: 3s}
  - {name: chat, type: Slack, urlFile: /secrets/url}
  - {name: pager, type: Webhook, url: "https://pager/x", tokenFile: /t, signingKeyFile: /k,
     caFile: /c}
  routes:
  - receivers: [alerts]
  - match:
      namespaces: [shop]
      categories: [Core]
      severities: [High, Critical]
      tiers: [P1]
      labels: {team: payments}
    receivers: [pager, chat]
  minSeverity: High
  dashboardURL: https://dash/{namespace}/{service}
  runbookURL: https://runbooks/{pattern}
  digestAbove: 5
  resendInterval: 30s
  groupWait: 0s
"""


def test_all_of_it_is_read() -> None:
    match = Match(
        namespaces=("shop",),
        categories=(Category.CORE,),
        severities=(Severity.HIGH, Severity.CRITICAL),
        tiers=("P1",),
        labels={"team": "payments"},
    )
    assert parse_settings(GOOD).notifications == NotificationSettings(
        receivers=(
            Receiver(
                "alerts",
                ReceiverType.ALERTMANAGER,
                url="http://alertmanager:9093",
                timeout_seconds=3.0,
            ),
            Receiver("chat", ReceiverType.SLACK, url_file="/secrets/url"),
            Receiver(
                "pager",
                ReceiverType.WEBHOOK,
                url="https://pager/x",
                token_file="/t",
                signing_key_file="/k",
                ca_file="/c",
            ),
        ),
        routes=(Route(Match(), ("alerts",)), Route(match, ("pager", "chat"))),
        min_severity=Severity.HIGH,
        dashboard_url="https://dash/{namespace}/{service}",
        runbook_url="https://runbooks/{pattern}",
        digest_above=5,
        resend_seconds=30.0,
        group_wait_seconds=0.0,
    )


def test_without_the_section_nobody_is_told() -> None:
    assert parse_settings("").notifications == NotificationSettings()


BOTH = "{severities: [High], minSeverity: Low}"
CHAT = '{name: chat, type: Slack, url: "https://chat"}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("receivers: [{name: chat, type: Slack}]", "either url or urlFile"),
        (f"receivers: [{CHAT}, {CHAT}]", "'chat' is given twice"),
        ("receivers: [{name: Chat, type: Slack, url: 'https://c'}]", "'Chat' is no name"),
        ("receivers: [{name: chat, url: 'https://c'}]", "receivers[0].type: required"),
        ("receivers: [{name: chat, type: Pigeon, url: 'https://c'}]", "'Pigeon' is none of"),
        ("receivers: [{name: c, type: Slack, url: 'ftp://c'}]", "not an http or https URL"),
        ("receivers: [{name: c, type: Slack, url: 'https://a:b@c'}]", "no user, password"),
        ("receivers: [{name: c, type: Slack, url: 'https://c:port'}]", "receivers[0].url"),
        ("receivers: [{name: c, type: Slack, urlFile: secret}]", "not an absolute path"),
        (
            "receivers: [{name: c, type: Slack, url: 'https://c', signingKeyFile: /k}]",
            "Slack has no signature",
        ),
        ("receivers: [{name: c, type: Slack, url: 'https://c', tokn: x}]", "tokn"),
        (f"receivers: [{CHAT}]\n  routes: [{{receivers: [pager]}}]", "no receiver is called pager"),
        (f"receivers: [{CHAT}]\n  routes: [{{match: {{}}}}]", "name at least one receiver"),
        (
            f"receivers: [{CHAT}]\n  routes: [{{receivers: [chat], match: {{severities: [Bad]}}}}]",
            "'Bad' is none of",
        ),
        (
            f"receivers: [{CHAT}]\n  routes: [{{receivers: [chat], match: {BOTH}}}]",
            "either severities or minSeverity",
        ),
        ("dashboardURL: 'https://d/{host}'", "unknown placeholder {host}"),
        ("runbookURL: 'javascript:alert(1)'", "not an http or https URL"),
        ("digestAbove: 0", "notifications.digestAbove"),
        ("resendInterval: 1s", "notifications.resendInterval"),
    ],
)
def test_what_could_never_work_is_refused_with_its_path(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(f"notifications:\n  {text}")
    assert said in str(refused.value)
    assert "notifications" in str(refused.value)


def test_there_are_as_many_receivers_as_an_object_has_room_for() -> None:
    listed = ", ".join(
        f"{{name: r{n}, type: Slack, url: 'https://c'}}" for n in range(MAX_RECEIVERS + 1)
    )
    with pytest.raises(SettingsError, match="17 receivers; at most 16"):
        parse_settings(f"notifications:\n  receivers: [{listed}]")


def test_a_receivers_value_shows_no_secret_in_an_error() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(
            "notifications: {receivers: [{name: c, type: Slack, url: 'https://u:pw@c'}]}"
        )
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    "labels",
    [
        {"severity": "None"},
        {"namespace": "bank"},
        {"__name__": "x"},
        {"a-b": "x"},
        {"a": ""},
        {"a": "x" * 257},
        {f"l{n}": "x" for n in range(17)},
    ],
)
def test_labels_that_no_alert_can_have_are_a_problem_of_the_spec(labels: dict[str, str]) -> None:
    with pytest.raises(SpecError) as refused:
        read_alert_labels(Fields({"alertLabels": labels}, "spec"))
    assert refused.value.problem.field == "spec.alertLabels"


def test_labels_are_read() -> None:
    assert read_alert_labels(Fields({"alertLabels": {"team": "a"}}, "spec")) == {"team": "a"}
    assert read_alert_labels(Fields({}, "spec")) == {}
