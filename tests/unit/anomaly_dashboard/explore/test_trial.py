"""A trial finds what `kubectl-anomaly backtest` finds on the same data, to the letter."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaly_cli.__main__ import main
from anomaly_dashboard.explore import job as jobs
from anomaly_dashboard.explore import tried as findings
from anomaly_dashboard.explore import worker
from anomaly_dashboard.explore.manifest import yaml_of
from anomaly_dashboard.explore.recording_csv import lines
from anomaly_dashboard.explore.trial import tried
from anomaly_dashboard.explore.tried import Tried
from anomaly_operator.api.text import to_text
from anomaly_operator.settings.values import Settings
from detector_runtime.contract.vocabulary import Severity
from unit.anomaly_dashboard.explore.recorded import POLICY, WARMUP, frame, job, service

REFIT = 7 * 86_400
DETECTOR = {"members": [{"name": "IsolationForest", "trees": 50}, {"name": "Seasonal"}]}


@pytest.fixture(scope="module")
def found() -> tuple[Tried, ...]:
    """Through the pipe, as the page gets it."""
    rules = {"separation": "6h", "confirmationCycles": 5}
    asked = job(REFIT, incidents=rules)
    sides = tuple(
        replace(side, service=service(**{**side.service["spec"], "detector": DETECTOR}))
        for side in asked.sides
    )
    given = jobs.dumped(replace(asked, sides=sides))
    out = io.StringIO()
    assert worker.work(io.StringIO(given), out, Settings()) == 0
    *progress, last = [json.loads(line) for line in out.getvalue().splitlines()]
    assert progress
    assert progress[-1]["progress"][0] == progress[-1]["progress"][1]
    return findings.loaded(last["result"])


@pytest.mark.parametrize(("side", "cycles"), [(0, None), (1, 5)])
def test_its_incidents_are_those_of_the_backtest(
    side: int,
    cycles: int | None,
    found: tuple[Tried, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = {"separation": "6h", **({"confirmationCycles": cycles} if cycles else {})}
    (tmp_path / "recording.csv").write_text("".join(lines(frame())))
    (tmp_path / "service.yaml").write_text(
        yaml_of([service(incidents=rules, detector=DETECTOR), POLICY])
    )
    arguments = ["backtest", "--data", str(tmp_path / "recording.csv"), "--json"]
    arguments += ["--file", str(tmp_path / "service.yaml"), "--warmup", str(WARMUP)]
    assert main([*arguments, "--refit", "7d"]) == 0
    told = json.loads(capsys.readouterr().out)
    one = found[side]
    assert [
        (each.name, to_text(each.start), to_text(each.end), each.open, each.severity.value,
         each.metric, each.pattern, each.sentence, each.windows)
        for each in one.incidents
    ] == [
        (each["name"], each["from"], each["to"], each["open"], each["severity"], each["metric"],
         each["pattern"], each["sentence"], each["anomalousWindows"])
        for each in told["incidents"]
    ]  # fmt: skip
    assert one.incidents
    assert one.policy == told["sloPolicy"] == "web"
    assert one.models == told["modelsTrained"] > 1
    assert [one.windows, one.anomalous, one.inconclusive] == [
        told["scored"][key] for key in ("windows", "anomalous", "inconclusive")
    ]
    weeks = one.days / 7
    for ours, theirs in zip(one.expected, told["falseIncidents"], strict=True):
        assert ours.severity.value == theirs["severityAtLeast"]
        assert ours.per_week * weeks == pytest.approx(theirs["predicted"])
        assert ours.found == theirs["found"]


def test_both_sides_have_their_curves_and_the_new_one_other_incidents(
    found: tuple[Tried, ...],
) -> None:
    old, new = found
    assert (old.label, new.label) == ("old", "new")
    assert len(old.curves) == len(frame()) - WARMUP
    assert old.units == ("Seconds", "None")
    inside = old.curves.values[:50, 1]
    assert np.nanmean((inside > old.curves.low[:50, 1]) & (inside < old.curves.high[:50, 1])) > 0.8
    assert old.curves.values[100, 0] > old.curves.high[100, 0]
    assert old.at_least(Severity.LOW) >= old.at_least(Severity.HIGH)
    assert sum(one.windows for one in old.incidents) > 0


def test_values_arrive_through_the_pipe_as_they_left() -> None:
    before = job()
    after = jobs.loaded(jobs.dumped(before))
    assert after.sides[0].frame is after.sides[1].frame
    left, right = before.sides[0].frame, after.sides[0].frame
    assert np.array_equal(left.values, right.values, equal_nan=True)
    assert np.array_equal(left.times, right.times)
    assert left.undefined is not None
    assert right.undefined is not None
    assert np.array_equal(left.undefined, right.undefined)
    assert after.sides[0].service == before.sides[0].service


def test_curves_are_thinned_before_they_are_sent() -> None:
    given = job(quick=True, points=50)
    found = tried(replace(given, sides=given.sides[:1]), Settings(), lambda _, __: None)
    assert 25 <= len(found[0].curves) <= 50


def test_what_cannot_be_planned_is_an_error_in_words() -> None:
    given = job(metrics=[{"name": "elsewhere", "query": "e"}, {"name": "rate", "query": "r"}])
    given = replace(given, sides=given.sides[1:])
    out = io.StringIO()
    assert worker.work(io.StringIO(jobs.dumped(given)), out, Settings()) == 0
    assert "no column 'elsewhere'" in json.loads(out.getvalue().splitlines()[-1])["error"]
