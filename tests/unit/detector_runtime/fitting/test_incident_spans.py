"""Spans of rows are the incidents that the operator's folding makes of the same windows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from anomaly_cli.incidents import folded
from anomaly_operator.incidents.state import IncidentSettings
from detector_runtime.contract.detection import Finding, WindowReport
from detector_runtime.contract.run_config import IncidentSpec
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Severity, Verdict
from detector_runtime.fitting.incident_spans import incident_spans

STEP = 60
ROWS = 400


@pytest.mark.parametrize("confirmation", [1, 2, 3, 5])
@pytest.mark.parametrize("grace", [1, 3])
@pytest.mark.parametrize("reopen", [0, 300, 1800])
def test_spans_are_those_of_the_operators_folding(
    confirmation: int, grace: int, reopen: int
) -> None:
    for seed, missing in product(range(4), (0.0, 0.3)):
        rng = np.random.default_rng(seed)
        present = rng.random(ROWS) >= missing
        anomalous = present & (
            np.repeat(rng.random(ROWS // 4) < 0.25, 4) | (rng.random(ROWS) < 0.05)
        )
        separation = (grace + 1) * STEP + 1
        settings = IncidentSettings("s", "s", STEP, confirmation, grace, separation, reopen)
        rules = IncidentSpec(confirmation, grace, separation, reopen)
        reports = {row: report(row, bool(anomalous[row])) for row in np.flatnonzero(present)}
        expected = [(one.opened, one.seen) for one in folded(reports, ROWS, settings).incidents]
        assert incident_spans(anomalous, STEP, rules, present) == expected


def report(row: int, bad: bool) -> WindowReport:
    end, high = iso(STEP * (int(row) + 1)), Severity.HIGH
    finding = Finding("metric_x", high, high, "90%", "5", "x is high", end)
    return WindowReport(
        end=end,
        verdict=Verdict.ANOMALOUS if bad else Verdict.NORMAL,
        period="always",
        severity=high if bad else Severity.NONE,
        confidence="90%",
        score="5" if bad else "0",
        probability="0.1",
        findings=(finding,) if bad else (),
    )


def test_windows_longer_than_the_separation_still_make_an_incident() -> None:
    anomalous = np.array([False, True, True, True, False])
    assert incident_spans(anomalous, 3600, IncidentSpec()) == [(2, 3)]
