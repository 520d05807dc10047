"""False incidents: how many the models promised, how many came, and what so few can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomaly_cli.poisson import exact_interval
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.model.fitted import FittedModel
from detector_runtime.series.frame import Floats

SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
_RUNGS = (0.0, math.log10(2.0), 1.0, 2.0)
"""Score above the alert threshold from which a window has these severities by its score alone."""


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


def expected_by_severity(model: FittedModel) -> Floats:
    """(4,): false incidents a week of each of SEVERITIES and above, by the model's own table.
    Beyond its levels the rate falls as the calibrated tail does: tenfold for each unit of score.
    """
    level, rate = model.expected_per_week.T
    wanted = model.alert_threshold + np.array(_RUNGS)
    logs = np.interp(wanted, level, np.log10(np.maximum(rate, 1e-12)))
    found: Floats = 10.0 ** (logs - np.maximum(wanted - level[-1], 0.0))
    return found


def promises(
    expected_per_week: Floats, weeks: float, false: Sequence[Severity]
) -> tuple[Promise, ...]:
    """What was promised against the severities of the `false` incidents of so many weeks."""
    found = [sum(one.rank >= least.rank for one in false) for least in SEVERITIES]
    return tuple(
        Promise(severity, rate * weeks, count, *exact_interval(count))
        for severity, rate, count in zip(SEVERITIES, expected_per_week.tolist(), found, strict=True)
    )
