"""One row of a training log, parsed once into typed values.

A row without a step, or with text where a number belongs, is refused; a field that is missing,
null or empty is not known and never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import copysign, inf, isfinite

LOSS, LEARNING_RATE, ACCURACY, ACCURACY_PERCENT = (
    "loss",
    "learning_rate",
    "accuracy",
    "accuracy_percent",
)
STEP, TIME, RESUME = "step", "time", "resume"
PROMPT, GOLDEN, ANSWER, MATCHES = "prompt", "golden_answer", "model_answer", "matches"
ALIASES: Mapping[str, tuple[str, ...]] = {
    STEP: ("global_step", "current_step"),
    TIME: ("timestamp",),
    LEARNING_RATE: ("lr",),
    PROMPT: ("current_prompt",),
    MATCHES: ("answer_matches",),
}
"""What trainers call a field, where the log does not have it under its own name."""
FIELDS = (
    STEP, TIME, LOSS, LEARNING_RATE, ACCURACY, ACCURACY_PERCENT,
    PROMPT, GOLDEN, ANSWER, MATCHES, RESUME,
)  # fmt: skip
NOT_JUDGED = frozenset({"date", "epoch", "loss_scale"})
"""Fields that jump by design."""
_NO_METRIC = NOT_JUDGED.union(FIELDS)
_ALIASED = frozenset(other for others in ALIASES.values() for other in others)
_OF_EXAMPLE = frozenset({PROMPT, GOLDEN, ANSWER, MATCHES})
MAX_METRIC_NAME = 100
MILLISECONDS_FROM = 1e11
"""A larger number of seconds would be a year beyond 5000: the log counts in milliseconds."""
MOST = 1e100
"""A number beyond counts as infinite: its square would be."""
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


class RowError(ValueError):
    """A row that cannot be used; the message names the field and the value."""


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt. `prompt`, `golden` and `answer` are empty where the log does not have them;
    `matches` is None where nothing says whether the answer was correct."""

    prompt: str
    golden: str
    matches: bool | None
    loss: float | None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What a trainer logged at one step; None: not logged. `accuracy` is as logged: a part of 1, or
    percent. Numbers may be NaN or infinite. `time` in unix seconds, None also where the log's own
    cannot be read."""

    step: int
    loss: float | None = None
    learning_rate: float | None = None
    accuracy: float | None = None
    accuracy_percent: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    example: Example | None = None
    resume: bool = False
    time: float | None = None


def row_of(raw: Mapping[str, object]) -> Row:
    """The row behind the fields of a line; values are JSON values or text. Raises RowError."""
    named = raw if _ALIASED.isdisjoint(raw) else _named(raw)
    loss = _number(named, LOSS)
    return Row(
        step=_step(named),
        loss=loss,
        learning_rate=_number(named, LEARNING_RATE),
        accuracy=_number(named, ACCURACY),
        accuracy_percent=_number(named, ACCURACY_PERCENT),
        metrics=_metrics(named),
        example=None if _OF_EXAMPLE.isdisjoint(named) else _example(named, loss),
        resume=RESUME in named and _truth(named, RESUME) is True,
        time=_time(named.get(TIME)),
    )


def _named(raw: Mapping[str, object]) -> Mapping[str, object]:
    """The fields under their own names."""
    named = dict(raw)
    for name, others in ALIASES.items():
        for other in others:
            value = named.pop(other, None)
            if named.get(name) is None and value is not None:
                named[name] = value
    return named


def _time(value: object) -> float | None:
    """Of unix seconds or milliseconds, or of an ISO 8601 text; one without a zone is in UTC."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        seconds = _moment(str(value))
    if not isfinite(seconds) or seconds <= 0:
        return None
    return seconds / 1000 if seconds >= MILLISECONDS_FROM else seconds


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _step(named: Mapping[str, object]) -> int:
    step = _number(named, STEP)
    if step is None:
        raise RowError("has no step")
    if not 0 <= step <= 2**53 or step != int(step):
        raise RowError(f"step is {step}; needs a whole number from 0")
    return int(step)


def _number(named: Mapping[str, object], name: str) -> float | None:
    value = named.get(name)
    if type(value) is float and -MOST <= value <= MOST:
        return value
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RowError(f"{name} is no number")
    try:
        return _limited(float(value))
    except (ValueError, OverflowError):
        raise RowError(f"{name} is no number") from None


def _limited(value: float) -> float:
    return copysign(inf, value) if abs(value) > MOST else value


def _metrics(named: Mapping[str, object]) -> dict[str, float]:
    found = {}
    for name, value in named.items():
        if name in _NO_METRIC or len(name) > MAX_METRIC_NAME:
            continue
        if type(value) is float and -MOST <= value <= MOST:
            found[name] = value
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
            continue
        try:
            found[name] = _limited(float(value))
        except (ValueError, OverflowError):
            continue
    return found


def _example(named: Mapping[str, object], loss: float | None) -> Example | None:
    prompt, golden, answer = (_text(named, name) for name in (PROMPT, GOLDEN, ANSWER))
    matches = _truth(named, MATCHES)
    if matches is None and golden and answer:
        matches = golden.strip() == answer.strip()
    if matches is None and not (prompt and golden):
        return None
    return Example(prompt, golden, matches, loss, answer)


def _text(named: Mapping[str, object], name: str) -> str:
    value = named.get(name)
    return "" if value is None else str(value)


def _truth(named: Mapping[str, object], name: str) -> bool | None:
    text = _text(named, name).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text:
        raise RowError(f"{name} is neither true nor false")
    return None
