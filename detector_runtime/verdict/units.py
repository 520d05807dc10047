"""Metric units: conversion to the units of the thresholds, and figures that people can read."""

from __future__ import annotations

from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Unit

_TO_SECONDS = {Unit.SECONDS: 1.0, Unit.MILLISECONDS: 0.001}
_TO_RATIO = {Unit.RATIO: 1.0, Unit.PERCENT: 0.01}
_SUFFIX = {
    Unit.REQUESTS_PER_SECOND: " requests/s",
    Unit.SECONDS: " s",
    Unit.MILLISECONDS: " ms",
    Unit.PERCENT: "%",
    Unit.BYTES: " bytes",
}


def seconds_per(unit: Unit) -> float | None:
    """Factor from `unit` to seconds; None when it is no unit of time."""
    return _TO_SECONDS.get(unit)


def ratio_per(unit: Unit) -> float | None:
    """Factor from `unit` to a ratio; None when it is no share."""
    return _TO_RATIO.get(unit)


def readable(value: float, unit: Unit) -> str:
    """`812 ms`, `3.2%`, `45 requests/s`; a ratio is shown in percent, a missing value as such."""
    if unit is Unit.RATIO:
        value, unit = value * 100, Unit.PERCENT
    figure = decimal(value, 3)
    return f"{figure}{_SUFFIX.get(unit, '')}" if figure else "missing"
