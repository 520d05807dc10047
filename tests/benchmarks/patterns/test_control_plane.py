"""Each row of the table, as the API server shows it in the end: `make bench-patterns`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from anomaly_sandbox.cluster import Sandbox
from benchmarks.patterns.control_plane import play
from benchmarks.patterns.row_found import Found
from benchmarks.patterns.shop_table import TABLE
from watched.namespace import namespace, with_crds

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "## On the control plane"


def test_each_row_of_the_table(sandbox: Sandbox, prometheus_url: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with namespace(with_crds(sandbox), "patterns") as watched:
        found = play(watched, prometheus_url, tmp_path, TABLE)
    text = section(found, time.monotonic() - began)
    print(text)
    before = RESULTS.read_text().split(HEADING)[0]
    RESULTS.write_text(f"{before}{text}")
    problems = [f"{one.watch}: {one.row.trouble}: {one.problems}" for one in found if one.problems]
    assert not problems, "\n".join(problems)


INTRODUCTION = """\
Measured on {day} with `make bench-patterns`, in {minutes} minutes: {services} services of the
simulated shop, each with a week of history, a training, and a scoring run that judges the last hour
at once. Control plane, Prometheus, operator and pods are real, and everything is read from the API
server. What was expected stands in `shop_table.py`.
"""
HEADER = (
    "| trouble | patterns, that of the Anomaly first | SLO | severity (of the model) | actions |"
    " end | |"
)


def section(found: Sequence[Found], seconds: float) -> str:
    right = sum(not one.problems for one in found)
    day = time.strftime("%Y-%m-%d", time.gmtime())
    said = INTRODUCTION.format(day=day, minutes=round(seconds / 60), services=len(TABLE))
    rows = [HEADER, "| --- | --- | --- | --- | --- | --- | --- |", *(_line(one) for one in found)]
    return "\n".join([HEADING, "", said, *rows, "", f"As expected: {right} of {len(found)}.", ""])


def _line(one: Found) -> str:
    verdict = "; ".join(one.problems) or "as expected"
    if not one.anomaly:
        shown = f"none ({one.suspicions} anomalous windows)" if one.suspicions else "none"
        return f"| {one.row.trouble} | {shown} | | | Suspected, Expired | | {verdict} |"
    others = (name for name in one.patterns if name != one.pattern)
    names = ", ".join(f"`{name}`" for name in (one.pattern, *others))
    actions = ", ".join(one.ordered_actions)
    severity = f"{one.severity} ({one.model or 'None'})"
    end = one.resolution or "open"
    return (
        f"| {one.row.trouble} | {names} | {one.slo} | {severity} | {actions} | {end} | {verdict} |"
    )
