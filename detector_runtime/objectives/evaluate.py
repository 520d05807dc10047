"""All objectives of a service at the windows of a run, with as few requests as possible.

The short windows are asked for in each run, a long one only while its short one burns, and the
budget once an hour; all that in one request wherever it is known before. Objectives never fail a
run: what the source refuses makes them Inconclusive, and one bad query takes no other with it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from detector_runtime.contract.codec import dumps
from detector_runtime.contract.objectives import ObjectiveReport, ObjectiveSpec
from detector_runtime.contract.text import iso, unix
from detector_runtime.errors import QueryInvalidError, ResponseTooLargeError, RunError
from detector_runtime.objectives.burn import Burn, Events, burning, events_of, smoulders
from detector_runtime.objectives.queries import Ask, joined, mark, sides
from detector_runtime.objectives.report import Seen, budget_of, report_of

BUDGET_SECONDS = 3600
"""Between two evaluations of a budget."""
AGAIN_SECONDS = 600
"""Before a budget that an outage left open is asked for again, the first time."""
AT_FAULT = (QueryInvalidError, ResponseTooLargeError)
"""Errors of one of the queries, so that the others are worth a request of their own."""

Values = Mapping[int, float]
"""By the time that a value is for, unix seconds."""


class EventSource(Protocol):
    """Answers an expression of marked parts."""

    def values(self, query: str, first: int, last: int, step: int) -> Mapping[str, Values]:
        """The values at `first`, `first + step` .. `last` by mark; RunError else."""
        ...


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows with since < end <= until."""

    since: int
    until: int
    step: int

    @property
    def first(self) -> int:
        return self.since + self.step

    @property
    def ends(self) -> range:
        return range(self.first, self.until + 1, self.step)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """`reports`: the objectives at the newest window; `burns`: what burns, by the window's end."""

    reports: tuple[ObjectiveReport, ...] = ()
    burns: Mapping[int, tuple[Burn, ...]] = field(default_factory=dict)


def evaluate(
    objectives: Sequence[ObjectiveSpec],
    before: Sequence[ObjectiveReport],
    span: Windows,
    open_source: Callable[[], EventSource],
) -> Evaluated:
    """`before`: the reports of the previous run, of any objectives."""
    if not objectives:
        return Evaluated()
    known = {one.name: one for one in before}
    runs = tuple(_Objective(one, known.get(one.name), span) for one in objectives)
    try:
        source = open_source()
    except RunError as error:
        _failed(runs, error)
    else:
        _ask_all(source, [one for one in runs if not one.waits], span)
    burns: dict[int, tuple[Burn, ...]] = {}
    for end in span.ends:
        found = tuple(burn for one in runs if (burn := one.burn(end)) is not None)
        if found:
            burns[end] = tuple(sorted(found, key=lambda one: -one.tier.severity.rank))
    return Evaluated(tuple(one.report() for one in runs), burns)


def _ask_all(source: EventSource, runs: list[_Objective], span: Windows) -> None:
    due = [one for one in runs if one.budget.due]
    first = [ask for one in runs for ask in one.soon()]
    request = _Request(source, {one.spec.name: one for one in runs}, span)
    # Of one window the budget costs no request of its own, unless it would take the others with it.
    alone = span.until == span.first and not any(one.budget.failure for one in due)
    if not due or not alone:
        request.isolated(first)
        request.budgets([one for one in due if not one.failure])
    elif (error := request.fails([*first, *(one.budget.ask for one in due)])) is None:
        for one in due:
            one.budget.answered(None)
    else:
        request.isolated(first)
        if isinstance(error, AT_FAULT):
            request.budgets([one for one in due if not one.failure])
        else:
            for one in due:
                one.budget.answered(error)
    request.isolated([ask for one in runs for ask in one.then()])


