"""What people called normal: it closes an incident, and windows like it open none for a while.

A rule covers a window only where all of it was known when the person spoke: each pattern has a
rule, and neither severity nor SLO status is worse than then. So a rule never hides what got worse,
and never a breach of the SLO. What the spec calls normal covers windows in the same way, closes
nothing by itself, and is not remembered: it stands in the spec.
Time is that of the windows; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from anomaly_operator.api.text import cut
from anomaly_operator.incidents.bounds import NAME_BYTES
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.evidence import window_severity
from anomaly_operator.incidents.state import (
    MAX_RULES,
    UNEXPLAINED,
    ExpectedRule,
    Incident,
    IncidentPhase,
    IncidentSettings,
    IncidentState,
    PatternSight,
    Resolution,
    Verdict,
)
from anomaly_operator.incidents.transitions import Transition, TransitionKind, transition
from anomaly_operator.spec.expected import Expectation
from detector_runtime.contract.vocabulary import MAX_WINDOWS, SLOStatus

DEFAULT_SECONDS = 86_400
MAX_SECONDS = 90 * 86_400
_RESOLUTIONS = {
    Verdict.EXPECTED: Resolution.EXPECTED,
    Verdict.FALSE_POSITIVE: Resolution.FALSE_POSITIVE,
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """A person's verdict on the incident of `anomaly`; None: a verdict was withdrawn.

    `at`: when an earlier reconcile took up this verdict, 0 = it is new. `until`: 0 = not given.
    `patterns` and `slo`: what the object shows, for an incident that is not tracked any more.
    """

    anomaly: str
    verdict: Verdict | None
    at: int = 0
    until: int = 0
    patterns: tuple[PatternSight, ...] = ()
    slo: SLOStatus = SLOStatus.UNKNOWN


def covered(
    cycle: Cycle, rules: Sequence[ExpectedRule], declared: Sequence[Expectation] = ()
) -> bool:
    """Whether every pattern of an Anomalous window is expected, as severe as the window is. A
    breach of the SLO never is, whatever was said: users are hurt all the same."""
    severity, status = window_severity(cycle), cycle.slo_status
    if status is SLOStatus.BREACHED:
        return False
    both: tuple[ExpectedRule | Expectation, ...] = (*rules, *declared)
    known = {
        rule.pattern
        for rule in both
        if cycle.end <= rule.until
        and rule.severity.rank >= severity.rank
        and rule.slo.rank >= status.rank
    }
    return bool(known) and set(cycle.patterns or (UNEXPLAINED,)) <= known


def lasts_until(given: int, at: int) -> int:
    """The end of a rule in unix seconds: `given`, by default a day, at most 90 days from `at`."""
    return min(given or at + DEFAULT_SECONDS, at + MAX_SECONDS)


def judge(
    state: IncidentState,
    judgements: Iterable[Judgement],
    settings: IncidentSettings,
    now: int,
) -> tuple[IncidentState, tuple[Transition, ...]]:
    """Take verdicts up; the same ones again change nothing."""
    edges: list[Transition] = []
    for one in judgements:
        state, found = _judged(state, one, settings, now)
        edges += found
    return state, tuple(edges)


def without_old(state: IncidentState, step_seconds: int, now: int) -> IncidentState:
    """Forget rules that no window of a document can fall under any more."""
    lasting = MAX_WINDOWS * step_seconds
    kept = tuple(one for one in state.expected if max(one.until, one.at) + lasting > now)
    return state if kept == state.expected else replace(state, expected=kept)


def _judged(
    state: IncidentState, one: Judgement, settings: IncidentSettings, now: int
) -> tuple[IncidentState, tuple[Transition, ...]]:
    before = [rule for rule in state.expected if rule.anomaly == one.anomaly]
    others = tuple(rule for rule in state.expected if rule.anomaly != one.anomaly)
    if one.verdict is None or not one.verdict.normal:
        return replace(state, expected=others), ()
    verdict = one.verdict
    known = next((rule.at for rule in before if rule.verdict is verdict), one.at)
    at = known or now
    until = lasts_until(one.until, at)
    incident = next((found for found in state.tracked if found.anomaly == one.anomaly), None)
    rules = tuple(
        ExpectedRule(sight.name, sight.severity, until, at, one.anomaly, verdict, slo)
        for sight, slo in _sights(one, incident)
    )
    if known and before and not (incident and incident.running):
        # What has been taken up keeps its extent: the incident may have grown since.
        rules = tuple(replace(rule, until=until, verdict=verdict) for rule in before)
    kept = (
        _bounded((*others, *rules))
        if max(until, at) + MAX_WINDOWS * settings.step_seconds > now
        else others
    )
    state = replace(state, expected=kept, judged_at=state.judged_at if known else now)
    if incident is None or not incident.running:
        return state, ()
    return _closed(state, incident, _RESOLUTIONS[verdict], settings)


def _sights(
    one: Judgement, incident: Incident | None
) -> tuple[tuple[PatternSight, SLOStatus], ...]:
    if incident is None:
        return tuple((replace(s, name=cut(s.name, NAME_BYTES)), one.slo) for s in one.patterns)
    worst = max(incident.slo.status, incident.current_slo, key=lambda status: status.rank)
    return tuple((sight, worst) for sight in incident.patterns)


def _bounded(rules: tuple[ExpectedRule, ...]) -> tuple[ExpectedRule, ...]:
    """At most MAX_RULES; the ones that end first make room."""
    lasting = sorted(rules, key=lambda rule: (rule.until, rule.at), reverse=True)[:MAX_RULES]
    return tuple(sorted(lasting, key=lambda rule: (rule.at, rule.anomaly, rule.pattern)))


def _closed(
    state: IncidentState, incident: Incident, resolution: Resolution, settings: IncidentSettings
) -> tuple[IncidentState, tuple[Transition, ...]]:
    at = max(incident.last_seen, state.folded_through or 0)
    over = replace(
        incident,
        phase=IncidentPhase.CLOSED,
        closed_at=at,
        resolution=resolution,
        consecutive=0,
    )
    tracked = tuple(over if one is incident else one for one in state.tracked)
    edge = transition(TransitionKind.CLOSED, over, at, settings)
    return replace(state, tracked=tracked), (edge,)
