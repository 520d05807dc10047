"""`--schedule`: what the learning rate is to do, as JSON or as `kind=Cosine,peak=0.0003`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite

from anomaly_cli.refusal import ArgumentError
from detector_runtime.contract.training_run import DeclaredSchedule, RateSchedule

_STEPS = ("warmupSteps", "totalSteps", "everySteps", "restartSteps")
_RATES = ("peak", "final", "factor")
_DECAYS = {RateSchedule.STEP, RateSchedule.EXPONENTIAL}


def schedule_of(text: str) -> DeclaredSchedule | None:
    """None for an empty text. Raises ArgumentError."""
    if not text:
        return None
    given = _pairs(text)
    if unknown := given.keys() - {"kind", *_STEPS, *_RATES}:
        names = ", ".join(("kind", *_RATES, *_STEPS))
        raise ArgumentError(f"--schedule: no field {min(unknown)}; there are {names}")
    kinds = {one.value: one for one in RateSchedule}
    kind = kinds.get(str(given.get("kind")))
    if kind is None:
        raise ArgumentError(f"--schedule: kind is needed, one of {', '.join(kinds)}")
    numbers = {name: _number(name, value) for name, value in given.items() if name != "kind"}
    _check(kind, numbers)
    return DeclaredSchedule(
        kind=kind,
        peak=numbers["peak"],
        warmup_steps=int(numbers.get("warmupSteps", 0)),
        total_steps=int(numbers.get("totalSteps", 0)),
        final=numbers.get("final", 0.0),
        every_steps=int(numbers.get("everySteps", 0)),
        factor=numbers.get("factor", 1.0),
        restart_steps=int(numbers.get("restartSteps", 0)),
    )


def _pairs(text: str) -> Mapping[str, object]:
    if not text.lstrip().startswith("{"):
        return dict(_pair(one) for one in text.split(","))
    try:
        given: dict[str, object] = json.loads(text)
    except ValueError as error:
        raise ArgumentError(f"--schedule is no JSON: {error}") from None
    return given


def _pair(one: str) -> tuple[str, str]:
    name, equals, value = one.partition("=")
    if not equals:
        raise ArgumentError(f"--schedule {one}: needs NAME=VALUE, with commas between")
    return name.strip(), value.strip()


def _number(name: str, value: object) -> float:
    try:
        found = float(str(value))
    except ValueError:
        found = -1.0
    if not isfinite(found) or found < 0 or (name in _STEPS and found != int(found)):
        kind = "whole number" if name in _STEPS else "number"
        raise ArgumentError(f"--schedule: {name} is {value}; needs a {kind} from 0")
    return found


def _check(kind: RateSchedule, numbers: Mapping[str, float]) -> None:
    """What a course cannot do without."""
    if not numbers.get("peak"):
        raise ArgumentError("--schedule: peak is needed, the highest rate")
    if kind in _DECAYS and not (numbers.get("everySteps") and 0 < numbers.get("factor", 0) <= 1):
        raise ArgumentError(
            f"--schedule: {kind.value} needs everySteps, and a factor above 0 and up to 1"
        )
    if kind in {RateSchedule.LINEAR, RateSchedule.COSINE}:
        ends = numbers.get("totalSteps", 0) > numbers.get("warmupSteps", 0)
        if not ends and not numbers.get("restartSteps"):
            raise ArgumentError(
                f"--schedule: {kind.value} needs totalSteps above warmupSteps, or restartSteps"
            )
