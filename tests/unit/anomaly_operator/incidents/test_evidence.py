"""What the windows of an incident add up to: severity, patterns, explanation, who is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.state import (
    MAX_PATTERNS,
    UNEXPLAINED,
    Incident,
    IncidentSettings,
    IncidentState,
    SLOResult,
)
from anomaly_operator.incidents.transitions import Transition, TransitionKind, notifies
from detector_runtime.contract.detection import (
    Contribution,
    Finding,
    MetricComparison,
    SLOEvaluation,
    WindowReport,
)
from detector_runtime.contract.vocabulary import Severity, SLOStatus, Verdict

SETTINGS = IncidentSettings(service="checkout", service_uid="uid-1", step_seconds=60)
LATENCY, ERRORS, TRAFFIC = "metric_latency", "metric_errors", "metric_traffic"


def hit(
    minute: int,
    severity: Severity = Severity.MEDIUM,
    *patterns: str,
    score: str = "3",
    slo: SLOStatus = SLOStatus.OK,
    summary: str = "",
    model: Severity = Severity.NONE,
) -> Cycle:
    names = patterns or (LATENCY,)
    return Cycle(
        end=minute * 60,
        verdict=Verdict.ANOMALOUS,
        severity=severity,
        score=score,
        confidence="80%",
        patterns=names,
        slo_status=slo,
        proximity="0.9",
        model_severity=model,
        report=report(minute, names[0], severity, summary) if summary else None,
    )


def quiet(minute: int) -> Cycle:
    return Cycle(minute * 60, Verdict.NORMAL)


def report(minute: int, pattern: str, severity: Severity, summary: str) -> WindowReport:
    metric = Contribution(pattern, "812", "Milliseconds", "100", "200", "4.1x", "0.8")
    finding = Finding(
        pattern, severity, severity, "80%", "3", summary, "", (metric,), (f"look at {pattern}",)
    )
    end = f"1970-01-01T00:{minute:02}:00Z"
    return WindowReport(
        end, Verdict.ANOMALOUS, "night", severity, "80%", "3", "0.001", findings=(finding,)
    )


def folded(
    *cycles: Cycle, settings: IncidentSettings = SETTINGS, newest: WindowReport | None = None
) -> tuple[Incident, list[Transition]]:
    state, transitions = fold_windows(IncidentState(), cycles, settings, newest)
    return state.tracked[0], list(transitions)


def test_escalation_is_an_edge_and_happens_once() -> None:
    incident, transitions = folded(
        hit(1), hit(2), hit(3, Severity.CRITICAL), hit(4, Severity.CRITICAL), hit(5)
    )
    escalations = [one for one in transitions if one.kind is TransitionKind.ESCALATED]
    assert [(one.at, one.severity) for one in escalations] == [(180, Severity.CRITICAL)]
    assert incident.severity is Severity.CRITICAL


def test_deescalation_keeps_the_severity_and_shows_the_current_one() -> None:
    incident, _ = folded(hit(1, Severity.HIGH), hit(2, Severity.HIGH), hit(3, Severity.LOW))
    assert incident.severity is Severity.HIGH
    assert incident.current_severity is Severity.LOW


def test_the_window_that_confirms_an_incident_names_it_and_not_a_lucky_first_one() -> None:
    suspected, _ = folded(hit(1, Severity.MEDIUM, TRAFFIC))
    assert suspected.opening_pattern == TRAFFIC
    opened, transitions = folded(hit(1, Severity.MEDIUM, TRAFFIC), hit(2), hit(3))
    plain, _ = folded(hit(1), hit(2))
    assert opened.opening_pattern == LATENCY
    assert opened.fingerprint == plain.fingerprint != suspected.fingerprint
    assert opened.anomaly == plain.anomaly == transitions[-1].anomaly
    assert [one.name for one in opened.patterns] == [TRAFFIC, LATENCY]


def test_a_first_window_that_is_worst_by_its_score_alone_names_nothing_for_good() -> None:
    first = hit(1, Severity.MEDIUM, TRAFFIC, score="9", summary="gone")
    incident, _ = folded(first, hit(2, score="5", summary="slow"), hit(3, score="6"))
    assert (incident.pattern, incident.summary) == (LATENCY, "slow")
    assert (incident.score, incident.worst_at, incident.severity) == ("9", 60, Severity.MEDIUM)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (hit(1, Severity.HIGH, TRAFFIC), hit(2)),
        (hit(1, Severity.MEDIUM, TRAFFIC, model=Severity.HIGH), hit(2)),
        (hit(1, Severity.MEDIUM, TRAFFIC, score="9"), hit(2, Severity.MEDIUM, LATENCY, TRAFFIC)),
    ],
    ids=["more severe", "more severe by the model", "seen again"],
)
def test_a_first_window_that_is_worse_or_not_alone_gives_its_name(
    first: Cycle, second: Cycle
) -> None:
    assert folded(first, second, hit(3))[0].pattern == TRAFFIC


def test_the_first_window_of_a_relapse_takes_no_name_away_before_the_next_one() -> None:
    story = [hit(1), hit(2, summary="slow"), quiet(3)]
    back = hit(4, Severity.MEDIUM, ERRORS, score="9", summary="failing")
    incident, _ = folded(*story, back)
    assert (incident.pattern, incident.summary, incident.score) == (LATENCY, "slow", "9")
    assert incident.current_summary == "failing"
    confirmed, _ = folded(*story, back, hit(5, Severity.MEDIUM, ERRORS, summary="failing on"))
    assert (confirmed.pattern, confirmed.summary) == (ERRORS, "failing on")
    assert folded(*story, back, hit(5))[0].pattern == LATENCY
    graver = hit(4, Severity.HIGH, ERRORS, summary="failing")
    assert folded(*story, graver)[0].pattern == ERRORS


def test_the_impact_comes_with_the_explanation_of_the_worst_window() -> None:
    full = report(2, ERRORS, Severity.HIGH, "requests fail")
    told = replace(full, findings=(replace(full.findings[0], impact="customers see errors"),))
    worst = replace(hit(2, Severity.HIGH, ERRORS), report=told)
    incident, _ = folded(hit(1, summary="slow"), worst, hit(3, summary="slow again"))
    assert (incident.summary, incident.impact) == ("requests fail", "customers see errors")


def test_the_worst_window_gives_pattern_score_confidence_and_slo() -> None:
    worst = hit(3, Severity.HIGH, ERRORS, score="8.1", slo=SLOStatus.BREACHED)
    incident, _ = folded(hit(1, score="9.9"), hit(2), worst, hit(4, Severity.HIGH, score="4"))
    assert (incident.opening_pattern, incident.pattern) == (LATENCY, ERRORS)
    assert (incident.score, incident.slo.status) == ("8.1", SLOStatus.BREACHED)


def test_scores_are_compared_as_numbers() -> None:
    incident, _ = folded(hit(1, score="9.9"), hit(2, score="10"))
    assert incident.score == "10"


def test_patterns_join_with_first_and_last_sight() -> None:
    incident, transitions = folded(
        hit(1), hit(2), hit(3, Severity.LOW, ERRORS, LATENCY), hit(4), quiet(5)
    )
    sights = {one.name: (one.first_seen, one.last_seen, one.severity) for one in incident.patterns}
    assert sights == {
        LATENCY: (60, 240, Severity.MEDIUM),
        ERRORS: (180, 180, Severity.LOW),
    }
    updated = [one for one in transitions if one.kind is TransitionKind.UPDATED]
    assert [one.at for one in updated] == [180]
    assert ERRORS in updated[0].message


def test_the_list_of_patterns_is_bounded_and_keeps_the_opening_and_the_worst() -> None:
    others = [hit(3 + n, Severity.LOW, f"metric_{n}") for n in range(12)]
    incident, _ = folded(hit(1), hit(2, Severity.CRITICAL, ERRORS), *others)
    names = [one.name for one in incident.patterns]
    assert len(names) == MAX_PATTERNS
    assert {LATENCY, ERRORS, "metric_11"} <= set(names)


def test_a_window_without_any_finding_is_unexplained_and_informational() -> None:
    bare = Cycle(60, Verdict.ANOMALOUS)
    incident, _ = folded(bare)
    assert incident.pattern == UNEXPLAINED
    assert incident.severity is Severity.INFORMATIONAL


def test_the_explanation_is_of_the_worst_window_that_was_explained() -> None:
    incident, _ = folded(
        hit(1, summary="slow"),
        hit(2, Severity.HIGH, ERRORS, summary="failing"),
        hit(3, Severity.LOW, summary="slow again"),
    )
    assert incident.summary == "failing"
    assert incident.contributions[0].metric == ERRORS
    assert incident.recommended_actions == (f"look at {ERRORS}",)


def test_a_window_just_as_bad_or_less_so_leaves_the_words_alone() -> None:
    """Metrics that are slow to come back are not what the incident was about."""
    incident, _ = folded(
        hit(1, Severity.HIGH, score="6", summary="slow"),
        hit(2, Severity.HIGH, score="8", summary="slower"),
        hit(3, Severity.HIGH, ERRORS, score="8", summary="failing"),
        hit(4, Severity.HIGH, ERRORS, score="7.9", summary="recovering"),
    )
    assert (incident.summary, incident.score, incident.pattern) == ("slower", "8", LATENCY)


def test_under_a_cap_the_words_stay_those_of_the_fault_and_not_of_its_end() -> None:
    """A provisional model caps at Medium, and the smoothed score peaks just after the fault."""
    fault = [
        hit(n, Severity.MEDIUM, score="6.9", summary="slow", model=Severity.CRITICAL)
        for n in (1, 2, 3)
    ]
    tail = hit(4, Severity.MEDIUM, TRAFFIC, score="9", summary="usual", model=Severity.MEDIUM)
    incident, _ = folded(*fault, tail)
    assert (incident.summary, incident.contributions[0].metric) == ("slow", LATENCY)
    assert incident.recommended_actions == (f"look at {LATENCY}",)
    assert (incident.pattern, incident.score) == (LATENCY, "6.9")
    assert incident.model_severity is Severity.CRITICAL


def test_the_severity_comes_before_that_of_the_model_and_the_score_after_it() -> None:
    low = hit(1, Severity.LOW, score="9", model=Severity.CRITICAL)
    breached = hit(2, Severity.CRITICAL, ERRORS, score="1")
    assert folded(low, breached)[0].pattern == ERRORS
    higher = hit(2, Severity.LOW, ERRORS, score="9.5", model=Severity.CRITICAL)
    assert folded(low, higher)[0].pattern == ERRORS
    assert folded(breached, higher)[0].model_severity is Severity.NONE


def test_where_the_worst_window_has_no_words_those_at_hand_stay() -> None:
    incident, _ = folded(
        hit(1, summary="slow"), hit(2, Severity.HIGH), hit(3, summary="slow again")
    )
    assert incident.summary == "slow"
    incident, _ = folded(hit(1, Severity.HIGH), hit(2, summary="slow"))
    assert incident.summary == "slow"


def test_an_incident_that_is_back_keeps_the_words_of_its_worst_window() -> None:
    worst = hit(2, Severity.CRITICAL, summary="down")
    quiet_ones = [quiet(minute) for minute in (3, 4, 5)]
    again = hit(6, summary="slow")
    incident, _ = folded(hit(1, summary="slow"), worst, *quiet_ones, again)
    assert (incident.reopened, incident.summary) == (1, "down")


def test_an_incident_without_a_report_has_no_explanation_and_still_opens() -> None:
    incident, _ = folded(hit(1), hit(2))
    assert incident.confirmed
    assert incident.summary == ""


@pytest.mark.parametrize(("newest_minute", "known"), [(4, False), (5, True), (9, False)])
def test_the_context_of_a_closing_is_that_of_the_window_that_closed_it(
    newest_minute: int, known: bool
) -> None:
    newest = WindowReport(
        end=f"1970-01-01T00:0{newest_minute}:00Z",
        verdict=Verdict.NORMAL,
        period="night",
        severity=Severity.NONE,
        confidence="90%",
        score="0.2",
        probability="0.6",
        slo=SLOEvaluation(SLOStatus.OK, "0.4"),
        comparison=(MetricComparison("latency", "120", "110", "0.4", "190"),) * 9,
    )
    incident, _ = folded(hit(1), hit(2), quiet(3), quiet(4), quiet(5), newest=newest)
    assert (incident.context is not None) is known
    if incident.context is not None:
        assert incident.context.at == newest_minute * 60
        assert incident.context.slo == SLOResult(SLOStatus.OK, "0.4")
        assert len(incident.context.metrics) == 5


def edges(*cycles: Cycle) -> list[str]:
    return [one.kind.value for one in folded(*cycles)[1]]


@pytest.mark.parametrize("severity", [Severity.INFORMATIONAL, Severity.LOW])
def test_a_minor_incident_has_all_edges_and_wakes_nobody(severity: Severity) -> None:
    minor = [hit(n, severity) for n in (1, 2)]
    closed = [*minor, quiet(3), quiet(4), quiet(5)]
    assert edges(*closed) == ["Suspected", "Opened", "Recovering", "Closed"]
    assert not notifies(folded(*closed)[0].severity)


@pytest.mark.parametrize("severity", [Severity.INFORMATIONAL, Severity.LOW])
@pytest.mark.parametrize("worse", [Severity.MEDIUM, Severity.HIGH])
def test_a_minor_incident_that_grows_worse_wakes_people_then(
    severity: Severity, worse: Severity
) -> None:
    grown = [hit(1, severity), hit(2, severity), hit(3, worse)]
    assert edges(*grown)[1:] == ["Opened", "Escalated"]
    assert notifies(folded(*grown)[0].severity)


def test_flapping_inside_the_grace_opens_once() -> None:
    flapping = [hit(1), hit(2)]
    for minute in range(3, 23, 2):
        flapping += [quiet(minute), hit(minute + 1)]
    found = edges(*flapping)
    assert [found.count(edge) for edge in ("Opened", "Reopened", "Closed")] == [1, 0, 0]


def test_an_edge_says_the_same_whenever_it_is_told() -> None:
    once = folded(hit(1), hit(2), quiet(3), quiet(4), quiet(5))[1]
    again = folded(hit(1, score="5"), hit(2), quiet(3), quiet(4), quiet(5))[1]
    assert once == again
    assert len({(one.anomaly, one.kind, one.at) for one in once}) == len(once)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            TransitionKind.SUSPECTED,
            "metric_latency is suspected; 2 consecutive anomalous windows confirm it.",
        ),
        (
            TransitionKind.OPENED,
            "Anomaly NAME opened after 2 anomalous windows: metric_latency, severity Medium.",
        ),
        (
            TransitionKind.RECOVERING,
            (
                "Anomaly NAME is recovering: metric_latency, severity Medium; it closes after 2 "
                "more normal windows."
            ),
        ),
        (
            TransitionKind.CLOSED,
            (
                "Anomaly NAME closed as resolved after 3 normal windows in a row; it lasted 2m, "
                "with 2 anomalous windows in all."
            ),
        ),
    ],
)
def test_messages_name_the_pattern_the_severity_and_the_figure(
    kind: TransitionKind, message: str
) -> None:
    transitions = folded(hit(1), hit(2), quiet(3), quiet(4), quiet(5))[1]
    found = next(one for one in transitions if one.kind is kind)
    assert found.message == message.replace("NAME", found.anomaly)


def test_no_pattern_is_told_to_join_an_incident_that_has_it() -> None:
    """Neither the one that opened it nor one that is seen again, relapsed or reopened."""
    story = [hit(1), hit(2), hit(3, Severity.MEDIUM, "metric_errors", "metric_latency")]
    story += [quiet(4), hit(5), quiet(6), quiet(7), quiet(8), hit(9), hit(10)]
    told = [edge for edge in folded(*story)[1] if edge.kind is TransitionKind.UPDATED]
    assert [edge.message.partition(" now includes ")[2] for edge in told] == [
        "metric_errors; its severity remains Medium."
    ]
