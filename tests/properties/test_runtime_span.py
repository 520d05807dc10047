"""Runs at any time, late, early or twice: the document always tells the truth about its span."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.commands.span import (
    Scored,
    Span,
    failed,
    joined,
    newest_complete,
    run_status,
    scored_through,
    to_score,
    verdict_of,
)
from detector_runtime.contract.codec import decode, encode
from detector_runtime.contract.detection import Detection, Finding, SLOEvaluation, WindowReport
from detector_runtime.contract.text import iso, unix
from detector_runtime.contract.vocabulary import (
    MAX_WINDOWS,
    RunOutcome,
    Severity,
    SLOStatus,
    Verdict,
)

STEP = 60
START = 1_780_000_020
DELAY = 30
VERDICTS = (Verdict.NORMAL, Verdict.NORMAL, Verdict.ANOMALOUS, Verdict.INCONCLUSIVE)


def truth(end: int) -> Verdict:
    """What any run finds in the window that ends at `end`."""
    return VERDICTS[(end // STEP * 7919) % 101 % len(VERDICTS)]


def gravity(end: int) -> tuple[int, int, int]:
    """Of the window that ends at `end`: the ranks of its severity and the model's, its score."""
    digest = end // STEP * 104_729
    return digest % 3 + 1, digest // 3 % 2 * 3, digest // 6 % 9


def newest_stretch(held: range) -> list[int]:
    """The newest anomalous windows of `held` that no Normal one parts."""
    found: list[int] = []
    for end in reversed(held):
        if truth(end) is Verdict.ANOMALOUS:
            found.insert(0, end)
        elif found and truth(end) is Verdict.NORMAL:
            break
    return found


def report(end: int) -> WindowReport:
    rank, model, score = gravity(end)
    severity, of_model = list(Severity)[rank], list(Severity)[model]
    finding = Finding("metric_a", severity, of_model, "90%", str(score), "odd", iso(end))
    return WindowReport(
        end=iso(end),
        verdict=truth(end),
        period="always",
        severity=severity,
        confidence="90%",
        score=str(score),
        probability="0.1",
        findings=(finding,) if truth(end) is Verdict.ANOMALOUS and model else (),
        slo=SLOEvaluation(SLOStatus.UNKNOWN),
    )


def run(previous: Detection | None, now: int) -> Detection | None:
    span = to_score(scored_through(previous), newest_complete(now, DELAY, STEP), STEP, STEP)
    if span.empty:
        return previous
    reports = tuple(report(end) for end in range(span.since + STEP, span.until + 1, STEP))
    status = run_status(previous, RunOutcome.SUCCEEDED, "", now)
    return joined(previous, Scored(span, reports, RunOutcome.SUCCEEDED), "revision", status)


@given(st.lists(st.integers(-300, 9000), min_size=1, max_size=40))
def test_what_is_listed_is_exactly_what_was_not_normal_in_the_span(pauses):
    now, document, through, scored = START, None, 0, set()
    for pause in pauses:
        now += pause
        before = document
        document = run(document, now)
        assert document is not None
        assert decode(Detection, encode(document)) == document
        begin, end = unix(document.scored_from), unix(document.scored_through)
        assert end >= through
        through = end
        assert 1 <= (end - begin) // STEP <= MAX_WINDOWS
        held = range(begin + STEP, end + 1, STEP)
        wanted = [iso(one) for one in held if truth(one) is not Verdict.NORMAL]
        assert [window.end for window in document.windows] == wanted
        stretch = newest_stretch(held)
        if document.anomaly is None:
            # What was in full has left the span, and nothing of the newest run was anomalous.
            assert not stretch or document.report.end != iso(stretch[-1])
        else:
            assert document.anomaly.end in [iso(one) for one in stretch]
        if before is None or unix(before.scored_through) < begin + STEP:
            worst = max(stretch, key=gravity, default=None)
            assert (document.anomaly.end if document.anomaly else None) == (
                iso(worst) if worst else None
            )
        if before is None or before != document:
            scored |= set(held)
    first = min(scored)
    everything = range(first, through + 1, STEP)
    assert document is not None
    assert document.skipped_windows == len(everything) - len(scored)


