"""The record of an incident: everything that its objects know, nothing that they do not, and no
text of theirs as markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from anomaly_cli.__main__ import main
from anomaly_cli.incident_report import html, markdown
from anomaly_cli.incident_report.reading import read
from anomaly_cli.incident_report.series import recorded
from loopback.kubeconfig import kubeconfig
from loopback.prometheus import FakePrometheus
from loopback.server import Answer, Asked, LoopbackServer

Json = dict[str, Any]

FIRST, LAST = "2026-11-22T11:34:00Z", "2026-11-22T11:44:00Z"
SPEC: Json = {
    "serviceRef": {"name": "checkout"},
    "openingPattern": "metric_latency",
    "fingerprint": "9f2c1a7be01d",
    "firstSeen": FIRST,
    "acknowledgement": {"by": "maria", "comment": "on it"},
    "feedback": {"verdict": "TruePositive", "by": "maria"},
    "resolution": {"note": "The cache was full | restarted.", "by": "ana"},
}
STATUS: Json = {
    "state": "Closed",
    "severity": "High",
    "pattern": "latency_spike",
    "patterns": [
        {"name": "metric_latency", "firstSeen": FIRST},
        {"name": "latency_spike", "firstSeen": "2026-11-22T11:38:00Z"},
    ],
    "confidence": "90%",
    "slo": {"status": "Breached", "proximity": "1.31"},
    "worst": {"at": "2026-11-22T11:40:00Z", "summary": "latency 4.1x its usual"},
    "explanation": {
        "summary": "latency 812 ms, usually 120 to 198 ms",
        "contributions": [
            {
                "metric": "latency",
                "value": "0.812",
                "unit": "Seconds",
                "usualLow": "0.12",
                "usualHigh": "0.198",
                "deviation": "4.1x",
                "share": "0.75",
            },
            {"metric": "errors", "value": "0.02", "unit": "Ratio", "share": "0.25"},
        ],
        "recommendedActions": ["Look at the newest deployment"],
    },
    "confirmedAt": "2026-11-22T11:36:00Z",
    "lastSeen": LAST,
    "closedAt": "2026-11-22T11:50:00Z",
    "duration": "12m",
    "occurrences": 6,
    "resolution": {"reason": "Resolved"},
    "rootCause": {
        "service": "db",
        "namespace": "shop",
        "anomaly": "db-1",
        "confidence": "85%",
        "path": ["shop/checkout", "shop/db"],
    },
    "changes": [
        {
            "at": "2026-11-22T11:31:00Z",
            "kind": "Rollout",
            "workload": "Deployment shop/db",
            "from": "1.8.3",
            "to": "1.9.0",
        }
    ],
    "priority": {"value": 80, "tier": "P1", "owner": "team-shop", "nextStep": "Contain"},
    "history": [
        {
            "at": "2026-11-22T11:36:00Z",
            "what": "Opened",
            "who": "operator",
            "why": "Medium, metric_latency.",
        },
        {"at": "2026-11-22T11:39:00Z", "what": "Acknowledged", "who": "maria", "why": "on it"},
        {"at": "2026-11-22T11:50:00Z", "what": "Closed", "who": "operator", "why": "Resolved."},
    ],
    "conditions": [
        {
            "type": "ExcludedFromTraining",
            "status": "True",
            "message": "Marked TruePositive: training leaves these windows out.",
        }
    ],
}
ANOMALY: Json = {
    "kind": "Anomaly",
    "metadata": {"name": "checkout-1", "namespace": "shop"},
    "spec": SPEC,
    "status": STATUS,
}
SERVICE: Json = {
    "kind": "AnomalyService",
    "metadata": {"name": "checkout", "namespace": "shop"},
    "spec": {
        "metrics": [
            {"name": "latency", "role": "Latency", "unit": "Seconds", "query": "latency"},
        ],
        "step": "2m",
    },
    "status": {
        "model": {"revision": "20261122-021500-3f2a9c", "trainedAt": "2026-11-22T02:15:00Z"},
        "expected": [
            {
                "anomaly": "checkout-1",
                "pattern": "metric_latency",
                "severity": "High",
                "until": "2026-11-23T00:00:00Z",
            },
            {"anomaly": "other", "pattern": "metric_errors", "severity": "Low", "until": LAST},
        ],
    },
}


def test_the_timeline_begins_with_what_changed_and_ends_with_the_closing() -> None:
    told = [(one.what, one.who) for one in read(ANOMALY, SERVICE).timeline]
    assert told == [
        ("Change", ""),
        ("First suspicion", ""),
        ("Opened", ""),
        ("Pattern joined", ""),
        ("Acknowledged", "maria"),
        ("Worst window", ""),
        ("Last anomalous window", ""),
        ("Closed", ""),
    ]


def test_an_object_without_a_history_tells_the_edges_that_its_status_knows() -> None:
    status = {key: value for key, value in STATUS.items() if key != "history"}
    told = [one.what for one in read({**ANOMALY, "status": status}, None).timeline]
    assert told[-1] == "Closed"
    assert "Opened" in told


def test_what_the_model_learned_is_of_this_incident_alone() -> None:
    assert read(ANOMALY, SERVICE).learned == (
        "Marked TruePositive: training leaves these windows out.",
        "Until 2026-11-23T00:00:00Z, windows with metric_latency up to High open no incident.",
        "The model in use is 20261122-021500-3f2a9c, trained 2026-11-22T02:15:00Z.",
    )


def test_a_bare_object_is_a_report_too() -> None:
    bare = {"metadata": {"name": "a", "namespace": "shop"}, "spec": {"serviceRef": {"name": "b"}}}
    for page in (markdown.page(read(bare, None), []), html.page(read(bare, None), [])):
        assert "Incident a" in page
        assert "Nobody acknowledged the incident" in page


def recording(folder: Path) -> Path:
    path = folder / "checkout.csv"
    values = {minute: 0.8 if 94 <= minute <= 104 else 0.15 for minute in range(0, 180, 2)}
    rows = [
        f"2026-11-22T{10 + minute // 60}:{minute % 60:02}:00Z,{value}"
        for minute, value in values.items()
    ]
    path.write_text("\n".join(["time,latency", *rows]) + "\n")
    return path


def test_markdown_has_every_part_and_is_no_markup_of_others(tmp_path: Path) -> None:
    report = read(ANOMALY, SERVICE)
    page = markdown.page(report, recorded(recording(tmp_path), SERVICE, report, 1800))
    for words in (
        "# Incident checkout-1",
        "| SLO | Breached (1.31 times the critical threshold) |",
        "| Priority | P1 (80 of 100) |",
        "| latency | 812 ms | 120 to 198 ms | 4.1x | ███████████████····· 75% |",
        "| Root cause | shop/db, confidence 85% |",
        "| Path | shop/checkout -\\> shop/db |",
        "Rollout of Deployment shop/db: 1.8.3 -\\> 1.9.0",
        "| Resolution | ana | The cache was full \\| restarted. |",
        "1. Look at the newest deployment",
        "- Marked TruePositive: training leaves these windows out.",
        "latency: 150 ms to 800 ms, 2026-11-22T11:04:00Z to 2026-11-22T12:14:00Z",
    ):
        assert words in page
    plot, marks = (line for line in page.splitlines() if set(line) & {"▁", "^"})
    assert plot.count("█") == marks.count("^") == 6


class Page(HTMLParser):
    """Tags, attributes and text of a page; nothing may come from outside of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in {"src", "onload", "onclick"}
            assert name != "href" or str(value).startswith("#")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_in_itself_and_has_a_plot_for_each_metric(tmp_path: Path) -> None:
    report = read(ANOMALY, SERVICE)
    page = Page(html.page(report, recorded(recording(tmp_path), SERVICE, report, 1800)))
    assert page.tags.count("figure") == 1
    assert page.tags.count("svg") == 3, "a plot and two bars"
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "The cache was full | restarted." in page.words


