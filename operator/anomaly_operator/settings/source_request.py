"""Reads what an administrator adds to the requests of a source: headers, parameters, limits.

Refuses what would change the query, take the place of the login or break the connection, and every
placeholder but `$(namespace)`: tenants follow namespaces, and users do not choose those.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from anomaly_operator.api.fields import Fields, SettingsError
from detector_runtime.contract.source_request import (
    MAX_ENTRIES,
    SourceLimits,
    header_problem,
    parameter_problem,
    value_problem,
)

_PLACEHOLDER = re.compile(r"\$\(([^)]*)\)")

Pairs = tuple[tuple[str, str], ...]


def read_headers(part: Fields) -> Pairs:
    """`headers`, sorted by name."""
    given, where = part.mapping("headers"), part.at("headers")
    pairs = tuple((name, _text(given[name], f"{where}.{name}")) for name in sorted(given))
    _check(pairs, where, header_problem)
    low = [name.lower() for name, _ in pairs]
    twice = next((name for name in low if low.count(name) > 1), "")
    if twice:
        raise SettingsError(f"{where}: {twice} stands here twice; case makes no difference")
    return pairs


def read_query_parameters(part: Fields) -> Pairs:
    """`queryParameters`, sorted by name. A list gives its parameter several times."""
    given, where = part.mapping("queryParameters"), part.at("queryParameters")
    pairs = tuple(
        (name, _parameter(value, f"{where}.{name}"))
        for name in sorted(given)
        for value in (given[name] if isinstance(given[name], list) else [given[name]])
    )
    _check(pairs, where, parameter_problem)
    return pairs


def read_limits(part: Fields) -> SourceLimits:
    """`limits` of one range query; 0 where nothing is set."""
    limits = SourceLimits(
        max_points=part.integer("maxPoints", 0, minimum=10, maximum=1_000_000),
        max_range_seconds=int(part.seconds("maxRange", 0, minimum=300, maximum=366 * 86_400)),
    )
    part.done()
    return limits


def read_harmless_warnings(part: Fields) -> tuple[str, ...]:
    """`harmlessWarnings`: beginnings of warnings that do not mean missing data."""
    texts, where = part.texts("harmlessWarnings"), part.at("harmlessWarnings")
    if len(texts) > MAX_ENTRIES:
        raise SettingsError(f"{where}: {len(texts)} entries, at most {MAX_ENTRIES} are taken")
    for text in texts:
        # One of a few letters would hide what says that data is missing.
        if not 8 <= len(text) <= 160:
            raise SettingsError(f"{where}: {text!r} has {len(text)} characters; write 8 to 160")
    return texts


def in_namespace(pairs: Pairs, namespace: str) -> Pairs:
    """`pairs` with the placeholder filled in."""
    return tuple((name, value.replace("$(namespace)", namespace)) for name, value in pairs)


def _check(pairs: Pairs, where: str, name_problem: Callable[[str], str]) -> None:
    if len(pairs) > MAX_ENTRIES:
        raise SettingsError(f"{where}: {len(pairs)} entries, at most {MAX_ENTRIES} are taken")
    for name, value in pairs:
        problem = name_problem(name) or value_problem(value)
        if problem:
            raise SettingsError(f"{where}.{name}: {problem}")
        for match in _PLACEHOLDER.finditer(value):
            if match[1] != "namespace":
                raise SettingsError(
                    f"{where}.{name}: {match[0]} is not filled in here; only $(namespace) is"
                )


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{where}: {value!r} is not a string; put it in quotes")
    return value


def _parameter(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _text(value, where)
