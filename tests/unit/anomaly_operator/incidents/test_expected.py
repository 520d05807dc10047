"""What a person calls normal ends an incident and opens none for a while. It hides no worse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.expected import Judgement, covered, judge, without_old
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.state import (
    MAX_RULES,
    ExpectedRule,
    IncidentSettings,
    IncidentState,
    PatternSight,
    Resolution,
    Verdict,
)
from anomaly_operator.incidents.transitions import TransitionKind
from anomaly_operator.incidents.wire import parse, render, render_expected
from anomaly_operator.spec.expected import Expectation
from detector_runtime.contract.vocabulary import Severity, SLOStatus
from detector_runtime.contract.vocabulary import Verdict as Window

DAY = 86_400
SETTINGS = IncidentSettings(service="checkout", service_uid="uid-1", step_seconds=60)
MEMORY = "metric_memory"


def hit(
    minute: int,
    severity: Severity = Severity.HIGH,
    patterns: tuple[str, ...] = (MEMORY,),
    slo: SLOStatus = SLOStatus.OK,
) -> Cycle:
    return Cycle(60 * minute, Window.ANOMALOUS, severity, "5", "90%", patterns, slo)


def quiet(minute: int) -> Cycle:
    return Cycle(60 * minute, Window.NORMAL)


def opened() -> IncidentState:
    return fold_windows(IncidentState(), [hit(1), hit(2), hit(3)], SETTINGS)[0]


def said(state: IncidentState, verdict: Verdict | None, **changes: int) -> Judgement:
    return replace(Judgement(state.tracked[0].anomaly, verdict), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [Verdict.EXPECTED, Verdict.FALSE_POSITIVE])
def test_it_closes_the_incident_at_once_with_that_reason(verdict: Verdict) -> None:
    state = opened()
    after, edges = judge(state, [said(state, verdict)], SETTINGS, 200)
    assert after.running is None
    assert after.tracked[0].resolution == Resolution(verdict.value)
    assert [edge.kind for edge in edges] == [TransitionKind.CLOSED]
    assert verdict.value in edges[0].message
    assert after.judged_at == 200
    assert [(rule.pattern, rule.severity, rule.until) for rule in after.expected] == [
        (MEMORY, Severity.HIGH, 200 + DAY)
    ]


def test_the_same_verdict_again_changes_nothing() -> None:
    state = opened()
    once, _ = judge(state, [said(state, Verdict.EXPECTED)], SETTINGS, 200)
    assert judge(once, [said(state, Verdict.EXPECTED)], SETTINGS, 900) == (once, ())
    assert judge(once, [said(state, Verdict.EXPECTED, at=200)], SETTINGS, 900) == (once, ())


def test_windows_like_it_open_no_incident_until_the_rule_ends() -> None:
    state = opened()
    state, _ = judge(state, [said(state, Verdict.EXPECTED, until=600)], SETTINGS, 200)
    calm, edges = fold_windows(state, [hit(minute) for minute in range(4, 11)], SETTINGS)
    assert (calm, edges) == (state, ())
    _, edges = fold_windows(calm, [hit(11), hit(12)], SETTINGS)
    assert [edge.kind for edge in edges] == [TransitionKind.SUSPECTED, TransitionKind.OPENED]


@pytest.mark.parametrize(
    "worse",
    [
        {"severity": Severity.CRITICAL},
        {"slo": SLOStatus.BREACHED},
        {"patterns": (MEMORY, "metric_errors")},
        {"patterns": ("slo_breach",)},
    ],
)
def test_what_is_worse_than_then_opens_an_incident_of_its_own(worse: dict[str, object]) -> None:
    state = opened()
    first = state.tracked[0].anomaly
    state, _ = judge(state, [said(state, Verdict.EXPECTED)], SETTINGS, 200)
    windows = [hit(minute, **worse) for minute in (4, 5)]  # type: ignore[arg-type]
    after, edges = fold_windows(state, windows, SETTINGS)
    assert TransitionKind.OPENED in [edge.kind for edge in edges]
    assert after.running is not None
    assert after.running.anomaly != first


def test_a_breach_is_never_hidden_even_if_it_was_there_when_somebody_spoke() -> None:
    breached = [hit(minute, slo=SLOStatus.BREACHED) for minute in (1, 2, 3)]
    state, _ = fold_windows(IncidentState(), breached, SETTINGS)
    state, _ = judge(state, [said(state, Verdict.EXPECTED)], SETTINGS, 200)
    assert state.running is None
    again = [hit(minute, slo=SLOStatus.BREACHED) for minute in (4, 5)]
    _, edges = fold_windows(state, again, SETTINGS)
    assert [edge.kind for edge in edges] == [TransitionKind.SUSPECTED, TransitionKind.OPENED]
    assert fold_windows(state, [hit(4), hit(5)], SETTINGS) == (state, ())


def test_a_true_positive_keeps_the_incident_open_and_withdraws_the_rules() -> None:
    state = opened()
    expected, _ = judge(state, [said(state, Verdict.EXPECTED)], SETTINGS, 200)
    for verdict in (Verdict.TRUE_POSITIVE, None):
        after, edges = judge(expected, [said(state, verdict)], SETTINGS, 300)
        assert (after.expected, edges) == ((), ())
        assert judge(state, [said(state, verdict)], SETTINGS, 300) == (state, ())


def test_a_verdict_on_a_closed_incident_counts_and_closes_nothing() -> None:
    closed, _ = fold_windows(opened(), [quiet(4), quiet(5), quiet(6)], SETTINGS)
    after, edges = judge(closed, [said(closed, Verdict.EXPECTED)], SETTINGS, 400)
    assert edges == ()
    assert after.tracked == closed.tracked
    assert (after.judged_at, len(after.expected)) == (400, 1)


def test_a_verdict_on_a_forgotten_incident_is_read_from_its_object() -> None:
    sight = PatternSight(MEMORY, 60, 120, Severity.MEDIUM)
    forgotten = Judgement("checkout-x", Verdict.EXPECTED, patterns=(sight,), slo=SLOStatus.WARNING)
    state, _ = judge(IncidentState(), [forgotten], SETTINGS, 400)
    assert covered(hit(5, Severity.MEDIUM, slo=SLOStatus.WARNING), state.expected)
    assert not covered(hit(5, Severity.HIGH), state.expected)


def test_a_rule_lasts_ninety_days_at_most() -> None:
    state = opened()
    state, _ = judge(state, [said(state, Verdict.EXPECTED, until=400 * DAY)], SETTINGS, 200)
    assert state.expected[0].until == 200 + 90 * DAY


def test_rules_are_bounded_and_the_ones_that_end_first_go() -> None:
    rules = tuple(
        ExpectedRule(f"metric_{n}", Severity.HIGH, 10_000 + n, 10, f"a-{n}", Verdict.EXPECTED)
        for n in range(MAX_RULES)
    )
    state = replace(opened(), expected=rules)
    state, _ = judge(state, [said(state, Verdict.EXPECTED)], SETTINGS, 200)
    assert len(state.expected) == MAX_RULES
    assert "metric_0" not in {rule.pattern for rule in state.expected}
    assert MEMORY in {rule.pattern for rule in state.expected}


def test_rules_are_forgotten_when_no_window_can_fall_under_them() -> None:
    state = opened()
    state, _ = judge(state, [said(state, Verdict.EXPECTED, until=600)], SETTINGS, 200)
    assert without_old(state, 60, 700) == state
    assert without_old(state, 60, 600 + 64 * 60).expected == ()


def test_rules_are_written_and_read_back() -> None:
    state = opened()
    state, _ = judge(state, [said(state, Verdict.EXPECTED)], SETTINGS, 200)
    assert "expected" not in render(state)
    assert parse(render(state), render_expected(state)) == state


def test_a_verdict_whose_time_is_over_is_taken_up_once_and_covers_nothing() -> None:
    state = opened()
    once, _ = judge(state, [said(state, Verdict.EXPECTED, until=100)], SETTINGS, 200)
    assert judge(once, [said(state, Verdict.EXPECTED, until=100)], SETTINGS, 260) == (once, ())
    assert not covered(hit(4), once.expected)


DECLARED = replace(SETTINGS, expected=(Expectation(MEMORY, 600),))


def test_what_the_spec_expects_opens_no_incident_until_it_ends() -> None:
    windows = [hit(minute, Severity.MEDIUM) for minute in range(1, 11)]
    assert fold_windows(IncidentState(), windows, DECLARED) == (IncidentState(), ())
    later = [hit(minute, Severity.MEDIUM) for minute in (11, 12)]
    _, edges = fold_windows(IncidentState(), later, DECLARED)
    assert [edge.kind for edge in edges] == [TransitionKind.SUSPECTED, TransitionKind.OPENED]


@pytest.mark.parametrize(
    "worse",
    [
        {"severity": Severity.HIGH},
        {"slo": SLOStatus.BREACHED},
        {"patterns": (MEMORY, "metric_errors")},
        {"patterns": ()},
    ],
)
def test_the_spec_hides_nothing_worse_than_it_says(worse: dict[str, object]) -> None:
    changed = {"severity": Severity.MEDIUM, **worse}
    windows = [hit(minute, **changed) for minute in (1, 2)]  # type: ignore[arg-type]
    assert fold_windows(IncidentState(), windows, DECLARED)[0].running is not None


def test_a_severity_that_the_spec_allows_is_expected_without_a_breach() -> None:
    high = replace(SETTINGS, expected=(Expectation(MEMORY, 600, severity=Severity.HIGH),))
    calm = [hit(1, slo=SLOStatus.WARNING), hit(2, slo=SLOStatus.WARNING)]
    assert fold_windows(IncidentState(), calm, high)[0].running is None
    assert fold_windows(IncidentState(), [hit(1, Severity.CRITICAL)], high)[0].running is not None


def test_the_spec_and_feedback_cover_a_window_together() -> None:
    state, _ = judge(opened(), [said(opened(), Verdict.EXPECTED)], SETTINGS, 200)
    both = replace(SETTINGS, expected=(Expectation("metric_errors", 900, severity=Severity.HIGH),))
    windows = [hit(minute, patterns=(MEMORY, "metric_errors")) for minute in (4, 5)]
    assert fold_windows(state, windows, both) == (state, ())


def test_an_incident_that_the_spec_expects_from_now_on_closes_as_resolved() -> None:
    first = [hit(minute, Severity.MEDIUM) for minute in (1, 2)]
    begun, _ = fold_windows(IncidentState(), first, SETTINGS)
    windows = [hit(minute, Severity.MEDIUM) for minute in (3, 4, 5)]
    after, edges = fold_windows(begun, windows, DECLARED)
    assert after.tracked[0].resolution is Resolution.RESOLVED
    assert [edge.kind for edge in edges] == [TransitionKind.RECOVERING, TransitionKind.CLOSED]
