"""Asks the context queries of a run's newest alerting window.

It can fail no run and keep none from its time: whatever goes wrong becomes a note, each query and
all of them together have a limit, and while a fault lasts each is asked every AGAIN_SECONDS.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from detector_runtime.contract.context import (
    MAX_LABEL,
    MAX_NOTE,
    MAX_VALUE,
    ContextQuery,
    ContextResult,
    ContextRow,
)
from detector_runtime.contract.detection import Finding, WindowReport
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import Role, Severity, Verdict
from detector_runtime.errors import one_line
from detector_runtime.log import log
from detector_runtime.series.units import readable

AGAIN_SECONDS = 600
ALL_SECONDS = 15.0
NOTHING = "no series has a value"
USED_UP = "not asked: the time for context queries was used up"

Series = tuple[Mapping[str, str], float]


class ContextSource(Protocol):
    """Answers an expression at one moment."""

    def largest(self, query: str, top: int, at: int) -> Sequence[Series]:
        """Labels and value of at least the `top` largest series at `at`, unix seconds."""
        ...


def gather(
    queries: Sequence[ContextQuery],
    metrics: Sequence[MetricSpec],
    reports: Sequence[WindowReport],
    before: Sequence[ContextResult],
    open_source: Callable[[], ContextSource],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[ContextResult, ...]:
    """What was asked now. `before`: the results of earlier runs. Raises nothing but what ends the
    process."""
    report = next(filter(alerts, reversed(reports)), None)
    if report is None:
        return ()
    at = unix(report.end)
    asked_at = {one.name: _moment(one.at) for one in before}
    roles = {metric.name: metric.role for metric in metrics}
    due = [
        one
        for one in queries
        if _wanted(one, report, roles) and at - asked_at.get(one.name, 0) >= AGAIN_SECONDS
    ]
    if not due:
        return ()
    deadline = clock() + ALL_SECONDS
    try:
        source = open_source()
    except Exception as error:  # noqa: BLE001 - context never fails a run
        return tuple(_failed(one, report.end, error) for one in due)
    return tuple(
        _asked(one, report.end, source)
        if clock() < deadline
        else ContextResult(one.name, report.end, USED_UP)
        for one in due
    )


def alerts(report: WindowReport) -> bool:
    """Whether a window has a finding that people would be told of."""
    return report.verdict is Verdict.ANOMALOUS and any(_alerting(report))


def _alerting(report: WindowReport) -> Iterator[Finding]:
    return (one for one in report.findings if one.severity.rank >= Severity.MEDIUM.rank)


def _wanted(query: ContextQuery, report: WindowReport, roles: Mapping[str, Role]) -> bool:
    if not query.roles and not query.patterns:
        return True
    return any(
        finding.pattern in query.patterns
        or any(roles.get(name) in query.roles for name in _about(finding))
        for finding in _alerting(report)
    )


def _about(finding: Finding) -> tuple[str, ...]:
    """The metrics of a finding: those that its pattern explains, else the leading one."""
    return finding.explains or tuple(one.metric for one in finding.contributions[:1])


def _asked(query: ContextQuery, end: str, source: ContextSource) -> ContextResult:
    try:
        found = source.largest(query.query, query.top, unix(end))
    except Exception as error:  # noqa: BLE001 - context never fails a run
        return _failed(query, end, error)
    known = [one for one in found if not math.isnan(one[1])]
    ranked = sorted(known, key=lambda one: (-one[1], _label(one[0])))[: query.top]
    rows = (
        ContextRow(_label(labels), one_line(readable(value, query.unit), MAX_VALUE))
        for labels, value in ranked
    )
    return ContextResult(query.name, end, "" if ranked else NOTHING, tuple(rows))


def _failed(query: ContextQuery, end: str, error: Exception) -> ContextResult:
    log("warning", "context query failed", name=query.name, error=str(error))
    return ContextResult(query.name, end, one_line(str(error), MAX_NOTE))


def _label(labels: Mapping[str, str]) -> str:
    """`/pay` of one label, `method=GET, route=/pay` of several, `total` of none."""
    named = {name: value for name, value in labels.items() if name != "__name__" and value}
    if len(named) <= 1:
        return one_line(next(iter(named.values()), "total"), MAX_LABEL)
    text = ", ".join(f"{name}={named[name]}" for name in sorted(named))
    return one_line(text, MAX_LABEL)


def _moment(text: str) -> int:
    try:
        return unix(text)
    except ValueError:
        return 0
