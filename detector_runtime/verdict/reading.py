"""A metric's value in one window with what is usual for it: what the SLO is evaluated on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detector_runtime.contract.run_config import MetricSpec


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's `value` in a window and what is known of it; own unit, NaN = not known.

    `usual`, `low`, `high`: its usual value and range at this time of the week. `mean`: of training.
    `least`: 99 % of the values in training were higher. `undefined`: the value is 0/0, as no
    request came; else NaN is a missing value.
    """

    metric: MetricSpec
    value: float
    usual: float = math.nan
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    least: float = math.nan
    undefined: bool = False
