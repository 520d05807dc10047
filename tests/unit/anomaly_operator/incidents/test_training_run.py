"""The life of a training run's incident: named by its triggers, ended with the run."""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold_windows
from anomaly_operator.incidents.run_end import ends_at, with_run_ended
from anomaly_operator.incidents.state import (
    IncidentPhase,
    IncidentSettings,
    IncidentState,
    Resolution,
)
from anomaly_operator.incidents.transitions import TransitionKind
from detector_runtime.contract.training_run import RUN_STALLED
from detector_runtime.contract.vocabulary import Severity, Verdict

SETTINGS = IncidentSettings("llama", "uid-1", step_seconds=60, confirmation_cycles=1)


def hit(minute: int, pattern: str, severity: Severity = Severity.MEDIUM, score: str = "3") -> Cycle:
    return Cycle(
        end=minute * 60,
        verdict=Verdict.ANOMALOUS,
        severity=severity,
        score=score,
        patterns=(pattern,),
        triggers=() if pattern == RUN_STALLED else (f"{pattern}@{minute * 10}",),
    )


def folded(*cycles: Cycle) -> IncidentState:
    return fold_windows(IncidentState(), cycles, SETTINGS)[0]


def test_one_trigger_opens_and_names_the_incident() -> None:
    state = folded(hit(1, "loss_spike"))
    (one,) = state.tracked
    assert (one.phase, one.opening_pattern) == (IncidentPhase.OPEN, "loss_spike")


def test_the_next_trigger_is_no_reason_to_rename_the_incident() -> None:
    """With matched patterns the second window would: the first was perhaps luck."""
    (one,) = folded(hit(1, "loss_spike"), hit(2, "grad_norm_zscore")).tracked
    assert one.pattern == "loss_spike"
    assert [sight.name for sight in one.patterns] == ["loss_spike", "grad_norm_zscore"]


def test_a_stall_is_named_by_a_rule_as_well() -> None:
    (one,) = folded(hit(1, "loss_spike"), hit(2, RUN_STALLED)).tracked
    assert one.pattern == "loss_spike"
    (one,) = folded(hit(1, RUN_STALLED), hit(2, RUN_STALLED)).tracked
    assert one.pattern == RUN_STALLED


def test_the_worst_window_names_the_incident_even_after_normal_ones() -> None:
    calm = Cycle(120, Verdict.NORMAL)
    (one,) = folded(hit(1, "loss_spike"), calm, hit(3, "divergence_detected", score="9")).tracked
    assert one.pattern == "divergence_detected"
    (one,) = folded(
        hit(1, "loss_spike"), calm, hit(3, "multiple_triggers", Severity.CRITICAL)
    ).tracked
    assert (one.pattern, one.opening_pattern) == ("multiple_triggers", "loss_spike")


def test_windows_without_rows_close_nothing_and_normal_ones_do() -> None:
    empty = [Cycle(minute * 60, Verdict.INCONCLUSIVE) for minute in range(2, 20)]
    assert folded(hit(1, "loss_spike"), *empty).running is not None
    calm = [Cycle(minute * 60, Verdict.NORMAL) for minute in range(20, 23)]
    (one,) = folded(hit(1, "loss_spike"), *empty, *calm).tracked
    assert one.resolution is Resolution.RESOLVED


def test_the_end_of_the_run_ends_its_incident_after_the_separation() -> None:
    state, ended = folded(hit(1, "loss_nan", Severity.CRITICAL)), 90
    due = ends_at(state, ended, SETTINGS)
    assert due == 90 + SETTINGS.separation_seconds
    assert with_run_ended(state, ended, SETTINGS, due - 1) == (state, ())
    after, (edge,) = with_run_ended(state, ended, SETTINGS, due)
    (one,) = after.tracked
    assert (one.phase, one.resolution) == (IncidentPhase.CLOSED, Resolution.RUN_ENDED)
    assert one.closed_at == 90
    assert after.folded_through == state.folded_through
    assert edge.kind is TransitionKind.CLOSED
    assert "closed because its training run is over" in edge.message
    assert with_run_ended(after, ended, SETTINGS, due + 600) == (after, ())


def test_a_finding_after_the_end_counts_from_the_finding() -> None:
    state = folded(hit(10, "loss_nan"))
    assert ends_at(state, 90, SETTINGS) == 600 + SETTINGS.separation_seconds
    (one,) = with_run_ended(state, 90, SETTINGS, 10_000)[0].tracked
    assert one.closed_at == 600


def test_a_run_that_goes_on_ends_no_incident() -> None:
    state = folded(hit(1, "loss_spike"))
    assert ends_at(state, 0, SETTINGS) == 0
    assert with_run_ended(state, 0, SETTINGS, 10**9) == (state, ())
    assert with_run_ended(IncidentState(), 90, SETTINGS, 10**9) == (IncidentState(), ())


def test_a_suspicion_leaves_nothing_when_the_run_ends() -> None:
    careful = replace(SETTINGS, confirmation_cycles=2)
    state = fold_windows(IncidentState(), [hit(1, "loss_spike")], careful)[0]
    after, (edge,) = with_run_ended(state, 90, careful, 10_000)
    assert after.tracked == ()
    assert edge.kind is TransitionKind.EXPIRED


def test_a_resumed_run_opens_a_new_incident() -> None:
    state = with_run_ended(folded(hit(1, "loss_nan")), 90, SETTINGS, 10_000)[0]
    again = fold_windows(state, [hit(3, "loss_nan")], SETTINGS)[0]
    assert [one.resolution for one in again.tracked] == [None, Resolution.RUN_ENDED]
