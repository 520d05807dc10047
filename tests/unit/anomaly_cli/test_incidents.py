"""A backtest's incidents are those that the product would have had of the same windows."""

from __future__ import annotations

from dataclasses import replace

from anomaly_cli.incidents import documents, folded
from anomaly_operator.incidents.cycles import cycles
from anomaly_operator.incidents.settings import incident_settings
from anomaly_operator.spec.service import IncidentPlan
from detector_runtime.contract.detection import Finding, SLOEvaluation, WindowReport
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import MAX_WINDOWS, Severity, SLOStatus, Verdict

STEP = 3600
START = 1_704_067_200
WORDS = {"N": Verdict.NORMAL, "A": Verdict.ANOMALOUS, "I": Verdict.INCONCLUSIVE}
SETTINGS = incident_settings("backtest", "backtest", STEP, IncidentPlan())


def report(row: int, verdict: Verdict) -> WindowReport:
    end = iso(START + row * STEP)
    bad = verdict is Verdict.ANOMALOUS
    severity = Severity.HIGH if bad else Severity.NONE
    finding = Finding("metric_a", severity, Severity.CRITICAL, "90%", "6.9", "odd", end)
    return WindowReport(
        *(end, verdict, "always", severity, "90%", "6.9" if bad else "0", "0"),
        findings=(finding,) if bad else (),
        slo=SLOEvaluation(SLOStatus.WARNING if bad else SLOStatus.OK, "0.8" if bad else "0.1"),
    )


def reports(story: str) -> dict[int, WindowReport]:
    """By row; a blank is a window that no model scored."""
    return {row: report(row, WORDS[one]) for row, one in enumerate(story) if one != " "}


def shown(story: str) -> tuple[list[tuple[int, int]], str]:
    found = folded(reports(story), len(story), SETTINGS)
    names = list(dict.fromkeys(found.running.values()))
    running = "".join(
        str(names.index(found.running[row])) if row in found.running else "-"
        for row in range(len(story))
    )
    return [(one.opened, one.seen) for one in found.incidents], running


def test_the_windows_carry_the_slo_and_the_models_severity() -> None:
    (document,) = documents(reports("NA"), STEP)
    normal, anomalous = cycles(document, STEP, START + STEP)
    assert (normal.verdict, normal.slo_status) == (Verdict.NORMAL, SLOStatus.UNKNOWN)
    assert (anomalous.slo_status, anomalous.proximity) == (SLOStatus.WARNING, "0.8")
    assert anomalous.model_severity is Severity.CRITICAL
    assert anomalous.report == reports("NA")[1]


def test_an_incident_runs_from_its_confirmation_to_its_closing() -> None:
    assert shown("NAANANNNNN") == ([(2, 4)], "--00000---")


def test_one_anomalous_window_is_no_incident() -> None:
    assert shown("NANNNNNN") == ([], "--------")


def test_a_detection_after_the_operators_separation_is_another_incident() -> None:
    """Four hours and a second by default at a step of an hour: the grace fits into it, no more."""
    assert shown("AAIIIAA") == ([(1, 6)], "-000000")
    assert shown("AAIIIIAA") == ([(1, 1), (7, 7)], "-00000-1")


def test_an_incident_that_is_back_soon_goes_on() -> None:
    wide = incident_settings("b", "b", STEP, IncidentPlan(reopen_within_seconds=7200))
    found = folded(reports("AANNNA"), 6, wide)
    assert [(one.opened, one.seen) for one in found.incidents] == [(1, 5)]
    assert sorted(found.running) == [1, 2, 3, 5]


def test_windows_that_no_model_scored_open_and_close_nothing() -> None:
    assert shown("AA  NN  N ") == ([(1, 1)], "-0000000--")


def test_long_recordings_come_in_documents_that_a_status_can_hold() -> None:
    story = "N" * MAX_WINDOWS + "A" * 40 + "N" * MAX_WINDOWS
    found = list(documents(reports(story), STEP))
    assert [len(cycles(one, STEP, START + len(story) * STEP)) for one in found] == [64, 64, 64]
    assert shown(story)[0] == [(MAX_WINDOWS + 1, MAX_WINDOWS + 39)]


def test_an_incidents_severity_is_the_highest_so_far() -> None:
    """What comes later does not change what was said before."""
    story = reports("NAAANNNNN")
    worse = replace(story[3], severity=Severity.CRITICAL)
    found = folded({**story, 3: worse}, 9, SETTINGS)
    assert found.severity == {
        2: Severity.HIGH,
        **dict.fromkeys(range(3, 6), Severity.CRITICAL),
    }
    (incident,) = found.incidents
    assert (incident.first, incident.opened, incident.seen, incident.worst) == (1, 2, 3, 3)
    assert (incident.severity, incident.open) == (Severity.CRITICAL, False)


def test_an_incident_of_the_last_rows_is_still_open() -> None:
    (incident,) = folded(reports("NNAA"), 4, SETTINGS).incidents
    assert incident.open
