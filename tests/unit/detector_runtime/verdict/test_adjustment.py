"""Why a severity is not the model's: the reason beside every move, and none where nothing moves."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import Severity, SLOStatus
from detector_runtime.verdict.adjustment import adjustment, by_budget, disagreement
from detector_runtime.verdict.severity import Subject, Weighed, weighed

NONE, INFO, LOW, MEDIUM, HIGH, CRITICAL = list(Severity)
UNKNOWN, OK, ELEVATED, WARNING, BREACHED = list(SLOStatus)
POLICY = SLOSpec("web")
KEEP = replace(POLICY, allow_downgrade=False)
UNNAMED, FLOORED = Subject(covered=False), Subject(floored=True)
SUBJECTS = (Subject(), UNNAMED, FLOORED, Subject(outage=True))


@pytest.mark.parametrize(
    ("model", "status", "policy", "subject", "severity", "reason"),
    [
        (CRITICAL, OK, POLICY, Subject(), INFO, "unusual, yet within the SLO"),
        (CRITICAL, OK, KEEP, Subject(), LOW, "unusual, yet within the SLO"),
        (CRITICAL, OK, POLICY, FLOORED, INFO, "unusual, yet within the SLO"),
        (HIGH, ELEVATED, POLICY, FLOORED, INFO, "the values are under a floor of the SLO"),
        (CRITICAL, OK, POLICY, UNNAMED, HIGH, "the SLO has no threshold for all of its metrics"),
        (CRITICAL, ELEVATED, POLICY, Subject(), HIGH, "the SLO is not breached"),
        (CRITICAL, WARNING, POLICY, Subject(), HIGH, "the SLO is not breached"),
        (LOW, WARNING, POLICY, Subject(), HIGH, "the SLO is close to a breach"),
        (LOW, BREACHED, POLICY, Subject(), CRITICAL, "the SLO is breached"),
        (NONE, BREACHED, POLICY, Subject(), CRITICAL, "the SLO is breached"),
        (CRITICAL, UNKNOWN, POLICY, Subject(), HIGH, "no SLO is evaluated"),
        (CRITICAL, UNKNOWN, None, Subject(), HIGH, "no SLO is evaluated"),
    ],
)
def test_every_move_has_a_reason(model, status, policy, subject, severity, reason):
    found = weighed(model, status, policy, subject=subject)
    assert found == Weighed(severity, reason)
    assert disagreement(model, found) == f"{reason}: {severity.lower()}"
    assert adjustment(model, model, found) == f"{severity} instead of {model}: {reason}"


@pytest.mark.parametrize("policy", [None, POLICY, KEEP])
@pytest.mark.parametrize("status", list(SLOStatus))
def test_there_is_a_reason_exactly_where_the_severity_moves(policy, status):
    for model, subject, provisional in product(Severity, SUBJECTS, (False, True)):
        found = weighed(model, status, policy, provisional, subject)
        assert bool(found.reason) is (found.severity is not model)
        assert bool(adjustment(model, model, found)) is (found.severity is not model)


def test_a_provisional_model_is_the_reason_for_medium():
    found = weighed(HIGH, ELEVATED, POLICY, provisional=True)
    assert found == Weighed(MEDIUM, "the model is provisional")
    # the SLO alone would leave no more than this
    assert weighed(HIGH, OK, POLICY, provisional=True).reason == "unusual, yet within the SLO"


@pytest.mark.parametrize(
    ("model", "told", "judged", "pattern", "said"),
    [
        (CRITICAL, LOW, Weighed(LOW), "surge", "Low instead of Critical: surge is Low at most"),
        (CRITICAL, LOW, Weighed(INFO, "why"), "surge", "Informational instead of Critical: why"),
        (MEDIUM, CRITICAL, Weighed(CRITICAL), "", "Critical instead of Medium: the values are"),
        # harmful values raise it further than the SLO lets it go: it is still raised, by them
        (MEDIUM, CRITICAL, Weighed(HIGH, "why"), "", "High instead of Medium: the values are"),
        (MEDIUM, HIGH, Weighed(CRITICAL, "why"), "", "Critical instead of Medium: why"),
        # the pattern lowers it, the SLO raises it back above
        (HIGH, LOW, Weighed(CRITICAL, "why"), "surge", "Critical instead of High: why"),
        (HIGH, LOW, Weighed(HIGH, "why"), "surge", ""),
        (INFO, LOW, Weighed(LOW), "surge", "Low instead of Informational: surge is always Low"),
    ],
)
def test_only_what_moved_the_severity_the_way_it_went_is_said(model, told, judged, pattern, said):
    found = adjustment(model, told, judged, pattern)
    assert found.startswith(said)
    assert bool(found) is bool(said)


def test_an_slo_that_takes_back_what_a_pattern_did_does_not_disagree_with_the_model():
    assert disagreement(CRITICAL, weighed(HIGH, BREACHED, POLICY)) == ""
    assert disagreement(HIGH, weighed(HIGH, ELEVATED, POLICY)) == ""


def test_a_burning_budget_has_a_severity_of_its_own():
    assert by_budget(NONE, HIGH) == "High instead of None: the error budget burns too fast"
    assert by_budget(HIGH, HIGH) == ""
