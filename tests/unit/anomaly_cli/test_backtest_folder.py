"""`kubectl-anomaly backtest --data DIR`: a graph of services with its policy, and what is written.

Two services are trained once; what is told of them is read in several tests.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaly_cli.__main__ import NOTHING_JUDGED, main
from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import FittedModel
from detector_runtime.model.gate_checks import Validation

STEP, ROWS, WARMUP = 3600, 24 * 21, 400
FAULT = range(450, 470)
FIT = fit_model
SERVICE = """
kind: AnomalyService
metadata: {{name: {name}, namespace: shop, labels: {{tier: gold}}}}
spec:
  step: 1h
  incidents: {{separation: 6h}}
  dependsOn: [{below}]
  metrics:
  - {{name: requests, role: Traffic, unit: RequestsPerSecond, query: r}}
  - {{name: latency, role: Latency, unit: Seconds, query: l}}
  - {{name: calls, role: DependencyLatency, unit: Seconds, query: c}}
---
"""
POLICY = """
kind: SLOPolicy
metadata: {name: gold}
spec:
  serviceSelector: {matchLabels: {tier: gold}}
  thresholds: {latency: {acceptable: 300ms, warning: 500ms, critical: 700ms}}
"""


@dataclass(frozen=True)
class Ran:
    folder: Path
    text: str

    def scores(self, service: str) -> list[dict[str, str]]:
        with (self.folder / "out" / f"{service}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def anomalies(self) -> list[dict[str, Any]]:
        document = json.loads((self.folder / "incidents.json").read_text())
        assert document["kind"] == "List"
        found: list[dict[str, Any]] = document["items"]
        return found


def recording(path: Path, seed: int, begin: int) -> None:
    """Latency is five times as high from row `begin` to the end of FAULT."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["timestamp", "requests", "latency", "calls"])
        for row in range(ROWS):
            worse = 5 if begin <= row < FAULT.stop else 1
            cells = [rng.normal(100, 5), rng.normal(0.2, 0.01) * worse, rng.normal(0.1, 0.005)]
            cells[2] *= worse
            lines.writerow([1_704_067_200 + row * STEP, *(f"{cell:.4f}" for cell in cells)])


def passing(*arguments: Any, **named: Any) -> FittedModel:
    return replace(FIT(*arguments, **named), validation=Validation(()))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("graph")
    (folder / "data").mkdir()
    recording(folder / "data" / "payments.csv", 1, FAULT.start)
    recording(folder / "data" / "checkout.csv", 2, FAULT.start + 3)
    recording(folder / "data" / "<b>stray.csv", 3, ROWS)
    services = SERVICE.format(name="checkout", below="{name: payments}")
    below = "{name: bank}, {name: checkout, namespace: far}"
    services += SERVICE.format(name="payments", below=below)
    (folder / "services.yaml").write_text(services)
    (folder / "policy.yaml").write_text(POLICY)
    arguments = ["backtest", "--data", str(folder / "data"), "--warmup", str(WARMUP)]
    arguments += ["-f", str(folder / "services.yaml"), "-f", str(folder / "policy.yaml")]
    arguments += ["--refit", "never", "--output", str(folder / "out")]
    arguments += ["--incidents", str(folder / "incidents.json")]
    arguments += ["--report", str(folder / "report.html")]
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr("anomaly_cli.replay.fit_model", passing)
        assert main(arguments) == 0
    return Ran(folder, out.getvalue())


def test_a_namesake_in_another_namespace_closes_no_circle(ran: Ran) -> None:
    assert "leads back" not in ran.text


def test_each_service_has_its_file_of_scores(ran: Ran) -> None:
    assert sorted(path.name for path in (ran.folder / "out").iterdir()) == [
        "checkout.csv",
        "payments.csv",
    ]
    assert len(ran.scores("payments")) == len(ran.scores("checkout")) == ROWS - WARMUP


def test_the_policy_judges_every_window(ran: Ran) -> None:
    written = ran.scores("payments")
    fault = [written[row - WARMUP] for row in FAULT]
    assert {line["slo"] for line in fault} == {"Breached"}
    assert {line["slo"] for line in written[:40]} == {"Ok"}


def test_a_window_of_the_fault_has_its_pattern_and_still_its_metric(ran: Ran) -> None:
    fault = [ran.scores("checkout")[row - WARMUP] for row in FAULT][3:]
    assert {line["top_metric"] for line in fault} <= {"latency", "calls"}
    assert {line["pattern"] for line in fault} == {"upstream_cascade"}
    assert {line["model_severity"] for line in fault} <= {"Low", "Medium", "High", "Critical"}


