"""Which window of a stretch is the worst: one order for the scoring pod and for the operator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.incidents.cycles import cycles
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.state import IncidentSettings, IncidentState
from detector_runtime.commands.span import Scored, Span, joined
from detector_runtime.contract.detection import (
    Detection,
    Finding,
    RunStatus,
    WindowReport,
    window_order,
)
from detector_runtime.contract.text import iso, unix
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict

STEP = 60
START = 1_795_348_800
RUN = RunStatus(RunOutcome.SUCCEEDED)
SETTINGS = IncidentSettings(service="checkout", service_uid="u", step_seconds=STEP)


def window(number: int, severity: Severity, model: Severity, score: str) -> WindowReport:
    end = iso(START + number * STEP)
    finding = Finding(f"metric_{number}", severity, model, "90%", score, "odd", end)
    return WindowReport(
        *(end, Verdict.ANOMALOUS, "night", severity, "90%", score, "0"), findings=(finding,)
    )


def document(reports: tuple[WindowReport, ...], previous: Detection | None = None) -> Detection:
    span = Span(START, START + len(reports) * STEP, STEP)
    return joined(previous, Scored(span, reports, RunOutcome.SUCCEEDED), "r", RUN)


def test_severity_decides_then_the_models_then_the_score_as_a_number() -> None:
    low, medium, high = Severity.LOW, Severity.MEDIUM, Severity.HIGH
    rising = [
        window_order(low, high, "9"),
        window_order(medium, low, "9.9"),
        window_order(medium, low, "10"),
        window_order(medium, medium, "1"),
    ]
    assert rising == sorted(rising)
    assert len(set(rising)) == len(rising)


@pytest.mark.parametrize("score", ["", "high", "nan", "inf"])
def test_a_score_that_is_no_number_counts_as_none(score: str) -> None:
    assert window_order(Severity.LOW, Severity.LOW, score)[2] == 0.0


def test_an_anomalous_window_without_a_severity_counts_as_informational() -> None:
    nothing, lowest = Severity.NONE, Severity.INFORMATIONAL
    assert window_order(nothing, nothing, "1") == window_order(lowest, nothing, "1")


@pytest.mark.parametrize(
    "reports",
    [
        (
            window(1, Severity.MEDIUM, Severity.HIGH, "4"),
            window(2, Severity.MEDIUM, Severity.MEDIUM, "9"),
        ),
        (
            window(1, Severity.MEDIUM, Severity.HIGH, "4"),
            window(2, Severity.MEDIUM, Severity.HIGH, "4.0"),
        ),
        (
            window(1, Severity.NONE, Severity.LOW, "4"),
            window(2, Severity.INFORMATIONAL, Severity.NONE, "9"),
        ),
    ],
)
def test_the_pod_explains_the_window_that_the_operator_takes_for_the_worst(
    reports: tuple[WindowReport, ...],
) -> None:
    found = document(reports)
    state, _ = fold_windows(IncidentState(), cycles(found, STEP, START + 3600), SETTINGS)
    assert found.anomaly is not None
    assert state.tracked[0].worst_at == unix(found.anomaly.end)
    assert found.anomaly == reports[0]


def test_a_score_that_another_writer_left_does_not_stop_the_scoring() -> None:
    first = window(1, Severity.HIGH, Severity.HIGH, "4")
    before = document((first,))
    assert before.anomaly is not None
    odd = replace(before, anomaly=replace(before.anomaly, score="high"))
    second = replace(window(2, Severity.LOW, Severity.LOW, "3"))
    span = Span(START + STEP, START + 2 * STEP, STEP)
    after = joined(odd, Scored(span, (second,), RunOutcome.SUCCEEDED), "r", RUN)
    assert after.anomaly == odd.anomaly