@given(st.integers(0, 10**6), st.integers(1, 3600), st.integers(0, 600))
def test_a_window_is_complete_when_its_data_had_time_to_arrive(now, step, delay):
    newest = newest_complete(START + now, delay, step)
    assert newest % step == 0
    assert newest + delay <= START + now < newest + step + delay


def test_with_another_step_the_span_begins_anew():
    """Windows of two lengths in one document could not be told from Normal ones between them."""
    document = None
    for k in range(80):
        document = run(document, START + k * STEP + DELAY)
    assert document is not None
    until = unix(document.scored_through) // 600 * 600 + 600
    reports = (report(until),)
    status = run_status(document, RunOutcome.SUCCEEDED, "", until)
    span = Span(unix(document.scored_through), until, 600)
    found = joined(document, Scored(span, reports, RunOutcome.SUCCEEDED), "revision", status)
    assert found.step_seconds == 600
    assert unix(found.scored_from) == span.since
    assert {one.end for one in found.windows} <= {iso(until)}
    assert found.skipped_windows == 0


@given(st.lists(st.integers(0, 240), min_size=1, max_size=30))
def test_the_window_in_full_is_the_worst_of_the_newest_stretch_however_runs_fall(pauses):
    """Nothing is skipped and nothing leaves the span: one run a window finds the same."""
    now, document = START, None
    for pause in pauses:
        now = min(now + pause, START + (MAX_WINDOWS - 1) * STEP)
        document = run(document, now)
    assert document is not None
    held = range(unix(document.scored_from) + STEP, unix(document.scored_through) + 1, STEP)
    worst = max(newest_stretch(held), key=gravity, default=None)
    assert (unix(document.anomaly.end) if document.anomaly else None) == worst
    assert run(document, now) == document


def test_a_line_has_the_model_severity_of_the_first_finding():
    findings = tuple(
        Finding("metric_a", Severity.MEDIUM, model, "90%", "4", "odd", iso(START))
        for model in (Severity.HIGH, Severity.CRITICAL)
    )
    one = replace(report(START), verdict=Verdict.ANOMALOUS, findings=findings)
    assert verdict_of(one).model_severity is Severity.HIGH
    assert verdict_of(replace(one, findings=())).model_severity is Severity.NONE


def test_under_a_cap_the_window_in_full_is_of_the_fault_though_its_end_has_a_higher_score():
    def capped(end: int, model: Severity, score: str) -> WindowReport:
        finding = Finding("metric_a", Severity.MEDIUM, model, "90%", score, "odd", iso(end))
        return WindowReport(
            *(iso(end), Verdict.ANOMALOUS, "always", Severity.MEDIUM, "90%", score, "0"),
            findings=(finding,),
        )

    fault = capped(START + STEP, Severity.CRITICAL, "6.9")
    tail = capped(START + 2 * STEP, Severity.MEDIUM, "9")
    status = run_status(None, RunOutcome.SUCCEEDED, "", START)
    both = Scored(Span(START, START + 2 * STEP, STEP), (fault, tail), RunOutcome.SUCCEEDED)
    assert joined(None, both, "r", status).anomaly == fault
    first = Scored(Span(START, START + STEP, STEP), (fault,), RunOutcome.SUCCEEDED)
    then = Scored(Span(START + STEP, START + 2 * STEP, STEP), (tail,), RunOutcome.SUCCEEDED)
    found = joined(joined(None, first, "r", status), then, "r", status)
    assert (found.anomaly, found.report) == (fault, tail)


def test_a_failure_keeps_its_since_and_is_written_once():
    first = failed(None, "r", run_status(None, RunOutcome.SOURCE_UNAVAILABLE, "down", START))
    assert first is not None
    again = run_status(first, RunOutcome.SOURCE_UNAVAILABLE, "down", START + 60)
    assert failed(first, "r", again) is None
    other = failed(first, "r", run_status(first, RunOutcome.NO_DATA, "empty", START + 120))
    assert other is not None
    assert (other.run.outcome, other.run.since) == (RunOutcome.NO_DATA, iso(START + 120))
    reworded = run_status(first, RunOutcome.SOURCE_UNAVAILABLE, "still down", START + 60)
    assert reworded.since == iso(START)
