"""The end of a training run ends its incidents: no window comes any more that could close them.

Not at once: an incident of a run that has just failed stays open for the separation, so that people
are told of it. A run that is history has been over for long, and so have its incidents.
"""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.incidents.state import (
    Incident,
    IncidentPhase,
    IncidentSettings,
    IncidentState,
    Resolution,
)
from anomaly_operator.incidents.transitions import Transition, TransitionKind, transition


def ends_at(state: IncidentState, ended: int, settings: IncidentSettings) -> int:
    """When the running incident is closed, in unix seconds; 0 where nothing is to be closed.
    `ended`: when the run ended, 0 = it has not.
    """
    running = state.running
    if running is None or not ended:
        return 0
    return max(ended, running.last_seen) + settings.separation_seconds


def with_run_ended(
    state: IncidentState, ended: int, settings: IncidentSettings, now: int
) -> tuple[IncidentState, tuple[Transition, ...]]:
    """Pure; the same end again changes nothing. What was not confirmed leaves nothing behind."""
    due, running = ends_at(state, ended, settings), state.running
    if running is None or not due or now < due:
        return state, ()
    at = max(ended, running.last_seen)
    if running.phase is IncidentPhase.SUSPECTED:
        edge = transition(TransitionKind.EXPIRED, running, at, settings)
        return replace(state, tracked=state.tracked[1:]), (edge,)
    over = _over(running, at)
    edge = transition(TransitionKind.CLOSED, over, at, settings)
    return replace(state, tracked=(over, *state.tracked[1:])), (edge,)


def _over(running: Incident, at: int) -> Incident:
    return replace(
        running,
        phase=IncidentPhase.CLOSED,
        closed_at=at,
        resolution=Resolution.RUN_ENDED,
        consecutive=0,
    )