def test_what_notifies_is_what_the_incident_has_come_to(ran: Ran) -> None:
    for line in ran.scores("payments"):
        told = line["incident_severity"] in {"Medium", "High", "Critical"}
        assert line["notify"] == ("true" if told else "false")
    assert any(line["notify"] == "true" for line in ran.scores("payments"))


def test_what_comes_from_below_is_named_so_once_the_incident_below_is_known(ran: Ran) -> None:
    """Payments fails three hours before checkout; nothing below payments has data."""
    named = {
        name: {line["pattern"] for line in ran.scores(name)} - {""}
        for name in ("checkout", "payments")
    }
    assert "upstream_cascade" in named["checkout"]
    assert "upstream_cascade" not in named["payments"]


def test_the_objects_are_those_that_the_scores_name(ran: Ran) -> None:
    objects = {one["metadata"]["name"]: one for one in ran.anomalies}
    named = {line["incident"] for name in ("checkout", "payments") for line in ran.scores(name)} - {
        ""
    }
    assert set(objects) == named
    breached = {
        one["spec"]["serviceRef"]["name"]: one
        for one in objects.values()
        if one["status"]["slo"]["status"] == "Breached"
    }
    assert set(breached) == {"checkout", "payments"}
    assert breached["payments"]["metadata"]["namespace"] == "shop"
    assert breached["payments"]["status"]["state"] == "Closed"


def test_the_text_has_a_line_for_each_service_and_each_incident(ran: Ran) -> None:
    lines = ran.text.splitlines()
    at = lines.index("services:")
    assert [line.split()[0] for line in lines[at + 2 : at + 4]] == ["checkout", "payments"]
    assert all(line.endswith("gold") for line in lines[at + 2 : at + 4])
    at = lines.index("incidents:")
    assert lines[at + 1].split()[:2] == ["SERVICE", "FROM"]
    assert lines[at + 2].split()[0] == "payments"
    assert "\x1b" not in ran.text


class Page(HTMLParser):
    """Elements by name, attributes that load something, ids and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        for name, value in attributes:
            if name in {"src", "srcset", "xlink:href", "data"} or "http" in (value or ""):
                self.loads.append(f"{tag} {name} {value}")
            if name == "id":
                self.ids.add(value or "")
            if tag == "a" and name == "href":
                self.links.add((value or "").removeprefix("#"))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_report_stands_alone(ran: Ran) -> None:
    page = Page((ran.folder / "report.html").read_text())
    assert page.loads == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.elements)


def test_the_report_shows_each_metric_and_names_each_incident(ran: Ran) -> None:
    text = (ran.folder / "report.html").read_text()
    page = Page(text)
    assert page.elements.count("section") == 2
    assert page.elements.count("svg") == 2 * 4  # the score and three metrics
    assert text.count('class="band"') >= 2 * 3
    assert text.count('class="limit alert"') == 2
    assert page.links == {one["metadata"]["name"] for one in ran.anomalies} <= page.ids
    assert text.count('<td data-head="no.">1</td>') == 2, "each service counts its own"
    shown = " ".join(page.words)
    for one in ran.anomalies:
        assert one["status"]["pattern"] in shown
    assert "SLO critical 700 ms" in shown


def test_a_folder_too_short_to_learn_from_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        lines = "".join(f"{60 * row},{row % 7}\n" for row in range(1, 41))
        (tmp_path / f"{name}.csv").write_text("t,x\n" + lines)
    objects = tmp_path / "incidents.json"
    arguments = ["backtest", "--data", str(tmp_path), "--incidents", str(objects)]
    assert main(arguments) == NOTHING_JUDGED
    assert "no model could be trained for a, b: a model needs" in capsys.readouterr().out
    assert json.loads(objects.read_text())["items"] == []
    assert main([*arguments, "--json"]) == NOTHING_JUDGED
    found = json.loads(capsys.readouterr().out)
    assert [one["service"] for one in found["services"]] == ["a", "b"]


def test_a_folder_that_would_be_overwritten_is_refused(
    ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(ran.folder / "data")
    assert main(["backtest", "--data", data, "--output", data]) == 2
    assert "is the folder of the recordings itself" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--incidents", "--report"])
def test_a_file_that_is_read_is_not_written(
    ran: Ran, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    service = ran.folder / "services.yaml"
    before = service.read_text()
    arguments = ["backtest", "--data", str(ran.folder / "data"), "-f", str(service)]
    assert main([*arguments, flag, str(service)]) == 2
    assert f"{flag} {service} is a file given by -f" in capsys.readouterr().err
    assert service.read_text() == before


def test_two_outputs_are_two_files(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    one = str(ran.folder / "both")
    data = ["backtest", "--data", str(ran.folder / "data")]
    assert main([*data, "--incidents", one, "--report", one]) == 2
    assert "is the file of --incidents too" in capsys.readouterr().err
