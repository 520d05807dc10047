"""The sentences of a pattern with the figures of a window filled in.

A text consists of clauses that end with a semicolon or a colon; one whose figure is not known is
left out, so that no text ever says "missing". Placeholders: `{traffic}`, `{latency}`, `{errors}`,
`{database}`, `{dependency}` or a metric's name give the value with its unit, `.usual` its usual
range, `.times` how many times its usual value it is; `{ratio}`, `{dependencies}`, `{who}` are the
pattern's ratio, the anomalous dependencies, and the people or systems that are affected; `{when}`
is the time of the week, and nothing where one period is the whole week.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from detector_runtime.contract.placeholders import PLACEHOLDER, ROLES
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import MAX_ACTIONS, Category, Role
from detector_runtime.patterns.match import Match
from detector_runtime.patterns.standing import Standing
from detector_runtime.series.units import readable, readable_range

WHO = {
    Category.BUSINESS_CRITICAL: "customers",
    Category.CORE: "the services that depend on it",
    Category.STANDARD: "users",
    Category.ADMIN: "staff",
    Category.MICRO: "callers",
    Category.BACKGROUND: "its jobs",
}
_CLAUSE = re.compile(r"(?<=[;:])\s+")
_BLANKS = re.compile(r"\s+([,;:.!?)]|(?=\s)|$)")
MOST_TIMES = 100.0


@dataclass(frozen=True, slots=True)
class Words:
    """What a placeholder may stand for in one window. `period` empty: not worth a word."""

    metrics: tuple[Standing, ...]
    category: Category
    period: str
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    summary: str
    impact: str
    actions: tuple[str, ...]


def text(found: Match, words: Words) -> Text:
    """The texts of a pattern that fits a window; the summary is empty where no clause is known."""
    spec = found.spec
    known = _known(found, words)
    actions = (_filled(action, known) for action in spec.actions)
    return Text(
        _sentence(spec.message, known),
        _sentence(spec.impact, known),
        tuple(action for action in actions if action)[:MAX_ACTIONS],
    )


def _known(found: Match, words: Words) -> Mapping[str, str]:
    when = f"during {words.period}" if words.period else ""
    known = {"who": WHO[words.category], "when": when}
    if words.dependencies:
        known["dependencies"] = " and ".join(words.dependencies[:3])
    if math.isfinite(found.ratio):
        known["ratio"] = f"{100 * min(found.ratio, 1.0):.0f}%"
    for name, role in ROLES.items():
        standing = _telling(words.metrics, role, found.explains)
        if standing is not None:
            known |= _figures(name, standing)
    for standing in words.metrics:
        known |= _figures(standing.metric.name, standing)
    return known


def _telling(
    metrics: tuple[Standing, ...], role: Role, explains: tuple[str, ...]
) -> Standing | None:
    """The metric of a role that a sentence speaks of: the first that the pattern explains."""
    found = [one for one in metrics if one.metric.role is role and not math.isnan(one.value)]
    return next((one for one in found if one.metric.name in explains), found[0] if found else None)


def _figures(name: str, standing: Standing) -> dict[str, str]:
    unit, value = standing.metric.unit, standing.value
    if math.isnan(value):
        return {}
    figures = {name: readable(value, unit)}
    usual = readable_range(standing.low, standing.high, value, unit)
    if usual:
        figures[f"{name}.usual"] = usual
    middle = (standing.low + standing.high) / 2
    if math.isfinite(middle) and middle > 0 and value / middle >= 1.1:
        times = min(value / middle, MOST_TIMES)
        figures[f"{name}.times"] = f"{decimal(times, 2)}x"
    return figures


def _sentence(template: str, known: Mapping[str, str]) -> str:
    clauses = [_filled(clause, known) for clause in _CLAUSE.split(template)]
    joined = " ".join(clause for clause in clauses if clause).rstrip(";: ")
    return joined[:1].upper() + joined[1:]


def _filled(clause: str, known: Mapping[str, str]) -> str:
    """The clause with its figures; empty where one is not known."""
    wanted = [f"{name}.{part}" if part else name for name, part in PLACEHOLDER.findall(clause)]
    if not all(name in known for name in wanted):
        return ""
    filled = PLACEHOLDER.sub(
        lambda found: known[f"{found[1]}.{found[2]}" if found[2] else found[1]], clause
    )
    # An empty word leaves the blank before it.
    return filled if all(known[one] for one in wanted) else _BLANKS.sub(r"\1", filled).strip()
