"""Whatever a document holds: either a ContractError, or a state within its bounds, once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.bounds import MAX_STATE_BYTES, size
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold, fold_windows
from anomaly_operator.incidents.state import Incident, IncidentSettings, IncidentState
from anomaly_operator.incidents.wire import parse, render
from detector_runtime.contract.detection import (
    Contribution,
    Detection,
    Finding,
    RunStatus,
    WindowReport,
    WindowVerdict,
)
from detector_runtime.contract.vocabulary import (
    ContractError,
    RunOutcome,
    Severity,
    SLOStatus,
    Verdict,
)

NOW = 1_763_800_020
SETTINGS = IncidentSettings(service="checkout", service_uid="uid-1", step_seconds=60)

fixed = settings(max_examples=150)

# Length alone is the point of the long ones: a draw for each of their characters took most of the
# time of a test.
long_texts = st.builds(
    lambda text, length: (text * length)[:length],
    st.text(min_size=1, max_size=12),
    st.integers(200, 400),
)
texts = st.one_of(st.text(max_size=40), long_texts)
times = st.one_of(st.integers(NOW - 9_000, NOW + 900).map(to_text), st.text(max_size=12))
scores = st.one_of(st.floats(0, 10).map(str), st.text(max_size=5), st.just(""))
contributions = st.lists(st.builds(Contribution, *[texts] * 8), max_size=7).map(tuple)
findings = st.builds(
    Finding,
    pattern=st.sampled_from(["metric_a", "metric_b"]),
    severity=st.sampled_from(Severity),
    model_severity=st.sampled_from(Severity),
    confidence=texts,
    score=scores,
    summary=texts,
    since=texts,
    contributions=contributions,
    recommended_actions=st.lists(texts, max_size=7).map(tuple),
)
reports = st.builds(
    WindowReport,
    end=times,
    verdict=st.sampled_from(Verdict),
    period=texts,
    severity=st.sampled_from(Severity),
    confidence=texts,
    score=scores,
    probability=texts,
    findings=st.lists(findings, max_size=3).map(tuple),
)
verdicts = st.builds(
    WindowVerdict,
    end=times,
    verdict=st.sampled_from(Verdict),
    reason=texts,
    score=scores,
    severity=st.sampled_from(Severity),
    model_severity=st.sampled_from(Severity),
    confidence=texts,
    patterns=st.lists(st.one_of(texts, st.sampled_from(["metric_a"])), max_size=4).map(tuple),
    slo_status=st.sampled_from(SLOStatus),
    proximity=texts,
)
documents = st.builds(
    Detection,
    model_revision=st.just("r"),
    run=st.just(RunStatus(RunOutcome.SUCCEEDED)),
    scored_from=st.one_of(times, st.just("")),
    scored_through=st.one_of(times, st.just("")),
    windows=st.lists(verdicts, max_size=20).map(tuple),
    report=st.one_of(st.none(), reports),
    anomaly=st.one_of(st.none(), reports),
)

stories = st.lists(
    st.tuples(
        st.sampled_from([Verdict.ANOMALOUS, Verdict.ANOMALOUS, Verdict.NORMAL]),
        st.sampled_from(["metric_a", "metric_b"]),
        st.sampled_from([Severity.LOW, Severity.HIGH]),
    ),
    max_size=60,
)
scored = st.lists(
    st.tuples(
        st.sampled_from([Verdict.ANOMALOUS, Verdict.ANOMALOUS, Verdict.NORMAL]),
        st.sampled_from(["metric_a", "metric_b"]),
        st.sampled_from([Severity.LOW, Severity.HIGH]),
        st.integers(0, 9),
    ),
    max_size=60,
)


NAMELESS = Detection(
    model_revision="r",
    run=RunStatus(RunOutcome.SUCCEEDED),
    scored_through=to_text(NOW),
    windows=(WindowVerdict(to_text(NOW), Verdict.ANOMALOUS, patterns=("",)),),
)


@fixed
@given(st.lists(documents, min_size=1, max_size=4))
@example([NAMELESS])
def test_any_document_gives_a_bounded_state_or_a_contract_error(given: list[Detection]) -> None:
    state = IncidentState()
    for document in given:
        with suppress(ContractError):
            state, _ = fold(state, document, SETTINGS, NOW)
        assert size(state) <= MAX_STATE_BYTES
        assert parse(render(state)) == state


@fixed
@given(documents)
def test_a_document_folds_once(document: Detection) -> None:
    with suppress(ContractError):
        state, _ = fold(IncidentState(), document, SETTINGS, NOW)
        assert fold(state, document, SETTINGS, NOW) == (state, ())


@fixed
@given(stories, st.data())
def test_inconclusive_windows_anywhere_change_no_incident(
    story: list[tuple[Verdict, str, Severity]], data: st.DataObject
) -> None:
    """With both ends of the story at the same times, only what was conclusive counts."""
    cycles = [
        Cycle(NOW + 120 * index, verdict, severity, "5", "", (pattern,))
        for index, (verdict, pattern, severity) in enumerate(story)
    ]
    where = data.draw(st.lists(st.integers(0, max(len(story) - 1, 0)), max_size=20))
    unknown = [Cycle(NOW + 120 * index + 60, Verdict.INCONCLUSIVE) for index in set(where)]
    mixed = sorted([*cycles, *unknown], key=lambda one: one.end)
    assert fold_windows(IncidentState(), mixed, SETTINGS) == fold_windows(
        IncidentState(), cycles, SETTINGS
    )


@fixed
@given(stories)
def test_every_incident_opens_once_and_closes_before_the_next_one_opens(
    story: list[tuple[Verdict, str, Severity]],
) -> None:
    cycles = [
        Cycle(NOW + 60 * index, verdict, severity, "5", "", (pattern,))
        for index, (verdict, pattern, severity) in enumerate(story)
    ]
    _, transitions = fold_windows(IncidentState(), cycles, SETTINGS)
    running, opened = "", []
    for one in transitions:
        if one.kind in ("Opened", "Reopened"):
            assert running == ""
            running = one.anomaly
            opened += [one.anomaly] if one.kind == "Opened" else []
        elif one.kind == "Closed":
            assert running == one.anomaly
            running = ""
    assert len(opened) == len(set(opened))


@fixed
@given(stories)
def test_severity_never_falls_while_an_incident_runs(
    story: list[tuple[Verdict, str, Severity]],
) -> None:
    state = IncidentState()
    before: Incident | None = None
    for index, (verdict, pattern, severity) in enumerate(story):
        window = Cycle(NOW + 60 * index, verdict, severity, "5", "", (pattern,))
        state, _ = fold_windows(state, [window], SETTINGS)
        running = state.running
        if before and running and running.first_seen == before.first_seen:
            assert running.severity.rank >= before.severity.rank
            assert running.occurrences >= before.occurrences
        before = running


@fixed
@given(scored)
def test_a_name_decides_no_severity_and_stands_among_those_that_were_seen(
    story: list[tuple[Verdict, str, Severity, int]],
) -> None:
    """What is the worst window depends on figures alone, and the name on what was found."""
    apart = replace(SETTINGS, reopen_seconds=0)

    def told(*, alike: bool) -> IncidentState:
        cycles = [
            Cycle(NOW + 60 * at, verdict, severity, str(score), "", ("x" if alike else pattern,))
            for at, (verdict, pattern, severity, score) in enumerate(story)
        ]
        return fold_windows(IncidentState(), cycles, apart)[0]

    found, plain = told(alike=False).tracked, told(alike=True).tracked
    assert [(one.severity, one.score, one.worst_at, one.phase) for one in found] == [
        (one.severity, one.score, one.worst_at, one.phase) for one in plain
    ]
    for one in found:
        assert {one.pattern, one.opening_pattern} <= {sight.name for sight in one.patterns}
