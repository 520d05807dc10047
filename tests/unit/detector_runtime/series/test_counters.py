"""A counter is told from a gauge only where it is sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction, MetricType, Role, Unit
from detector_runtime.series.counters import (
    DAY,
    looks_like_counter,
    named_as_counter,
    reads_as_counter,
)
from detector_runtime.series.frame import Floats


@pytest.mark.parametrize(
    ("series", "counter"),
    [
        (np.concatenate([np.arange(1.0, 1 + n) for n in (90, 210, 40, 160)]), True),
        (np.arange(48.0 * 20) % 48, True),
        (np.arange(500.0), True),
        (100 + np.arange(48.0 * 20) % 48, False),  # a gauge that is emptied, never to zero
        (40 + 2 * np.arange(48.0 * 20) % 96, False),  # falls by more than half, to far above zero
        (np.arange(12.0 * 80) % 12, False),  # a rhythm
        (np.random.default_rng(0).gamma(2, 1, 500), False),
        (np.full(500, 3.0), False),
        (np.repeat([3.0, 4.0], 250), False),  # replicas, or a restart: it cannot be told
        (np.concatenate([np.zeros(450), np.arange(50.0)]), False),  # a backlog that grows lately
        (np.where(np.arange(500) % 100 == 50, 20.0, 0.0), False),  # spikes
        (-np.arange(500.0), False),
        (np.arange(-250.0, 250.0), False),
    ],
)
def test_a_counter_is_told_from_a_gauge(series: Floats, counter: bool) -> None:
    assert looks_like_counter(series) is counter


def test_a_count_of_restarts_that_stands_for_days_is_a_counter() -> None:
    restarts = np.repeat([3.0, 4.0, 5.0, 6.0, 7.0], [300, 800, 1100, 1400, 600])
    assert looks_like_counter(restarts, 300)
    assert not looks_like_counter(restarts + 0.5, 300)


def test_a_count_of_restarts_that_begins_anew_now_and_then_is_a_counter() -> None:
    lives = [[0, 1, 2, 3], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2]]
    restarts = np.repeat([float(one) for life in lives for one in life], 97)
    assert looks_like_counter(restarts, 300)


def test_a_counter_that_sleeps_at_night_is_a_counter() -> None:
    rises = np.tile(np.repeat([0.0, 2.5], [16, 8]), 12)
    assert looks_like_counter(np.cumsum(rises), 3600)


@pytest.mark.parametrize("step", [15, 60, 120, 300, 3600])
@pytest.mark.parametrize("floor", [0.0, 8.0])
def test_a_volume_that_is_rotated_once_a_day_is_a_gauge_at_every_step(
    step: int, floor: float
) -> None:
    rng = np.random.default_rng(1)
    per_day = DAY // step
    rises = rng.gamma(4, 25 / per_day / 4, size=(12, per_day))
    volume = (floor + np.cumsum(rises, axis=1)).ravel()
    assert not looks_like_counter(volume, step)


def test_a_counter_that_restarts_now_and_then_near_zero_is_one_at_every_step() -> None:
    rng = np.random.default_rng(2)
    for step in (15, 60, 300, 3600):
        lives = np.array([2.3, 0.7, 3.1, 1.9, 4.0]) * DAY // step
        parts = [np.cumsum(rng.gamma(4, step / 4, size=int(life))) for life in lives]
        assert looks_like_counter(np.concatenate(parts), step), step


@pytest.mark.parametrize("step", [15, 60, 300, 900])
@pytest.mark.parametrize("hours", [(2,), (2, 14), (6, 13), (8, 10, 12, 14, 16, 18)])
def test_a_queue_that_is_emptied_by_a_schedule_is_a_gauge(
    step: int, hours: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(3)
    due = sorted(day * DAY + hour * 3600 + rng.normal(0, 300) for day in range(8) for hour in hours)
    moments = np.arange(0, 8 * DAY, step)
    lives = np.split(rng.gamma(2, step / 240, len(moments)), np.searchsorted(moments, due))
    queue = np.concatenate([np.cumsum(life) for life in lives])
    assert not looks_like_counter(queue, step)
    assert looks_like_counter(queue, step, named=True)  # a process that is restarted by a schedule


def test_a_log_that_is_rotated_at_its_size_is_a_gauge() -> None:
    rng = np.random.default_rng(4)
    lives = [np.cumsum(np.full(int(n), 50.0 / n)) for n in rng.integers(60, 140, size=9)]
    assert not looks_like_counter(np.concatenate(lives), 300)


@pytest.mark.parametrize(
    ("step", "rate"), [(15, 1.0), (60, 1e3), (300, 1 / 60), (3600, 1 / 86_400)]
)
def test_an_uptime_is_a_counter_also_where_its_process_keeps_restarting(
    step: int, rate: float
) -> None:
    lives = [*np.random.default_rng(5).integers(40, 400, size=6), *[1, 2, 1, 3, 1, 2]]
    age = np.concatenate([(np.arange(life) + 0.4) * step * rate for life in lives])
    assert looks_like_counter(age, step)


@pytest.mark.parametrize(
    ("role", "unit"),
    [(Role.SATURATION, Unit.COUNT), (Role.CUSTOM, Unit.PERCENT), (Role.LATENCY, Unit.SECONDS)],
)
def test_what_is_a_level_by_its_role_or_unit_is_a_gauge(role: Role, unit: Unit) -> None:
    """A disk that has only filled so far."""
    metric = MetricSpec("disk", role, "disk_used", unit, Direction.UP)
    rising = 50 + np.cumsum(np.random.default_rng(6).gamma(1, 0.01, 500))
    assert not reads_as_counter(metric, rising, 300)
    assert reads_as_counter(replace(metric, role=Role.CUSTOM, unit=Unit.BYTES), rising, 300)
    assert reads_as_counter(replace(metric, type=MetricType.COUNTER), rising, 300)


def test_the_name_of_a_counter_decides_where_the_values_have_not_moved_yet() -> None:
    still = np.full(500, 3.0)
    query = 'sum(kube_pod_container_status_restarts_total{namespace="shop"})'
    assert looks_like_counter(still, 60, named=named_as_counter(query))
    noise = np.random.default_rng(0).gamma(2, 1, 500)
    assert not looks_like_counter(noise, 60, named=named_as_counter(query))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("restarts_total", True),
        ('sum by (pod) (requests_total{app="a-b"})', True),
        ("sum(rate(requests_total[5m]))", False),
        ("increase(errors_total[$(step)])", False),
        ("errors_total / requests_total", False),
        ("changes(restarts_total[1h])", False),
        ("up", False),
        ("totals", False),
    ],
)
def test_a_query_asks_for_a_raw_counter_by_its_name(query: str, named: bool) -> None:
    assert named_as_counter(query) is named