HOSTILE = "<script>alert(1)</script> [x](http://evil) \x1b[31m\n# head | `code`"


def test_a_hostile_text_stays_a_text() -> None:
    spec = {**SPEC, "resolution": {"note": HOSTILE, "by": HOSTILE}}
    report = read({**ANOMALY, "spec": spec}, None)
    page = Page(html.page(report, []))
    assert "script" not in page.tags
    text = markdown.page(report, [])
    assert "\x1b" not in text
    assert "<script>" not in text
    assert "[x](http" not in text
    assert not any(line.startswith("# head") for line in text.splitlines())


def serve(asked: Asked) -> Answer:
    found: Json | None = None
    if asked.path.endswith("/anomalies/checkout-1"):
        found = ANOMALY
    if asked.path.endswith("/anomalyservices/checkout"):
        found = SERVICE
    if found is None:
        body = {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}
        return Answer(404, json.dumps(body).encode())
    return Answer(200, json.dumps(found).encode())


@pytest.fixture
def cluster(tmp_path: Path) -> Any:
    with LoopbackServer(serve) as server:
        yield str(kubeconfig(tmp_path / "kubeconfig", server.port))


def test_the_command_prints_markdown_and_writes_files(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, text = tmp_path / "r.html", tmp_path / "r.md"
    base = ("report", "checkout-1", "--kubeconfig", cluster)
    assert main(base) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Incident checkout-1\n")
    data = ("--data", str(recording(tmp_path)))
    assert main((*base, "--html", str(page), "--markdown", str(text), *data)) == 0
    assert capsys.readouterr().out == ""
    assert "<figure>" in page.read_text()
    assert "## Metrics" in text.read_text()


def test_the_command_queries_the_service_s_metrics(
    cluster: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakePrometheus({"latency": lambda moment: 0.5}) as source:
        base = ("report", "checkout-1", "--kubeconfig", cluster, "--around", "30m")
        assert main((*base, "--source-url", source.url)) == 0
        (asked,) = source.queries
    assert (asked["query"], asked["step"]) == ("latency", "120")
    assert "latency: 500 ms to 500 ms" in capsys.readouterr().out


def test_the_command_says_what_is_missing(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ("--kubeconfig", cluster)
    assert main(("report", "absent", *base)) == 1
    assert "no Anomaly absent in namespace shop" in capsys.readouterr().err
    both = ("--data", "a.csv", "--source-url", "http://127.0.0.1:1")
    assert main(("report", "checkout-1", *base, *both)) == 2
    assert "give one of them" in capsys.readouterr().err
    assert main(("report", "checkout-1", *base, "--around", "9d")) == 2
    assert "--around 9d is out of range" in capsys.readouterr().err
    assert main(("report", "checkout-1", *base, "--source-url", "http://127.0.0.1:1")) == 2
    assert "--source-url http://127.0.0.1:1" in capsys.readouterr().err


def test_a_training_run_has_its_facts_and_examples_in_the_report() -> None:
    run = {
        "firstStep": 1302,
        "lastStep": 1302,
        "triggers": [{"step": 1302, "name": "loss_nan", "tier": "Critical"}],
        "examples": [
            {
                "prompt": "2 + 2",
                "goldenAnswer": "4",
                "modelAnswer": "5",
                "matches": False,
                "loss": "0.1",
            },
            {"prompt": "[12 characters]", "loss": "2.3"},
        ],
    }
    report = read({**ANOMALY, "status": {**STATUS, "trainingRun": run}}, None)
    tables = dict(report.context)
    assert ("Trigger", "loss_nan at step 1302 (Critical)") in tables["Training run"]
    assert ("Steps", "1302") in tables["Training run"]
    assert tables["Examples of the training"] == (
        ("2 + 2", "expected 4, answered 5, loss 0.1, wrong"),
        ("[12 characters]", "loss 2.3"),
    )
    text = markdown.page(report, ())
    assert "### Training run" in text
