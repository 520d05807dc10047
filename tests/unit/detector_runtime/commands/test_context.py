"""Which context queries are asked, what is kept of the answers, and that nothing can fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from detector_runtime.commands.context import (
    AGAIN_SECONDS,
    ALL_SECONDS,
    NOTHING,
    USED_UP,
    Series,
    gather,
)
from detector_runtime.contract.context import (
    MAX_LABEL,
    MAX_NOTE,
    ContextQuery,
    ContextResult,
    ContextRow,
)
from detector_runtime.contract.detection import Contribution, Finding, WindowReport
from detector_runtime.contract.text import iso
from detector_runtime.contract.vocabulary import Role, Severity, Unit, Verdict
from detector_runtime.errors import SourceUnavailableError
from loopback.settings import ERRORS, LATENCY

END = 1_780_000_080
METRICS = (LATENCY, ERRORS)
PLAIN = ContextQuery("slow", "by_route")


@dataclass
class Source:
    """`answer` for each query, or an error to raise. `clock` goes on by `takes` a query."""

    answer: Sequence[Series] | Exception = ()
    takes: float = 0.0
    now: float = 0.0
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def largest(self, query: str, top: int, at: int) -> Sequence[Series]:
        self.asked.append((query, top, at))
        self.now += self.takes
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def clock(self) -> float:
        return self.now


def report(
    end: int = END,
    severity: Severity = Severity.HIGH,
    pattern: str = "latency_spike",
    explains: tuple[str, ...] = (),
    verdict: Verdict = Verdict.ANOMALOUS,
) -> WindowReport:
    leading = Contribution("application_latency", "1", "Milliseconds", "0", "1", "", "1")
    finding = Finding(pattern, severity, severity, "90%", "7", "slow", "", (leading,))
    found = Finding(
        **{name: getattr(finding, name) for name in finding.__slots__} | {"explains": explains}
    )
    return WindowReport(iso(end), verdict, "day", severity, "90%", "7", "0", findings=(found,))


def asked(
    source: Source,
    *queries: ContextQuery,
    reports: Sequence[WindowReport] = (report(),),
    before: Sequence[ContextResult] = (),
) -> tuple[ContextResult, ...]:
    return gather(queries, METRICS, reports, before, lambda: source, clock=source.clock)


def test_rows_are_the_largest_first_named_by_their_labels() -> None:
    answer = [
        ({"route": "/cart"}, 2.0),
        ({"route": "/pay", "method": "GET", "__name__": "x"}, 812.0),
        ({}, 30.0),
        ({"route": "/nan"}, math.nan),
        ({"route": "/b"}, 2.0),
    ]
    query = ContextQuery("slow", "q", Unit.MILLISECONDS, top=3)
    (found,) = asked(Source(answer), query)
    assert found == ContextResult(
        "slow",
        iso(END),
        "",
        (
            ContextRow("method=GET, route=/pay", "812 ms"),
            ContextRow("total", "30 ms"),
            ContextRow("/b", "2 ms"),
        ),
    )


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (PLAIN, True),
        (ContextQuery("a", "q", roles=(Role.LATENCY,)), True),
        (ContextQuery("a", "q", roles=(Role.ERRORS,)), False),
        (ContextQuery("a", "q", patterns=("latency_spike",)), True),
        (ContextQuery("a", "q", patterns=("other",)), False),
        (ContextQuery("a", "q", roles=(Role.ERRORS,), patterns=("latency_spike",)), True),
    ],
)
def test_a_query_is_asked_under_its_condition(query: ContextQuery, wanted: bool) -> None:
    assert bool(asked(Source(), query)) is wanted


def test_what_a_pattern_explains_comes_before_the_leading_metric() -> None:
    about_errors = (report(explains=("error_rate",)),)
    query = ContextQuery("a", "q", roles=(Role.ERRORS,))
    assert len(asked(Source(), query, reports=about_errors)) == 1
    assert not asked(Source(), ContextQuery("a", "q", roles=(Role.LATENCY,)), reports=about_errors)


@pytest.mark.parametrize(
    "calm",
    [
        report(severity=Severity.LOW),
        report(verdict=Verdict.NORMAL),
        report(verdict=Verdict.INCONCLUSIVE),
    ],
)
def test_without_an_alerting_finding_nothing_is_opened_or_asked(calm: WindowReport) -> None:
    def never() -> Source:
        raise AssertionError("opened")

    assert gather((PLAIN,), METRICS, (calm,), (), never) == ()


def test_the_newest_alerting_window_of_a_run_is_the_one() -> None:
    source = Source()
    calm = report(END + 240, verdict=Verdict.NORMAL)
    asked(source, PLAIN, reports=(report(END), report(END + 120), calm))
    assert source.asked == [("by_route", 5, END + 120)]


def test_a_query_is_asked_again_after_ten_minutes_and_not_before() -> None:
    def again(seconds: int) -> int:
        before = (ContextResult("slow", iso(END - seconds)), ContextResult("x", "never"))
        return len(asked(Source(), PLAIN, before=before))

    assert again(AGAIN_SECONDS - 1) == 0
    assert again(AGAIN_SECONDS) == 1


@pytest.mark.parametrize("error", [SourceUnavailableError("is down"), KeyError("x" * 999)])
def test_an_error_becomes_a_note(error: Exception) -> None:
    (found,) = asked(Source(error), PLAIN)
    assert found.rows == ()
    assert found.note
    assert len(found.note) <= MAX_NOTE


def test_a_source_that_cannot_be_opened_becomes_a_note_for_each() -> None:
    def broken() -> Source:
        raise SourceUnavailableError("no Secret")

    found = gather((PLAIN, ContextQuery("b", "q")), METRICS, (report(),), (), broken)
    assert [(one.name, one.note) for one in found] == [("slow", "no Secret"), ("b", "no Secret")]


def test_the_time_for_all_is_limited() -> None:
    source = Source([({}, 1.0)], takes=ALL_SECONDS / 2)
    found = asked(source, *(ContextQuery(name, "q") for name in "abcd"))
    assert [one.note for one in found] == ["", "", USED_UP, USED_UP]
    assert len(source.asked) == 2


def test_no_series_is_said_and_long_labels_are_cut() -> None:
    (found,) = asked(Source(), PLAIN)
    assert (found.note, found.rows) == (NOTHING, ())
    (long,) = asked(Source([({"route": "/" + "x" * 500}, 1.0)]), PLAIN)
    assert len(long.rows[0].label) == MAX_LABEL
