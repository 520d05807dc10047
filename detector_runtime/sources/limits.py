"""Whether a refusal speaks of a limit on range, points, samples or time.

A limit is not the query's fault: a shorter span may pass. The same limit comes as 400, 413, 422,
500, 503 or 504, so the words decide. They are those of Prometheus, Thanos, Cortex, Mimir,
VictoriaMetrics, M3 and the managed services. A query that cannot be parsed, or whose text is too
long, stays wrong at any span and is no limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_GATEWAY_TIMEOUTS = frozenset({408, 504, 524})
_NEVER = frozenset({401, 403, 404, 429})


class LimitKind(StrEnum):
    RANGE = "time range"
    POINTS = "points of a series"
    AMOUNT = "amount of data"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Limit:
    """`said`: the source's words; `knob`: the name of its setting, where known."""

    kind: LimitKind
    said: str
    knob: str = ""


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


_WRONG_QUERY = _any(
    r"parse error|cannot parse|unknown function",
    r"unexpected (end|identifier|character|token)",
    r"invalid parameter \\?\"(query|timeout)",
    r"negative query resolution|must not be before",
    # Limits on the text of a query, of VictoriaMetrics and Mimir.
    r"too long query|(query|query string|expression) is too long|maxQueryLen\b",
    r"expression-size|raw query size",
)
# In this order: the phrases of the last kind are the widest.
_PHRASES = {
    LimitKind.POINTS: _any(
        r"points per time ?series|pointspertimeseries|maximum resolution",
        r"too many (data ?)?points|number of (data ?)?points",
    ),
    LimitKind.RANGE: _any(
        r"time range exceeds|max-(total-|partial-)?query-length",
        r"max(imum)?[ _-](query|time|allowed)[ _-](length|range|span)",
        r"(time|query|date) (range|span|length|interval)\b.{0,60}"
        r"(exceed|too (long|large|big|wide)|(longer|larger|greater|more) than|limited to|at most)",
        r"exceed\w* .{0,60}\b(time range|query range|query length|\d+ ?(d|days|hours|h)\b)",
    ),
    LimitKind.TIME: _any(
        # An i/o time-out is one of the source's own connections.
        r"(?<!i/o )tim(ed|e)[ -]?out|deadline exceeded|took too long|maxqueryduration",
    ),
    LimitKind.AMOUNT: _any(
        r"too many (samples|chunks|series|time ?series|bytes)|cannot select more than",
        r"(bytes|response|result|message) (is )?too large|larger than max",
        r"maxsamplesper|max-samples|not enough memory|maxmemoryperquery|resource ?exhausted",
        r"(exceed\w*|hit the) .{0,60}(samples|chunks|series|bytes|memory|data)",
        r"(samples|chunks|series|bytes|memory|data|size)\b.{0,60}(exceed|limit (hit|reached))",
        r"exceeds? (the )?(\w+ )?limit|limit exceeded",
    ),
}
_KNOB = re.compile(r"(?<![\w-])--?[a-z][a-z0-9]*[.-][A-Za-z0-9.-]*[A-Za-z0-9]")
_KNOWN_KNOBS = (
    ("would load too many samples into memory", "--query.max-samples"),
    ("query timed out in", "--query.timeout"),
)


def limit_of(status: int, said: str) -> Limit | None:
    """The limit that an answer of `status` with the words `said` speaks of; None for no limit."""
    if status < 400 or status in _NEVER or _WRONG_QUERY.search(said):
        return None
    for kind, phrase in _PHRASES.items():
        if phrase.search(said):
            return Limit(kind, said, _knob(said))
    if status in _GATEWAY_TIMEOUTS:
        return Limit(LimitKind.TIME, said or f"status {status}")
    return None


def _knob(said: str) -> str:
    named = _KNOB.search(said)
    if named is not None:
        return named[0]
    return next((knob for phrase, knob in _KNOWN_KNOBS if phrase in said), "")
