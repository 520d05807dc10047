"""From a request's body to numbers, checked field by field.

A value is taken only if it is a finite number under a feature's own name: what a model would make
of anything else, a client could not tell from an answer. Names may come in any order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detector_runtime.series.frame import Floats, Ints

MAX_ROWS = 1000
"""Observations of a batch, and rows of a history."""
MAX_ID = 128
MAX_VALUE = 1e300
"""Of a value, either side: its square and its distance from another must not overflow silently."""
MAX_TIME = 253_402_300_799
"""The last second of the year 9999."""

Where = tuple[str | int, ...]


class FieldError(ValueError):
    """`loc`: where in the body, `message`: what is wrong and what is wanted."""

    def __init__(self, loc: Where, message: str) -> None:
        super().__init__(message)
        self.loc = loc
        self.message = message


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """`values` (m,) in the model's order; `history` (h, m): the rows right before it, oldest
    first, each one step apart; `time`: unix seconds of the window's end."""

    identifier: str
    values: Floats
    time: int
    history: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """`values` (n, m); `times` (n,) unix seconds of the windows' ends."""

    identifiers: tuple[str, ...]
    values: Floats
    times: Ints


def read_json(body: bytes) -> Any:
    """The JSON of a body; FieldError for what is none. NaN and Infinity are read, so that the field
    that holds one can be named."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FieldError(("body",), "not JSON; send an object in UTF-8") from error


def read_observation(document: Any, names: Sequence[str], generated: str, now: int) -> Observation:
    """One observation; `generated`: its id where the client gives none; `now`: its time likewise,
    in unix seconds."""
    found = _object(document, ("body",), _SINGLE)
    values = _row(found.get("features"), names, ("body", "features"))
    time = _time(found, ("body",))
    history = None
    if "history" in found:
        if time is None:
            raise FieldError(("body", "time"), "missing; history needs the time of this window")
        history = _rows(found["history"], names, ("body", "history"))
    identifier = _identifier(found, ("body",), generated)
    return Observation(identifier, values, now if time is None else time, history)


def read_batch(document: Any, names: Sequence[str], generated: str, now: int) -> Batch:
    """At most MAX_ROWS observations; `generated`: what their ids begin with where they have none;
    `now`: the time of those that say none, in unix seconds."""
    listed = _object(document, ("body",), {"observations"}).get("observations")
    rows = _list(listed, ("body", "observations"), least=1)
    values, identifiers, times = [], [], []
    for number, row in enumerate(rows):
        loc: Where = ("body", "observations", number)
        found = _object(row, loc, _LISTED)
        values.append(_row(found.get("features"), names, (*loc, "features")))
        identifiers.append(_identifier(found, loc, f"{generated}-{number}"))
        time = _time(found, loc)
        times.append(now if time is None else time)
    table = np.array(values, dtype=np.float64)
    return Batch(tuple(identifiers), table, np.array(times, dtype=np.int64))


_SINGLE = frozenset({"features", "observation_id", "time", "history"})
_LISTED = frozenset({"features", "observation_id", "time"})


def _rows(listed: Any, names: Sequence[str], loc: Where) -> Floats:
    rows = _list(listed, loc, least=0)
    found = [_row(row, names, (*loc, number)) for number, row in enumerate(rows)]
    return np.array(found, dtype=np.float64).reshape(len(found), len(names))


def _row(features: Any, names: Sequence[str], loc: Where) -> Floats:
    if features is None:
        raise FieldError(loc, "missing; give a number for each feature of the model")
    if not isinstance(features, dict):
        raise FieldError(loc, f"{_kind(features)}; want an object of feature names and numbers")
    try:
        values = [features[name] for name in names]
    except KeyError as error:
        raise FieldError((*loc, str(error.args[0])), "missing; give a finite number") from error
    if len(features) > len(names):
        odd = next(name for name in features if name not in names)
        raise FieldError(
            (*loc, odd[:80]), f"unknown; the model's features are {', '.join(names)[:300]}"
        )
    for name, value in zip(names, values, strict=True):
        if type(value) is not float and type(value) is not int:
            raise FieldError((*loc, name), f"{_kind(value)}; want a finite number")
        if not -MAX_VALUE <= value <= MAX_VALUE:
            raise FieldError((*loc, name), f"want a finite number of at most {MAX_VALUE:g}")
    return np.array(values, dtype=np.float64)


def _time(found: dict[str, Any], loc: Where) -> int | None:
    if "time" not in found:
        return None
    time = found["time"]
    if isinstance(time, float) and time.is_integer():
        time = int(time)  # 1.0 is an integer to JSON Schema
    if type(time) is not int or not 0 <= time <= MAX_TIME:
        raise FieldError((*loc, "time"), f"want whole unix seconds from 0 to {MAX_TIME}")
    return time


def _identifier(found: dict[str, Any], loc: Where, generated: str) -> str:
    given = found.get("observation_id", generated)
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID:
        raise FieldError((*loc, "observation_id"), f"want a text of 1 to {MAX_ID} characters")
    return given


def _object(document: Any, loc: Where, known: frozenset[str] | set[str]) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise FieldError(loc, f"{_kind(document)}; want an object")
    for name in document:
        if name not in known:
            raise FieldError((*loc, name[:80]), f"unknown; want {', '.join(sorted(known))}")
    return document


def _list(listed: Any, loc: Where, least: int) -> list[Any]:
    if listed is None:
        raise FieldError(loc, "missing; want a list")
    if not isinstance(listed, list):
        raise FieldError(loc, f"{_kind(listed)}; want a list")
    if not least <= len(listed) <= MAX_ROWS:
        raise FieldError(loc, f"{len(listed)} rows; want {least} to {MAX_ROWS}")
    return listed


def _kind(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    return _KINDS.get(type(value), "of another type")


_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
