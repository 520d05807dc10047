"""The life cycle as strings: A anomalous, N normal, I inconclusive, `.` never scored."""

from __future__ import annotations

import pytest

from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.state import (
    IncidentPhase,
    IncidentSettings,
    IncidentState,
    Resolution,
)
from anomaly_operator.incidents.transitions import Transition, TransitionKind
from detector_runtime.contract.vocabulary import Severity, Verdict

STEP = 60
SETTINGS = IncidentSettings(service="checkout", service_uid="uid-1", step_seconds=STEP)
VERDICTS = {"A": Verdict.ANOMALOUS, "N": Verdict.NORMAL, "I": Verdict.INCONCLUSIVE}


def windows(
    story: str,
    start: int = 1,
    severity: Severity = Severity.HIGH,
    patterns: tuple[str, ...] = ("metric_latency",),
    score: str = "7.4",
) -> list[Cycle]:
    """One window a letter, the first one ending at `start` steps."""
    return [
        Cycle(index * STEP, VERDICTS[letter], severity, score, "90%", patterns)
        if letter == "A"
        else Cycle(index * STEP, VERDICTS[letter])
        for index, letter in enumerate(story, start)
        if letter != "."
    ]


def told(
    story: str, settings: IncidentSettings = SETTINGS
) -> tuple[IncidentState, tuple[Transition, ...]]:
    return fold_windows(IncidentState(), windows(story), settings)


def actions(transitions: tuple[Transition, ...]) -> list[tuple[int, str]]:
    return [(one.at // STEP, one.kind.value) for one in transitions]


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("NNNN", []),
        ("A", [(1, "Suspected")]),
        ("AA", [(1, "Suspected"), (2, "Opened")]),
        ("ANNN", [(1, "Suspected"), (4, "Expired")]),
        ("ANANNN", [(1, "Suspected"), (6, "Expired")]),
        ("ANAA", [(1, "Suspected"), (4, "Opened")]),
        ("AIIA", [(1, "Suspected"), (4, "Opened")]),
        ("A...A", [(1, "Suspected"), (5, "Opened")]),
        ("AAN", [(1, "Suspected"), (2, "Opened"), (3, "Recovering")]),
        ("AANNN", [(1, "Suspected"), (2, "Opened"), (3, "Recovering"), (5, "Closed")]),
        ("AANINIIN", [(1, "Suspected"), (2, "Opened"), (3, "Recovering"), (8, "Closed")]),
        (
            "AANNANNN",
            [
                (1, "Suspected"),
                (2, "Opened"),
                (3, "Recovering"),
                (5, "Relapsed"),
                (6, "Recovering"),
                (8, "Closed"),
            ],
        ),
        (
            "AANNNNNA",
            [
                (1, "Suspected"),
                (2, "Opened"),
                (3, "Recovering"),
                (5, "Closed"),
                (8, "Reopened"),
            ],
        ),
    ],
)
def test_a_story_makes_these_transitions(story: str, expected: list[tuple[int, str]]) -> None:
    assert actions(told(story)[1]) == expected


@pytest.mark.parametrize("quiet", ["I", "."])
def test_a_detection_after_the_separation_closes_the_old_incident_as_stale(quiet: str) -> None:
    state, transitions = told("AA" + quiet * 30 + "AA")
    assert actions(transitions)[2:] == [(33, "Closed"), (33, "Suspected"), (34, "Opened")]
    running, stale = state.tracked
    assert stale.resolution is Resolution.STALE
    assert stale.closed_at == 33 * STEP
    assert stale.last_seen == 2 * STEP
    assert running.phase is IncidentPhase.OPEN
    assert running.fingerprint == stale.fingerprint
    assert running.anomaly != stale.anomaly


@pytest.mark.parametrize("quiet", ["I", "."])
def test_a_detection_at_the_separation_still_belongs_to_the_incident(quiet: str) -> None:
    state, transitions = told("AA" + quiet * 29 + "A")
    assert actions(transitions) == [(1, "Suspected"), (2, "Opened")]
    assert state.tracked[0].occurrences == 3


def test_a_suspicion_older_than_the_separation_gives_way_silently() -> None:
    state, transitions = told("A" + "I" * 30 + "A")
    assert actions(transitions) == [(1, "Suspected"), (32, "Expired"), (32, "Suspected")]
    assert all(one.silent for one in transitions)
    assert len(state.tracked) == 1


def test_a_stale_incident_is_never_reopened() -> None:
    state, transitions = told("AA" + "I" * 30 + "ANNN" + "A")
    assert TransitionKind.REOPENED not in {one.kind for one in transitions}
    assert [one.phase for one in state.tracked] == [IncidentPhase.SUSPECTED, IncidentPhase.CLOSED]


