"""What a worker found out for one setting, and how it is written on the pipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from anomaly_dashboard.explore.arrays import packed, unpacked
from anomaly_dashboard.series.curves import Curves
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.series.frame import Floats


@dataclass(frozen=True, slots=True)
class Incident:
    """`start`, `end`: unix seconds of the start of its first anomalous window and the end of its
    last; `open`: it had not closed at the end of the data."""

    name: str
    start: int
    end: int
    open: bool
    severity: Severity
    metric: str
    pattern: str
    sentence: str
    windows: int


@dataclass(frozen=True, slots=True)
class Expected:
    """False incidents a week of `severity` and above: what the models promised, what came."""

    severity: Severity
    per_week: float
    found: int


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One setting over the judged windows. `days`: how long they are; `models`: trainings that gave
    a model, `failed`: how many of those failed their checks; `units` of the metrics of `curves`.
    """

    label: str
    days: float
    windows: int
    anomalous: int
    inconclusive: int
    models: int
    failed: int
    detectors: tuple[str, ...]
    policy: str
    incidents: tuple[Incident, ...]
    expected: tuple[Expected, ...]
    curves: Curves
    units: tuple[str, ...]
    notes: tuple[str, ...]

    def at_least(self, severity: Severity) -> int:
        """How many incidents are of `severity` or above."""
        return sum(one.severity.rank >= severity.rank for one in self.incidents)


def dumped(found: Sequence[Tried]) -> list[dict[str, Any]]:
    return [
        {
            "label": one.label,
            "days": one.days,
            "windows": one.windows,
            "anomalous": one.anomalous,
            "inconclusive": one.inconclusive,
            "models": one.models,
            "failed": one.failed,
            "detectors": list(one.detectors),
            "policy": one.policy,
            "incidents": [asdict(incident) for incident in one.incidents],
            "expected": [asdict(rate) for rate in one.expected],
            "curves": _curves(one.curves),
            "units": list(one.units),
            "notes": list(one.notes),
        }
        for one in found
    ]


def loaded(documents: Sequence[dict[str, Any]]) -> tuple[Tried, ...]:
    """Raises KeyError, TypeError, ValueError for what `dumped` did not write."""
    return tuple(
        Tried(
            label=str(one["label"]),
            days=float(one["days"]),
            windows=int(one["windows"]),
            anomalous=int(one["anomalous"]),
            inconclusive=int(one["inconclusive"]),
            models=int(one["models"]),
            failed=int(one["failed"]),
            detectors=tuple(one["detectors"]),
            policy=str(one["policy"]),
            incidents=tuple(
                Incident(**{**found, "severity": Severity(found["severity"])})
                for found in one["incidents"]
            ),
            expected=tuple(
                Expected(Severity(rate["severity"]), _number(rate["per_week"]), int(rate["found"]))
                for rate in one["expected"]
            ),
            curves=_read_curves(one["curves"]),
            units=tuple(one["units"]),
            notes=tuple(one["notes"]),
        )
        for one in documents
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _curves(curves: Curves) -> dict[str, Any]:
    arrays: dict[str, Floats] = {
        "values": curves.values,
        "low": curves.low,
        "high": curves.high,
        "score": curves.score,
        "level": curves.level,
    }
    packed_arrays = {name: packed(array) for name, array in arrays.items()}
    return {
        "times": curves.times.tolist(),
        "names": list(curves.names),
        "step": curves.step,
        **packed_arrays,
    }


def _read_curves(document: dict[str, Any]) -> Curves:
    return Curves(
        np.array(document["times"], dtype=np.int64),
        tuple(document["names"]),
        unpacked(document["values"]),
        unpacked(document["low"]),
        unpacked(document["high"]),
        unpacked(document["score"]),
        unpacked(document["level"]),
        int(document["step"]),
    )
