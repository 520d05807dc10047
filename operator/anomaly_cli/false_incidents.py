"""False incidents: how many the models promised, how many came, and what so few can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_cli.poisson import exact_interval
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.series.frame import Floats

SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class Promise:
    """Of incidents of `severity` and above: how many were `predicted` in the scored time, how many
    were `found`, and between which means (`low`, `high`) that many are likely (90 %)."""

    severity: Severity
    predicted: float
    found: int
    low: float
    high: float

    @property
    def kept(self) -> bool:
        return self.predicted >= self.low


def promises(
    expected_per_week: Floats, weeks: float, false: Sequence[Severity]
) -> tuple[Promise, ...]:
    """What was promised against the severities of the `false` incidents of so many weeks."""
    found = [sum(one.rank >= least.rank for one in false) for least in SEVERITIES]
    return tuple(
        Promise(severity, rate * weeks, count, *exact_interval(count))
        for severity, rate, count in zip(SEVERITIES, expected_per_week.tolist(), found, strict=True)
    )