@pytest.mark.parametrize(("gap", "reopened"), [(29, True), (30, True), (31, False)])
def test_an_incident_reopens_within_its_time_only(gap: int, reopened: bool) -> None:
    state, _ = told("AANNN" + "N" * (gap - 1) + "A")
    assert (state.tracked[0].phase is IncidentPhase.OPEN) is reopened
    assert state.tracked[-1].reopened == int(reopened)


def test_reopening_keeps_the_object_and_counts() -> None:
    before, _ = told("AANNN")
    after, transitions = fold_windows(before, windows("AA", start=8), SETTINGS)
    (incident,) = after.tracked
    assert incident.anomaly == before.tracked[0].anomaly
    assert (incident.reopened, incident.closed_at, incident.resolution) == (1, None, None)
    assert (incident.occurrences, incident.first_seen) == (4, STEP)
    assert actions(transitions) == [(8, "Reopened")]


def test_other_trouble_does_not_reopen_a_closed_incident() -> None:
    before, _ = told("AANNN")
    other = windows("A", start=8, patterns=("metric_errors",))
    state, transitions = fold_windows(before, other, SETTINGS)
    assert actions(transitions) == [(8, "Suspected")]
    assert state.tracked[0].fingerprint != state.tracked[1].fingerprint


def test_an_unscored_window_is_no_miss() -> None:
    state, _ = told("AAN..........")
    assert (state.tracked[0].phase, state.tracked[0].missed) == (IncidentPhase.RECOVERING, 1)


@pytest.mark.parametrize("story", ["N", "NNNN", "I", "INIIN", ""])
def test_with_nothing_running_quiet_windows_change_nothing_at_all(story: str) -> None:
    before, _ = told("AANNN")
    for state in (IncidentState(), before):
        after, transitions = fold_windows(state, windows(story, start=20), SETTINGS)
        assert after is state
        assert transitions == ()


def test_inconclusive_windows_change_no_running_incident_either() -> None:
    before, _ = told("AAN")
    assert fold_windows(before, windows("IIIII", start=4), SETTINGS) == (before, ())


@pytest.mark.parametrize("story", ["AANNN", "AANNA", "ANA", "AANNNNA", "AAIN" * 4])
@pytest.mark.parametrize("cut_at", range(8))
def test_folding_again_from_any_window_changes_nothing(story: str, cut_at: int) -> None:
    whole, transitions = told(story)
    first, early = fold_windows(IncidentState(), windows(story)[:cut_at], SETTINGS)
    again, late = fold_windows(first, windows(story), SETTINGS)
    assert again == whole
    assert early + late == transitions
    assert fold_windows(whole, windows(story), SETTINGS) == (whole, ())


def test_confirmation_and_grace_follow_the_settings() -> None:
    quick = IncidentSettings("checkout", "uid-1", STEP, confirmation_cycles=1, grace_cycles=1)
    _, transitions = told("ANA", quick)
    assert actions(transitions) == [(1, "Opened"), (2, "Closed"), (3, "Reopened")]
    slow = IncidentSettings("checkout", "uid-1", STEP, confirmation_cycles=4, grace_cycles=5)
    _, transitions = told("AAANAAAANNNNN", slow)
    assert actions(transitions) == [
        (1, "Suspected"),
        (8, "Opened"),
        (9, "Recovering"),
        (13, "Closed"),
    ]


def test_counters_and_times_are_those_of_windows() -> None:
    state, _ = told("AIAANNN")
    (incident,) = state.tracked
    assert (incident.first_seen, incident.confirmed_at) == (STEP, 3 * STEP)
    assert (incident.last_seen, incident.closed_at) == (4 * STEP, 7 * STEP)
    assert (incident.occurrences, incident.cycles_to_confirm) == (3, 2)
    assert incident.duration_seconds(STEP) == 4 * STEP


def test_a_service_recreated_under_its_name_inherits_no_fingerprint() -> None:
    reborn = IncidentSettings("checkout", "uid-2", STEP)
    assert told("AA")[0].tracked[0].fingerprint != told("AA", reborn)[0].tracked[0].fingerprint


def test_a_fingerprint_does_not_depend_on_severity_or_score() -> None:
    first, _ = fold_windows(IncidentState(), windows("AA", severity=Severity.LOW), SETTINGS)
    second, _ = fold_windows(IncidentState(), windows("AA", score="9.9"), SETTINGS)
    assert first.tracked[0].fingerprint == second.tracked[0].fingerprint
    assert first.tracked[0].anomaly == second.tracked[0].anomaly


def test_a_month_of_minutes_folds_in_linear_time_and_bounded_memory() -> None:
    story = ("N" * 95 + "AANNN") * 432
    state, transitions = told(story)
    assert len(story) == 43_200
    assert sum(one.kind is TransitionKind.OPENED for one in transitions) == 432
    assert sum(one.kind is TransitionKind.CLOSED for one in transitions) == 432
    assert len(state.tracked) <= 8
