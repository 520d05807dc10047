"""What is known of a run, as plain JSON between two runs of the pod that follows it.

Exact: a run that is cut at any row goes on as if it had not been. Windows are base64 of packed
little-endian numbers, which takes half of decimal text. A document that is damaged or of another
version is refused and never repaired: the log is still there, and reading it again says the same.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from detector_runtime.training_run.baseline import Baseline
from detector_runtime.training_run.trigger import Tier
from detector_runtime.training_run.watch import DOUBLE, State

VERSION = 1
MAX_BYTES = 200 * 1024
"""Of the document as JSON without spaces, all windows full."""
_LABEL = struct.Struct("<QI")


class MemoryUnreadableError(ValueError):
    """The document is damaged or of another version; the message names the field."""


def dump(state: State) -> Mapping[str, Any]:
    """The whole state."""
    return {"version": VERSION, **_dumped(state)}


def load(document: object) -> State:
    """The state that `dump` was given. Raises MemoryUnreadableError."""
    if not isinstance(document, Mapping) or document.get("version") != VERSION:
        raise MemoryUnreadableError(f"the document is not of version {VERSION}")
    state = State()
    _load(state, document, "")
    return state


def _dumped(held: Any) -> dict[str, Any]:
    found = {}
    for one in fields(held):
        value = getattr(held, one.name)
        found[one.name] = _dumped(value) if is_dataclass(value) else _DUMPS[str(one.type)](value)
    return found


def _load(held: Any, document: object, path: str) -> None:
    """Fills `held`, a new object of a rule, with what the document says of it."""
    if not isinstance(document, Mapping):
        raise MemoryUnreadableError(f"{path} is no object")
    for one in fields(held):
        where, value = f"{path}{one.name}", document.get(one.name)
        if is_dataclass(nested := getattr(held, one.name)):
            _load(nested, value, f"{where}.")
            continue
        try:
            loaded = _LOADS[str(one.type)](value)
        except (ValueError, TypeError, AttributeError, struct.error) as error:
            raise MemoryUnreadableError(f"{where} cannot be read: {error}") from None
        setattr(held, one.name, loaded)


def _same(value: Any) -> Any:
    return value


def _packed(values: Iterable[float], kind: str = "d") -> str:
    held = list(values)
    return b64encode(struct.Struct(f"<{len(held)}{kind}").pack(*held)).decode()


def _unpacked(text: Any, kind: str = "d") -> tuple[float, ...]:
    raw = b64decode(text, validate=True)
    found = struct.Struct(f"<{len(raw) // struct.Struct(kind).size}{kind}").unpack(raw)
    if not all(map(isfinite, found)):
        raise ValueError("it holds a number that is not finite")
    return found


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value):
        raise TypeError(f"{value!r} is no finite number")
    return float(value)


def _baselines(held: Mapping[str, Baseline]) -> dict[str, Any]:
    return {
        name: {
            "last": one.last,
            "fell": one.fell,
            "values": _packed(one.values, "d" if name in DOUBLE else "f"),
        }
        for name, one in held.items()
    }


def _baselines_of(document: Any) -> dict[str, Baseline]:
    found = {}
    for name, one in document.items():
        values = _unpacked(one.get("values"), "d" if name in DOUBLE else "f")
        last, fell = _number(one.get("last")), _truth(one.get("fell"))
        found[name] = Baseline(deque(values), sorted(values), last, fell)
    return found


def _labels(known: Mapping[int, int]) -> str:
    return b64encode(b"".join(_LABEL.pack(*one) for one in known.items())).decode()


_DUMPS: Mapping[str, Callable[[Any], Any]] = {
    "int": _same,
    "bool": _same,
    "float": _same,
    "float | None": _same,
    "dict[str, int]": dict,
    "list[float]": _packed,
    "deque[float]": _packed,
    "deque[tuple[bool, float]]": lambda judged: [[*one] for one in judged],
    "dict[str, tuple[int, Tier]]": lambda told: {
        kind: [step, tier.value] for kind, (step, tier) in told.items()
    },
    "dict[int, int]": _labels,
    "dict[str, Baseline]": _baselines,
}
"""By the type of a field of a rule, as it is written there."""
_LOADS: Mapping[str, Callable[[Any], Any]] = {
    "int": _whole,
    "bool": _truth,
    "float": _number,
    "float | None": lambda value: None if value is None else _number(value),
    "dict[str, int]": lambda counts: {str(name): _whole(one) for name, one in counts.items()},
    "list[float]": lambda text: list(_unpacked(text)),
    "deque[float]": lambda text: deque(_unpacked(text)),
    "deque[tuple[bool, float]]": lambda judged: deque(
        (_truth(matches), _number(loss)) for matches, loss in judged
    ),
    "dict[str, tuple[int, Tier]]": lambda told: {
        str(kind): (_whole(step), Tier(tier)) for kind, (step, tier) in told.items()
    },
    "dict[int, int]": lambda text: dict(_LABEL.iter_unpack(b64decode(text, validate=True))),
    "dict[str, Baseline]": _baselines_of,
}
