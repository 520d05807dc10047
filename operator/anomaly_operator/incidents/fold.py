"""The life cycle of incidents, one window at a time.

It prevents alerts for a single noisy window, incidents that never close, one incident opened twice
after a restart, and missing data taken for health. A window is folded once (`folded_through`), an
Inconclusive or missing one changes no count, and time alone closes nothing. What the phases mean
and why: `operator/docs/incidents.md`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from anomaly_operator.api.names import anomaly_name
from anomaly_operator.incidents.bounds import bounded
from anomaly_operator.incidents.cycles import Cycle, cycles
from anomaly_operator.incidents.evidence import (
    closing_context,
    identified,
    join,
    leading_pattern,
    suspect,
)
from anomaly_operator.incidents.expected import covered
from anomaly_operator.incidents.state import (
    MAX_TRACKED,
    Incident,
    IncidentPhase,
    IncidentSettings,
    IncidentState,
    Resolution,
    ResolutionContext,
)
from anomaly_operator.incidents.transitions import Transition, TransitionKind, transition
from detector_runtime.contract.detection import Detection, WindowReport
from detector_runtime.contract.vocabulary import MAX_WINDOWS, Verdict

Step = tuple[IncidentState, tuple[Transition, ...]]


def fold(
    state: IncidentState,
    detection: Detection,
    settings: IncidentSettings,
    now: int,
    settled: Collection[str] | None = None,
) -> Step:
    """Fold a detection document into the incidents; the same document again changes nothing.

    `settled` names the closed incidents whose Anomaly object says so already; only those may make
    room for new ones (None: all of them). When eight are tracked and none is settled, folding
    stops before the window that needs the room and goes on in the next call, so that no incident
    of a long backlog is dropped before its object exists. Raises ContractError on a malformed
    document, with nothing folded.
    """
    windows = cycles(detection, settings.step_seconds, now)
    folded, transitions = fold_windows(
        state, windows, settings, newest=detection.report, settled=settled
    )
    return (bounded(folded), transitions) if folded != state else (state, ())


def fold_windows(
    state: IncidentState,
    windows: Iterable[Cycle],
    settings: IncidentSettings,
    newest: WindowReport | None = None,
    settled: Collection[str] | None = None,
) -> Step:
    """Fold windows given in time order; `newest` is the context of an incident that closes."""
    transitions: list[Transition] = []
    step: Step | None
    for window in windows:
        if state.folded_through is not None and window.end <= state.folded_through:
            continue
        if window.verdict is Verdict.INCONCLUSIVE:
            continue
        if window.verdict is Verdict.NORMAL or covered(window, state.expected, settings.expected):
            step = _miss(state, window.end, settings, newest)
        else:
            step = _hit(state, window, settings, settled)
        if step is None:
            break
        state, edges = step
        transitions.extend(edges)
    return state, tuple(transitions)


def _miss(
    state: IncidentState, at: int, settings: IncidentSettings, newest: WindowReport | None
) -> Step:
    """A Normal window. With nothing running the state stays as it is, so nothing is written."""
    running = state.running
    if running is None:
        return state, ()
    since = running.normal_since or at
    missed = replace(running, missed=running.missed + 1, consecutive=0, normal_since=since)
    over = missed.missed >= settings.grace_cycles
    if running.phase is IncidentPhase.SUSPECTED:
        return _expired(state, at, settings) if over else (_replaced(state, missed, at), ())
    if over:
        ended = closing_context(newest, at)
        return _closed(state, missed, at, settings, resolution=Resolution.RESOLVED, context=ended)
    recovering = replace(missed, phase=IncidentPhase.RECOVERING)
    edges: tuple[Transition, ...] = ()
    if running.phase is IncidentPhase.OPEN:
        edges = (transition(TransitionKind.RECOVERING, recovering, at, settings),)
    return _replaced(state, recovering, at), edges


def _hit(
    state: IncidentState,
    window: Cycle,
    settings: IncidentSettings,
    settled: Collection[str] | None,
) -> Step | None:
    """An Anomalous window; None when a new incident would need room that cannot be made yet."""
    running = state.running
    ended: tuple[Transition, ...] = ()
    if running is not None and window.end - running.last_seen <= settings.separation_seconds:
        return _joined(state, running, window, settings)
    if running is not None:
        state, ended = _stale(state, running, window.end, settings)
    before = _reopenable(state, window, settings)
    if before is not None:
        state, edges = _reopened(state, before, window, settings)
        return state, ended + edges
    room = _with_room(state, window.end, settings, settled)
    if room is None:
        return None
    first = suspect(window, settings.service_uid)
    state, edges = _joined(replace(room, tracked=(first, *room.tracked)), first, window, settings)
    return state, ended + edges


def _joined(
    state: IncidentState, running: Incident, window: Cycle, settings: IncidentSettings
) -> Step:
    """The window belongs to the running incident, which is the first of the tracked ones."""
    joined = join(running, window)
    if running.phase is not IncidentPhase.SUSPECTED:
        opened = replace(joined, phase=IncidentPhase.OPEN)
        return _replaced(state, opened, window.end), _changes(running, opened, window, settings)
    kind = TransitionKind.SUSPECTED if running.occurrences == 0 else None
    if joined.consecutive >= settings.confirmation_cycles:
        joined, kind = _confirmed(joined, window, settings), TransitionKind.OPENED
    edges = (transition(kind, joined, window.end, settings),) if kind else ()
    return _replaced(state, joined, window.end), edges


def _confirmed(incident: Incident, window: Cycle, settings: IncidentSettings) -> Incident:
    known = identified(incident, window, settings.service_uid)
    return replace(
        known,
        phase=IncidentPhase.OPEN,
        confirmed_at=window.end,
        cycles_to_confirm=incident.occurrences,
        anomaly=anomaly_name(settings.service, known.fingerprint, incident.first_seen),
    )


def _changes(
    before: Incident, after: Incident, window: Cycle, settings: IncidentSettings
) -> tuple[Transition, ...]:
    """Transitions of a confirmed incident that goes on: it relapsed, rose in severity, or shows a
    new pattern."""
    kinds = [TransitionKind.RELAPSED] if before.phase is IncidentPhase.RECOVERING else []
    if after.severity.rank > before.severity.rank:
        kinds.append(TransitionKind.ESCALATED)
    elif any(sight.first_seen == window.end for sight in after.patterns):
        kinds.append(TransitionKind.UPDATED)
    return tuple(transition(kind, after, window.end, settings) for kind in kinds)


def _reopenable(state: IncidentState, window: Cycle, settings: IncidentSettings) -> Incident | None:
    """The newest resolved incident that knows one of the window's patterns and is recent enough.

    A stale one stays closed: that it was stale means that this is separate trouble.
    """
    patterns = {leading_pattern(window), *window.patterns}
    for incident in state.tracked:
        if incident.resolution is not Resolution.RESOLVED or incident.closed_at is None:
            continue
        known = {sight.name for sight in incident.patterns}
        known |= {incident.opening_pattern, incident.pattern}
        if patterns & known and window.end - incident.closed_at <= settings.reopen_seconds:
            return incident
    return None


def _reopened(
    state: IncidentState, incident: Incident, window: Cycle, settings: IncidentSettings
) -> Step:
    """One window is enough: what was confirmed once needs no second confirmation to be back."""
    again = replace(
        join(incident, window),
        phase=IncidentPhase.OPEN,
        closed_at=None,
        resolution=None,
        context=None,
        reopened=incident.reopened + 1,
        reopened_at=window.end,
    )
    rest = tuple(other for other in state.tracked if other is not incident)
    edges = (transition(TransitionKind.REOPENED, again, window.end, settings),)
    return replace(state, folded_through=window.end, tracked=(again, *rest)), edges


def _stale(state: IncidentState, running: Incident, at: int, settings: IncidentSettings) -> Step:
    if running.phase is IncidentPhase.SUSPECTED:
        return _expired(state, at, settings)
    return _closed(state, running, at, settings, resolution=Resolution.STALE)


def _expired(state: IncidentState, at: int, settings: IncidentSettings) -> Step:
    """A suspicion that never confirmed leaves nothing behind."""
    edge = transition(TransitionKind.EXPIRED, state.tracked[0], at, settings)
    return replace(state, folded_through=at, tracked=state.tracked[1:]), (edge,)


def _closed(
    state: IncidentState,
    running: Incident,
    at: int,
    settings: IncidentSettings,
    *,
    resolution: Resolution,
    context: ResolutionContext | None = None,
) -> Step:
    closed = replace(
        running,
        phase=IncidentPhase.CLOSED,
        closed_at=at,
        resolution=resolution,
        consecutive=0,
        context=context,
    )
    return _replaced(state, closed, at), (transition(TransitionKind.CLOSED, closed, at, settings),)


def _replaced(state: IncidentState, first: Incident, at: int) -> IncidentState:
    return replace(state, folded_through=at, tracked=(first, *state.tracked[1:]))


def _with_room(
    state: IncidentState, at: int, settings: IncidentSettings, settled: Collection[str] | None
) -> IncidentState | None:
    """Forget settled incidents that nothing can touch any more; None when there is still no room.

    Done here alone, where the status is written anyway: forgetting costs no write of its own.
    """
    lasting = max(MAX_WINDOWS * settings.step_seconds, settings.reopen_seconds)
    kept = [
        incident
        for incident in state.tracked
        if not _forgettable(incident, settled) or at - (incident.closed_at or at) <= lasting
    ]
    while len(kept) >= MAX_TRACKED:
        oldest = next((one for one in reversed(kept) if _forgettable(one, settled)), None)
        if oldest is None:
            return None
        kept.remove(oldest)
    return replace(state, tracked=tuple(kept))


def _forgettable(incident: Incident, settled: Collection[str] | None) -> bool:
    return not incident.running and (settled is None or incident.anomaly in settled)
