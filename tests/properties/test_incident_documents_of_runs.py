"""The two sides of `.status.detection` together: the runtime's documents, the operator's fold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.cycles import Cycle
from anomaly_operator.incidents.fold import fold, fold_windows
from anomaly_operator.incidents.state import IncidentSettings, IncidentState
from anomaly_operator.incidents.transitions import Transition, TransitionKind
from detector_runtime.commands.span import Scored, Span, joined, scored_through, to_score
from detector_runtime.contract.detection import Detection, Finding, RunStatus, WindowReport
from detector_runtime.contract.vocabulary import MAX_WINDOWS, RunOutcome, Severity, Verdict

STEP = 60
START = 1_763_800_020
SETTINGS = IncidentSettings(service="checkout", service_uid="uid-1", step_seconds=STEP)

VERDICTS = st.sampled_from(
    [Verdict.ANOMALOUS, Verdict.NORMAL, Verdict.NORMAL, Verdict.INCONCLUSIVE]
)
RUNS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=25)
"""After how many windows the next run comes, and whether the operator sees its document."""


def edge(one: Transition) -> tuple[str, TransitionKind, int]:
    """What makes it one and the same, whoever tells it."""
    return one.anomaly or one.fingerprint, one.kind, one.at


def score(end: int) -> str:
    """Of the window that ends at `end`; its words are `words(end)`."""
    return str(end // STEP * 7919 % 97 / 10)


def model(end: int) -> Severity:
    """What the model says of the window that ends at `end`."""
    return list(Severity)[end // STEP * 104_729 % 5 + 1]


def gravity(end: int) -> tuple[int, float]:
    return model(end).rank, float(score(end))


def words(end: int) -> str:
    return f"slow at {to_text(end)}"


def report(end: int, verdict: Verdict) -> WindowReport:
    hit = verdict is Verdict.ANOMALOUS
    severity = Severity.HIGH if hit else Severity.NONE
    finding = Finding("metric_latency", severity, model(end), "90%", score(end), words(end), "")
    return WindowReport(
        to_text(end), verdict, "night", severity, "90%", score(end), "0", findings=(finding,) * hit
    )


def run(previous: Detection | None, until: int, truth: dict[int, Verdict]) -> Detection:
    """One run of the runtime at `until`, as its own code decides what to score and to keep."""
    span = to_score(scored_through(previous), until, STEP, STEP)
    if previous is not None and span.empty:
        return previous
    ends = range(span.since + STEP, span.until + 1, STEP)
    reports = tuple(report(end, truth[end]) for end in ends)
    scored = Scored(Span(span.since, span.until, STEP), reports, RunOutcome.SUCCEEDED)
    return joined(previous, scored, "r", RunStatus(RunOutcome.SUCCEEDED))


@settings(max_examples=100)
@given(RUNS, st.lists(VERDICTS, min_size=1000, max_size=1000))
def test_late_and_unseen_runs_give_the_incidents_of_a_run_for_every_window(
    runs: list[tuple[int, bool]], verdicts: list[Verdict]
) -> None:
    """As long as neither side is away for more windows than the document holds."""
    truth = {START + STEP * (n + 1): verdict for n, verdict in enumerate(verdicts)}
    document = run(None, START + STEP, truth)
    state, edges = fold(IncidentState(), document, SETTINGS, START + STEP)
    until, unseen = START + STEP, 0
    for wait, seen in runs:
        until += wait * STEP
        unseen += wait
        document = run(document, until, truth)
        if seen or unseen + 40 > MAX_WINDOWS:
            state, more = fold(state, document, SETTINGS, until)
            edges += more
            unseen = 0
    state, more = fold(state, document, SETTINGS, until)
    scored = [
        Cycle(end, verdict, Severity.HIGH, score(end), "90%", ("metric_latency",))
        for end, verdict in truth.items()
        if end <= until
    ]
    ideal, transitions = fold_windows(IncidentState(), scored, SETTINGS)
    assert [edge(one) for one in edges + more] == [edge(one) for one in transitions]
    assert state.folded_through == ideal.folded_through


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(VERDICTS, min_size=1, max_size=200), st.integers(0, 3))
def test_the_words_of_an_incident_are_those_of_its_worst_window(
    verdicts: list[Verdict], repeated: int
) -> None:
    """Every document is seen, some again and again, some after their successors."""
    truth = {START + STEP * (n + 1): verdict for n, verdict in enumerate(verdicts)}
    document, state, earlier = None, IncidentState(), []
    for until in truth:
        document = run(document, until, truth)
        earlier.append(document)
        for seen in (document, *earlier[-1 - repeated :], document):
            state, _ = fold(state, seen, SETTINGS, until)
    scored = [
        Cycle(
            *(end, verdict, Severity.HIGH, score(end), "90%", ("metric_latency",)),
            model_severity=model(end),
            report=report(end, verdict),
        )
        for end, verdict in truth.items()
    ]
    ideal, _ = fold_windows(IncidentState(), scored, SETTINGS)
    assert [one.summary for one in state.tracked] == [one.summary for one in ideal.tracked]
    assert [one.score for one in state.tracked] == [one.score for one in ideal.tracked]


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from([Verdict.ANOMALOUS, Verdict.INCONCLUSIVE]), max_size=40))
def test_an_operator_that_was_away_finds_the_words_for_the_worst_window(
    verdicts: list[Verdict],
) -> None:
    story = [Verdict.NORMAL, *verdicts, Verdict.ANOMALOUS]
    truth = {START + STEP * (n + 1): verdict for n, verdict in enumerate(story)}
    document = None
    for until in truth:
        document = run(document, until, truth)
    assert document is not None
    state, _ = fold(IncidentState(), document, SETTINGS, max(truth))
    hits = [end for end, verdict in truth.items() if verdict is Verdict.ANOMALOUS]
    worst = max(hits, key=gravity)
    assert state.tracked[0].score == score(worst)
    assert state.tracked[0].summary == words(worst)
