"""What a named pattern is, as data: the catalogue, a user's own and the administrator's alike.

A pattern says when a deviation has a name. It finds nothing by itself: it is held against windows
that detection or the SLO found first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from detector_runtime.contract.vocabulary import Role, Severity


class Level(StrEnum):
    """Where a value lies among the metric's own values at that hour of the week.

    By percentile: under the 5th, under the 10th, up to the 70th, 80th, 90th, 95th, above it. What
    is low or high must also be well away from the middle, so that an ordinary window is neither.
    """

    VERY_LOW = "VeryLow"
    LOW = "Low"
    NORMAL = "Normal"
    MODERATE = "Moderate"
    ELEVATED = "Elevated"
    HIGH = "High"
    VERY_HIGH = "VeryHigh"
    UNKNOWN = "Unknown"


class Circumstance(StrEnum):
    """What a pattern may ask for beyond the levels of one window.

    The first three come from the services that this one depends on, the others from its own last
    hours.
    """

    DEPENDENCY_ANOMALOUS = "DependencyAnomalous"
    CHAIN_DEGRADED = "ChainDegraded"
    DEPENDENCIES_HEALTHY = "DependenciesHealthy"
    RISING = "Rising"
    RECOVERING = "Recovering"
    FLAPPING = "Flapping"


@dataclass(frozen=True, slots=True)
class LevelCondition:
    """The level of a metric, named by `metric` or by `role`, is one of `levels`.

    Of several metrics with the role one that is low or high is enough; all of them must be normal.
    """

    omit_empty: ClassVar[bool] = True

    levels: tuple[Level, ...]
    role: Role | None = None
    metric: str = ""


@dataclass(frozen=True, slots=True)
class RatioCondition:
    """One metric's value over another's, in the same unit, is more than `above`."""

    omit_empty: ClassVar[bool] = True

    above: float
    role: Role | None = None
    metric: str = ""
    of_role: Role | None = None
    of_metric: str = ""


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """One named pattern.

    `severity`: the highest that the model may give it; `locked`: exactly that. `message` may hold
    placeholders `{<role or metric>}` for a value with its unit and `{<role or metric>.usual}`;
    empty: the metrics are named as they are. `alerting` False: it never notifies anybody.
    """

    omit_empty: ClassVar[bool] = True

    name: str
    severity: Severity
    when: tuple[LevelCondition, ...] = ()
    ratios: tuple[RatioCondition, ...] = ()
    circumstances: tuple[Circumstance, ...] = ()
    message: str = ""
    impact: str = ""
    actions: tuple[str, ...] = ()
    alerting: bool = True
    locked: bool = False
