"""PromQL of other tools as queries for the number of events within `$(window)`.

The texts are taken apart as far as strings, ranges and function names go, and no further: a query
in which the range cannot be told for sure is refused rather than guessed at.
"""

from __future__ import annotations

import re

from anomaly_cli.imports.manifest import ManifestError

WINDOW = "$(window)"
SAMPLE = "1m"
"""Between two samples of a value that is no counter; each of them counts as one event."""
STILL_A_RATE = (
    "kept as a rate, as it has other ranges than the window; the least number of bad events "
    "(minBadEvents) needs a count, so write it with increase"
)

_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_TEMPLATE = re.compile(r"\{\{-?\s*\.?\s*window\s*-?\}\}")
_GRAFANA = re.compile(
    r"\$(?:\{(?:__range|__rate_interval|__interval)\}"
    r"|(?:__range|__rate_interval|__interval)\b)"
)
_RANGE = re.compile(r"\[([^\]]*)\]")
_RATE = re.compile(r"\brate(?=\s*\()")
_SELECTOR = re.compile(
    r"^\s*(?P<metric>[a-zA-Z_:][\w:]*\s*(?:\{[^{}]*\})?|\{[^{}]*\})"
    r"\s*(?P<offset>offset\s+-?\w+)?\s*$"
)
_SUM = re.compile(r"^\s*sum\s*\((?P<inner>.*)\)\s*$", re.DOTALL)


def masked(query: str) -> str:
    """The query with the insides of its strings blanked, character by character."""
    return _STRING.sub(lambda found: '"' + "_" * (len(found[0]) - 2) + '"', query)


def templated(query: str) -> str:
    """With `$(window)` in the place of another tool's placeholder for it. Raises ManifestError for
    a placeholder that is none of the known ones.
    """
    found = _GRAFANA.sub(WINDOW, _TEMPLATE.sub(WINDOW, query)).strip()
    if "{{" in masked(found):
        raise ManifestError("the query has a template other than the window's")
    return found


def counted(query: str) -> tuple[str, bool]:
    """A query over the window as number of events, and whether it is one: `rate` over the window
    becomes `increase`, which is the same times the length of the window. Where other ranges stand
    in the query nothing is changed, as the two would no longer be the same.
    """
    bare = masked(query)
    if not _RATE.search(bare):
        return query, True
    if any(found != WINDOW for found in _RANGE.findall(bare)):
        return query, False
    return _replaced(query, bare, _RATE, "increase"), True


def widened(query: str) -> str | None:
    """A query with one fixed range, as `sum(rate(x[5m]))`, over the window instead; None where it
    has none, several, or a subquery.
    """
    bare = masked(query)
    ranges = set(_RANGE.findall(bare))
    if len(ranges) != 1 or ":" in next(iter(ranges)):
        return None
    return _replaced(query, bare, _RANGE, f"[{WINDOW}]")


def increase(query: str) -> str | None:
    """The increase over the window of a counter, given as selector or as the sum of one; None for
    anything else.
    """
    selected = _selector(query) or _selector(_inside_sum(query))
    if selected is None:
        return None
    metric, offset = selected
    return f"sum(increase({metric}[{WINDOW}]{offset}))"


def over_time(function: str, query: str) -> str:
    """`function` over the samples of the window, of any query: a series as it is, all else by a
    subquery.
    """
    selected = _selector(query)
    if selected is None:
        return sampled(function, query)
    metric, offset = selected
    return f"sum({function}({metric}[{WINDOW}]{offset}))"


def sampled(function: str, query: str) -> str:
    """`function` over one value each SAMPLE, so that two such counts are of the same moments."""
    return f"sum({function}(({query})[{WINDOW}:{SAMPLE}]))"


def zero_without_series(query: str) -> str:
    """A sum of bad events that is 0 where the series does not exist yet, as before the first
    failure. Anything but one sum may have labels, beside which a zero would be a second result.
    """
    bare = masked(query).rstrip()
    opened = re.match(r"\s*sum\s*\(", bare)
    if opened is None:
        return query
    depth = 1
    for place in range(opened.end(), len(bare)):
        depth += {"(": 1, ")": -1}.get(bare[place], 0)
        if depth == 0:
            return f"{query.rstrip()} or vector(0)" if place == len(bare) - 1 else query
    return query


def mean_over_time(query: str) -> str:
    """The mean of a ratio over the samples of the window."""
    return f"avg(avg_over_time(({query})[{WINDOW}:{SAMPLE}]))"


def _inside_sum(query: str) -> str:
    """What a query sums up, if it is one sum and nothing else."""
    found = _SUM.match(query)
    return found["inner"] if found else ""


def _selector(query: str) -> tuple[str, str] | None:
    """Metric with matchers, and offset, of a query that is a selector alone."""
    found = _SELECTOR.match(masked(query))
    if not found:
        return None
    metric = query[found.start("metric") : found.end("metric")].strip()
    return metric, f" {found['offset']}" if found["offset"] else ""


def _replaced(query: str, bare: str, pattern: re.Pattern[str], by: str) -> str:
    """`query` with `by` wherever `pattern` matches outside of strings."""
    parts, end = [], 0
    for found in pattern.finditer(bare):
        parts += [query[end : found.start()], by]
        end = found.end()
    return "".join([*parts, query[end:]])