class _Request:
    """Asks, and keeps what was answered with the objectives."""

    def __init__(self, source: EventSource, runs: Mapping[str, _Objective], span: Windows) -> None:
        self._source, self._runs, self._span = source, runs, span

    def isolated(self, asks: list[Ask]) -> None:
        """Ask for all at once, and one objective at a time if one of them is at fault."""
        error = self.fails(asks)
        if error is None:
            return
        names = dict.fromkeys(ask.objective.name for ask in asks)
        if not isinstance(error, AT_FAULT):
            _failed([self._runs[name] for name in names], error)
            return
        for name in names:
            self._alone(self._runs[name], [ask for ask in asks if ask.objective.name == name])

    def _alone(self, run: _Objective, asks: list[Ask]) -> None:
        """Ask for one objective, and for its short windows alone if the long ones are at fault."""
        error = self.fails(asks)
        if error is None:
            return
        run.failure = str(error)
        short = {tier.short_seconds for tier in run.spec.tiers}
        fewer = [ask for ask in asks if ask.seconds in short]
        run.refused = bool(fewer) and (len(fewer) == len(asks) or self.fails(fewer) is not None)

    def budgets(self, due: list[_Objective]) -> None:
        """Ask for the budgets at the newest window, one at a time if one of them is at fault."""
        error = self.fails([one.budget.ask for one in due], newest=True)
        for one in due:
            own = error
            if len(due) > 1 and isinstance(error, AT_FAULT):
                own = self.fails([one.budget.ask], newest=True)
            one.budget.answered(own)

    def fails(self, asks: list[Ask], newest: bool = False) -> RunError | None:
        """Ask for all at once; the error if there is one. `newest`: only at the newest window."""
        if not asks:
            return None
        unique = list({ask.key: ask for ask in asks}.values())
        span = self._span
        first = span.until if newest else span.first
        try:
            found = self._source.values(joined(unique), first, span.until, span.step)
        except RunError as error:
            return error
        for ask in unique:
            self._runs[ask.objective.name].take(ask.seconds, found)
        return None


def _failed(runs: Sequence[_Objective], error: RunError) -> None:
    for one in runs:
        one.failure = str(error)


class _Budget:
    """When the budget of an objective is asked for, and why it was not answered."""

    def __init__(self, spec: ObjectiveSpec, before: ObjectiveReport | None, until: int) -> None:
        self.ask = Ask(spec, spec.window_seconds)
        self.failure = before.budget_failure if before else ""
        self._until, self.next = until, _moment(before.budget_due if before else "")

    @property
    def due(self) -> bool:
        return self.next <= self._until

    def answered(self, error: RunError | None) -> None:
        """`error` None: there was an answer, though it may hold no value."""
        passing = error is not None and not isinstance(error, AT_FAULT)
        wait = AGAIN_SECONDS if passing and not self.failure else BUDGET_SECONDS
        self.next, self.failure = self._until + wait, str(error or "")


class _Objective:
    """One objective during a run. `waits`: its queries were refused lately, so they are not asked
    for; `values`: by window and query, what the source answered."""

    def __init__(self, spec: ObjectiveSpec, before: ObjectiveReport | None, span: Windows) -> None:
        self.spec, self.span = spec, span
        self.digest = f"{zlib.crc32(dumps(spec).encode()):08x}"
        same = before is not None and before.digest == self.digest
        self.before = before if same else None
        self.waits = self.before is not None and _moment(self.before.retry_at) > span.until
        self.budget = _Budget(spec, self.before, span.until)
        self.failure = ""
        self.refused = False
        self._values: dict[int, dict[str, Values]] = {}

    def soon(self) -> list[Ask]:
        """The short windows, and the long ones whose short one burnt in the last run."""
        lately = self.before.smouldering if self.before else ()
        short = [Ask(self.spec, tier.short_seconds) for tier in self.spec.tiers]
        long = [Ask(self.spec, one.long_seconds) for one in self.spec.tiers if one.name in lately]
        return [*short, *long]

    def then(self) -> list[Ask]:
        """The long windows whose short one burns now, as far as they have not been asked for."""
        if self.refused or self.failure:
            return []
        return [
            Ask(self.spec, tier.long_seconds)
            for tier in self.spec.tiers
            if tier.long_seconds not in self._values
            and any(smoulders(self.spec, tier, self._windows(end)) for end in self.span.ends)
        ]

    def take(self, seconds: int, found: Mapping[str, Values]) -> None:
        spec = self.spec
        marks = {side: mark(spec, side, seconds) for side in sides(spec)}
        self._values[seconds] = {side: found.get(text, {}) for side, text in marks.items()}

    def burn(self, end: int) -> Burn | None:
        found = burning(self.spec, self._windows(end))
        return found and replace(found, budget_left=budget_of(self.spec, self.before, self._seen()))

    def report(self) -> ObjectiveReport:
        return report_of(self.spec, self.before, self._seen())

    def _seen(self) -> Seen:
        end = self.span.until
        missing = {
            seconds: tuple(side for side, values in found.items() if end not in values)
            for seconds, found in self._values.items()
        }
        return Seen(
            end=end,
            digest=self.digest,
            windows=self._windows(end),
            missing=missing,
            failure=self.failure,
            budget_failure=self.budget.failure,
            budget_due=iso(self.budget.next) if self.budget.next else "",
            refused=self.refused,
            waits=self.waits,
        )

    def _windows(self, end: int) -> dict[int, Events | None]:
        return {
            seconds: events_of(self.spec, {side: values.get(end) for side, values in found.items()})
            for seconds, found in self._values.items()
        }


def _moment(text: str) -> int:
    """Unix seconds; 0 for a text that is none."""
    try:
        return unix(text)
    except ValueError:
        return 0
