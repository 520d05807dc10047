"""A RunConfig for tests: a shop's checkout with three metrics, to be changed with `replace`."""

from __future__ import annotations

import time
from dataclasses import replace

from detector_runtime.contract.run_config import (
    DetectorSpec,
    MetricSpec,
    PeriodSpec,
    RunConfig,
    ServiceIdentity,
    SourceSpec,
    TrainingSpec,
)
from detector_runtime.contract.vocabulary import (
    Category,
    Direction,
    Role,
    RunKind,
    SourceType,
    Unit,
)

UID = "0b1c2d3e-0000-4000-8000-000000000001"
STEP = 120
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
ALWAYS = (PeriodSpec("always", EVERY_DAY, 0, 0, 0.9),)
WORK_WEEK = (
    PeriodSpec("business_hours", (0, 1, 2, 3, 4), 8 * 60, 18 * 60, 0.9),
    PeriodSpec("evening_hours", (0, 1, 2, 3, 4), 18 * 60, 22 * 60, 0.8),
    PeriodSpec("night_hours", (0, 1, 2, 3, 4), 22 * 60, 8 * 60, 0.95),
    PeriodSpec("weekend_day", (5, 6), 8 * 60, 22 * 60, 0.7),
    PeriodSpec("weekend_night", (5, 6), 22 * 60, 8 * 60, 0.6),
)
RATE = MetricSpec("request_rate", Role.TRAFFIC, "rate", Unit.REQUESTS_PER_SECOND, Direction.BOTH)
LATENCY = MetricSpec(
    "application_latency", Role.LATENCY, "latency", Unit.MILLISECONDS, Direction.UP
)
ERRORS = MetricSpec("error_rate", Role.ERRORS, "errors", Unit.RATIO, Direction.UP)
DATABASE = MetricSpec(
    "database_latency", Role.DATABASE_LATENCY, "database", Unit.MILLISECONDS, Direction.UP
)


def prometheus_source(url: str) -> SourceSpec:
    """A source on loopback with short time-outs."""
    return SourceSpec(
        "default", SourceType.PROMETHEUS, url=url, timeout_seconds=5.0, allow_loopback=True
    )


def run_config(kind: RunKind, source: SourceSpec) -> RunConfig:
    """Five days of history at two minutes."""
    return RunConfig(
        kind=kind,
        service=ServiceIdentity("shop", "checkout", UID),
        category=Category.STANDARD,
        source=source,
        step_seconds=STEP,
        metrics=(RATE, LATENCY, ERRORS),
        time_zone="Etc/UTC",
        periods=ALWAYS,
        detector=DetectorSpec(1.0, 0.03, 42),
        training=TrainingSpec(5 * 86400, 500, 1000),
        interval_seconds=STEP,
    )


def ending(config: RunConfig, end: int) -> RunConfig:
    """The config by which `end` is the newest window: for a whole step from now on."""
    return replace(config, source=replace(config.source, delay_seconds=int(time.time()) - end))
