"""Metric units: conversion to the units of the thresholds, and figures that people can read."""

from __future__ import annotations

import math

from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Unit

_TO_SECONDS = {Unit.SECONDS: 1.0, Unit.MILLISECONDS: 0.001}
_TO_RATIO = {Unit.RATIO: 1.0, Unit.PERCENT: 0.01}
_DIGITS = 3
_TIMES = ((1.0, " s"), (1e-3, " ms"), (1e-6, " µs"))
_SIZES = ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"))
_FACTORS = {suffix: factor for factor, suffix in (*_TIMES, *_SIZES)}


def seconds_per(unit: Unit) -> float | None:
    """Factor from `unit` to seconds; None when it is no unit of time."""
    return _TO_SECONDS.get(unit)


def ratio_per(unit: Unit) -> float | None:
    """Factor from `unit` to a ratio; None when it is no share."""
    return _TO_RATIO.get(unit)


def figure(value: float) -> str:
    """`value` as the status holds it: in the metric's own unit, `+Inf`, empty when missing."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return decimal(value)


def readable(value: float, unit: Unit) -> str:
    """`812 ms`, `3.2%`, `45 requests/s`, `60 MB`; `missing` without a value."""
    number, suffix = _shown(value, unit)
    return f"{number}{suffix}"


def readable_range(low: float, high: float, value: float, unit: Unit) -> str:
    """`120 to 198 ms`; for a rate `60 to 160`, as its unit stands with `value` before it. Empty
    when an end is not known."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    suffix = _scale(max(abs(low), abs(high)), unit)
    ends = " to ".join(_number(end, unit, suffix) for end in (low, high))
    said = unit is Unit.REQUESTS_PER_SECOND and math.isfinite(value)
    return ends if said else f"{ends}{suffix}"


def _shown(value: float, unit: Unit) -> tuple[str, str]:
    if math.isnan(value):
        return "missing", ""
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite", ""
    suffix = _scale(abs(value), unit)
    return _number(value, unit, suffix), suffix


def _scale(size: float, unit: Unit) -> str:
    """The suffix in which a value of this size reads best."""
    seconds = seconds_per(unit)
    if seconds is not None:
        own = " s" if unit is Unit.SECONDS else " ms"
        return _best(size * seconds, _TIMES, own)
    if unit is Unit.BYTES:
        return _best(size, _SIZES, " bytes")
    if ratio_per(unit) is not None:
        return "%"
    return " requests/s" if unit is Unit.REQUESTS_PER_SECOND else ""


def _best(size: float, scales: tuple[tuple[float, str], ...], least: str) -> str:
    return next((suffix for factor, suffix in scales if size >= factor), least)


def _number(value: float, unit: Unit, suffix: str) -> str:
    base = seconds_per(unit) or 1.0
    if unit is Unit.RATIO:
        base = 100.0
    return decimal(value * base / _FACTORS.get(suffix, 1.0), _DIGITS)
