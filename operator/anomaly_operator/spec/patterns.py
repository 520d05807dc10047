"""Named patterns as a user or an administrator writes them, parsed once.

A pattern that can never name a window is refused with the reason, as its author would wait for it
in vain. Whether it fits a service's metrics is checked in `pattern_fit`, where those are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import TypeVar

from anomaly_operator.api.fields import Fields
from detector_runtime.contract.pattern_names import reserved
from detector_runtime.contract.patterns import (
    Circumstance,
    Level,
    LevelCondition,
    PatternSpec,
    RatioCondition,
)
from detector_runtime.contract.vocabulary import MAX_ACTIONS, Role, Severity

T = TypeVar("T")
E = TypeVar("E", Level, Circumstance)

MAX_PATTERNS = 16
MAX_NON_ALERTING = 32
MAX_CONDITIONS = 8
MAX_RATIOS = 4
MAX_MESSAGE = 512
MAX_IMPACT = 160
MAX_ACTION = 192
LOWER_IS_BETTER = frozenset({Role.ERRORS, Role.DEPENDENCY_LATENCY, Role.DATABASE_LATENCY})
"""Roles whose low values are good news: the runtime takes them as Normal."""
LOW = frozenset({Level.LOW, Level.VERY_LOW})
SINGLE = LOWER_IS_BETTER | {Role.TRAFFIC, Role.LATENCY}
"""Roles that at most one metric of a service has."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def read_patterns(
    fields: Fields, most: int = MAX_PATTERNS, *, strict: bool = False
) -> tuple[PatternSpec, ...]:
    """The list `patterns` of a spec or of the settings, `most` at most; `strict`: keys that nobody
    knows are refused. Raises the error of `fields`."""
    found = tuple(_pattern(item, strict) for item in fields.items("patterns"))
    if len(found) > most:
        raise fields.refuse("patterns", f"has {len(found)} entries, at most {most} are allowed")
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise fields.refuse("patterns", f"{name} is defined twice; remove one of the two")
    return found


def read_non_alerting(fields: Fields) -> tuple[str, ...]:
    """The list `nonAlertingPatterns` of a spec."""
    return _bounded(
        fields, "nonAlertingPatterns", fields.texts("nonAlertingPatterns"), MAX_NON_ALERTING
    )


def _pattern(item: Fields, strict: bool) -> PatternSpec:
    name = item.text("name")
    if not _NAME.fullmatch(name) or reserved(name):
        text = (
            f"{name!r} cannot name a pattern; write lower-case letters, digits and underscores "
            "(queue_backlog); metric_*, slo_breach, error_budget_burn and unexplained are taken"
        )
        raise item.refuse("name", text)
    severity = item.choice("severity", Severity.CRITICAL)
    if severity is Severity.NONE:
        raise item.refuse("severity", "None is no severity of a finding; write Informational")
    when = tuple(_level(one, strict) for one in item.items("when"))
    ratios = tuple(_ratio(one, strict) for one in item.items("ratios"))
    actions = _bounded(item, "actions", item.texts("actions"), MAX_ACTIONS)
    for action in actions:
        _short(item, "actions", action, MAX_ACTION)
    spec = PatternSpec(
        name=name,
        severity=severity,
        when=_bounded(item, "when", when, MAX_CONDITIONS),
        ratios=_bounded(item, "ratios", ratios, MAX_RATIOS),
        circumstances=_members(item, "circumstances", Circumstance),
        message=_short(item, "message", item.text("message"), MAX_MESSAGE),
        impact=_short(item, "impact", item.text("impact"), MAX_IMPACT),
        actions=actions,
        alerting=item.flag("alerting", default=True),
    )
    for field, problem in _pointless(spec):
        raise item.refuse(field, problem)
    _close(item, strict)
    return spec


def _level(item: Fields, strict: bool) -> LevelCondition:
    role, metric = _subject(item)
    levels = _members(item, "level", Level)
    if not levels or Level.UNKNOWN in levels:
        known = ", ".join(one for one in Level if one is not Level.UNKNOWN)
        raise item.refuse("level", f"names no level; write one or more of {known}")
    never = [one for one in levels if one in LOW]
    if role in LOWER_IS_BETTER and never:
        text = f"{role} is never {never[0]}, as low values of it are good news; write Normal"
        raise item.refuse("level", text)
    _close(item, strict)
    return LevelCondition(levels, role, metric)


def _ratio(item: Fields, strict: bool) -> RatioCondition:
    part, of = _subject(item), item.child("of")
    whole = _subject(of)
    if part == whole:
        raise item.refuse("of", f"{part[1] or part[0]} is compared with itself; name another")
    above = item.decimal("above")
    if above is None or above < 0:
        raise item.refuse("above", 'needs a decimal of 0 or more, such as "0.7"')
    _close(of, strict)
    _close(item, strict)
    return RatioCondition(above, *part, *whole)


def _subject(item: Fields) -> tuple[Role | None, str]:
    role, metric = item.optional_choice("role", Role), item.text("metric")
    if (role is None) == (not metric):
        raise item.refuse("", "name exactly one of role and metric")
    return role, metric


def _pointless(spec: PatternSpec) -> Iterator[tuple[str, str]]:
    """Why a pattern can never name a window, with the field that says so."""
    if not (spec.when or spec.ratios or spec.circumstances):
        yield "when", f"{spec.name} has no condition; add one to when or ratios"
    if spec.when and all(Level.NORMAL in one.levels for one in spec.when):
        text = (
            f"{spec.name} is met by normal values alone, so it explains no deviation; add a "
            "condition whose levels leave out Normal"
        )
        yield "when", text
    for one, other in combinations(spec.when, 2):
        same = (one.role, one.metric) == (other.role, other.metric)
        # Of several metrics with a role each may have its own level.
        alone = one.metric or one.role in SINGLE
        if same and alone and not set(one.levels) & set(other.levels):
            about = one.metric or one.role
            text = (
                f"{spec.name} wants {about} to be {' or '.join(one.levels)} and also "
                f"{' or '.join(other.levels)}; keep one of the two"
            )
            yield "when", text


def _members(item: Fields, key: str, kind: type[E]) -> tuple[E, ...]:
    texts = item.texts(key)
    for text in texts:
        if text not in {str(member) for member in kind}:
            raise item.refuse(key, f"{text!r} is none of {', '.join(kind)}")
    return tuple(dict.fromkeys(kind(text) for text in texts))


def _bounded(item: Fields, key: str, found: tuple[T, ...], most: int) -> tuple[T, ...]:
    if len(found) > most:
        raise item.refuse(key, f"has {len(found)} entries, at most {most} are allowed")
    return found


def _short(item: Fields, key: str, text: str, most: int) -> str:
    if len(text) > most:
        raise item.refuse(key, f"has a text of {len(text)} characters, at most {most} are allowed")
    return text


def _close(item: Fields, strict: bool) -> None:
    if strict:
        item.done()
