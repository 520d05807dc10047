"""`kubectl-anomaly backtest` with objectives: a burning budget is an incident as in the cluster."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from anomaly_cli.__main__ import main
from tests.unit.anomaly_cli.four_weeks import FAULT, Draw, rate, recorded

WARMUP = 400
OBJECTS = """
kind: AnomalyService
metadata: {name: checkout, labels: {tier: gold}}
spec:
  step: 1h
  preset: OpenTelemetrySpanMetrics
  incidents: {separation: 6h}
---
kind: SLOPolicy
metadata: {name: gold}
spec:
  serviceSelector: {matchLabels: {tier: gold}}
  objectives:
  - name: ok
    target: 99%
    indicator:
      ratio:
        errors: sum(increase(http_requests_total{code=~"5.."}[$(window)]))
        total: sum(increase(http_requests_total[$(window)]))
  - name: quick
    type: Latency
    target: 99%
    indicator: {errorRatio: 'avg_over_time(slow_share[$(window)])'}
"""


def failed(rng: np.random.Generator, bad: bool) -> float:
    return 300.0 if bad else 1.0


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of one run, and what it printed. No metric has the fault, only the events do."""
    folder = tmp_path_factory.mktemp("objectives")
    columns: dict[str, Draw] = {
        "request_rate": rate,
        "ok_errors": failed,
        "ok_total": lambda rng, bad: 1000.0,
    }
    recorded(folder / "data.csv", columns)
    (folder / "objects.yaml").write_text(OBJECTS)
    files = {"--output": "scores.csv", "--incidents": "incidents.json", "--report": "page.html"}
    arguments = ["backtest", "--data", str(folder / "data.csv"), "--refit", "never"]
    arguments += ["-f", str(folder / "objects.yaml"), "--warmup", str(WARMUP)]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        written = [part for flag, name in files.items() for part in (flag, str(folder / name))]
        assert main([*arguments, *written]) == 0
        assert main([*arguments, "--json"]) == 0
    text, _, report = out.getvalue().partition("{\n")
    (folder / "report.json").write_text("{\n" + report)
    return folder, text


def test_a_burning_budget_is_a_finding_and_an_incident(ran: tuple[Path, str]) -> None:
    folder, _ = ran
    with (folder / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    fault = [lines[row - WARMUP] for row in FAULT][1:]
    # Chance adds a finding of a metric to one or two of them.
    assert [line["pattern"] for line in fault].count("error_budget_burn") >= len(fault) - 2
    assert all(line["incident"] for line in fault[2:])
    (burning,) = (
        one
        for one in json.loads((folder / "incidents.json").read_text())["items"]
        if one["spec"]["openingPattern"] == "error_budget_burn"
    )
    assert burning["status"]["pattern"] == "error_budget_burn"
    assert "TicketFast burns from 3x over 1d and 2h" in burning["status"]["explanation"]["summary"]


def test_what_was_evaluated_is_a_table_and_what_was_not_is_said(ran: tuple[Path, str]) -> None:
    _, text = ran
    lines = text.splitlines()
    at = lines.index("objectives:")
    head = "OBJECTIVE  TARGET  BUDGET LEFT  BURNING  WORST TIER  AT THE END"
    assert lines[at + 1].split() == head.split()
    assert lines[at + 2].split()[:4] == ["ok", "99%", "in", "30d"]
    assert "TicketFast" in lines[at + 2]
    assert "objective ok: errors from column 'ok_errors', total from column 'ok_total'" in lines
    assert any("less than the step of 1h: PageFast (5m), PageSlow (30m)" in one for one in lines)
    assert (
        "objective quick is not evaluated: no column holds its errorRatio; record its share of bad "
        "events as column quick_error_ratio"
    ) in lines


def test_json_and_page_say_the_same(ran: tuple[Path, str]) -> None:
    folder, _ = ran
    ok, quick = json.loads((folder / "report.json").read_text())["objectives"]
    assert (ok["name"], ok["worstTier"], ok["problem"]) == ("ok", "TicketFast", None)
    assert ok["burningWindows"] > len(FAULT)
    assert quick["problem"].startswith("no column holds its errorRatio")
    page = (folder / "page.html").read_text()
    assert "<li>objective ok: " in page
    assert "<li>objective quick is not evaluated: " in page
    assert "ok_errors</b>" not in page
