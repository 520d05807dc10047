"""A learning rate that follows its declared schedule is no glitch; one that departs from it is."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.contract.training_run import DeclaredSchedule, RateSchedule
from detector_runtime.training_run.schedule import rate_at
from detector_runtime.training_run.trigger import Tier
from pretend.training_run import series, triggers

PEAK = 3e-4
DECLARED = {
    "constant": DeclaredSchedule(RateSchedule.CONSTANT, PEAK),
    "warm-up and cosine": DeclaredSchedule(RateSchedule.COSINE, PEAK, 100, 1000, PEAK / 10),
    "cosine to zero with restarts": DeclaredSchedule(
        RateSchedule.COSINE, PEAK, 10, restart_steps=100
    ),
    # Neither is one that a rate is allowed to have by itself.
    "restarts from half of the peak": DeclaredSchedule(
        RateSchedule.LINEAR, PEAK, final=PEAK / 2, restart_steps=200
    ),
    "steps of a hundredth": DeclaredSchedule(RateSchedule.STEP, PEAK, every_steps=300, factor=0.01),
    "exponential": DeclaredSchedule(RateSchedule.EXPONENTIAL, PEAK, every_steps=10, factor=0.5),
    "linear": DeclaredSchedule(RateSchedule.LINEAR, PEAK, 50, 900),
}


def rates(schedule: DeclaredSchedule, rows: int = 1000, offset: int = 0) -> list[float]:
    return [rate_at(schedule, at + offset) for at in range(rows)]


@pytest.mark.parametrize(
    ("name", "step", "rate"),
    [
        ("warm-up and cosine", 0, 0.0),
        ("warm-up and cosine", 50, PEAK / 2),
        ("warm-up and cosine", 100, PEAK),
        ("warm-up and cosine", 550, 0.55 * PEAK),
        ("warm-up and cosine", 1000, PEAK / 10),
        ("warm-up and cosine", 2000, PEAK / 10),
        ("cosine to zero with restarts", 110, PEAK),
        ("cosine to zero with restarts", 160, PEAK / 2),
        ("restarts from half of the peak", 100, 0.75 * PEAK),
        ("steps of a hundredth", 299, PEAK),
        ("steps of a hundredth", 300, PEAK / 100),
        ("exponential", 5, PEAK * 0.5**0.5),
        ("linear", 475, PEAK / 2),
    ],
)
def test_the_rate_at_a_step(name: str, step: int, rate: float) -> None:
    assert rate_at(DECLARED[name], step) == pytest.approx(rate)


@pytest.mark.parametrize("name", DECLARED)
@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("off", [0.985, 1.0, 1.015])
def test_a_rate_that_follows_is_no_glitch(name: str, offset: int, off: float) -> None:
    schedule = DECLARED[name]
    logged = [off * rate for rate in rates(schedule, offset=offset)]
    assert triggers(series("learning_rate", logged, start=0), schedule=schedule) == []


@pytest.mark.parametrize("name", ["constant", "linear", "restarts from half of the peak"])
@pytest.mark.parametrize(
    ("off", "tier"),
    [(1.03, Tier.NORMAL), (1.05, Tier.WARNING), (1.1, Tier.CRITICAL), (0.9, Tier.CRITICAL)],
)
def test_one_that_departs_is_told_once_with_the_declared_value(
    name: str, off: float, tier: Tier
) -> None:
    schedule = DECLARED[name]
    logged = rates(schedule, 80)
    departing = [*logged[:-1], off * logged[-1]]
    (found,) = triggers(series("learning_rate", departing, start=0), schedule=schedule)
    assert (found.kind, found.tier) == ("lr_zscore", tier)
    assert found.name.startswith("lr_zscore_-") == (off < 1)
    assert "declared schedule" in found.message


def test_the_zscore_counts_two_percent_as_three_deviations() -> None:
    schedule = DECLARED["constant"]
    (found,) = triggers(series("learning_rate", [PEAK, PEAK * 1.1]), schedule=schedule)
    assert found.name == "lr_zscore_15.00"
    assert found.message == (
        "learning rate 0.00033 departs from the declared schedule, which has 0.0003 at this step"
    )


def test_a_schedule_that_is_declared_wrongly_is_told_at_most_once_a_tier() -> None:
    logged = rates(DECLARED["warm-up and cosine"], 20_000)
    declared = DeclaredSchedule(RateSchedule.COSINE, PEAK, 100, 20_000, PEAK / 10)
    found = triggers(series("learning_rate", logged, start=0), schedule=declared)
    assert [one.tier for one in found] == [Tier.NORMAL, Tier.WARNING, Tier.CRITICAL]


def test_a_glitch_during_a_departure_is_told() -> None:
    schedule = DECLARED["constant"]
    logged = [*[PEAK] * 20, *[PEAK / 3] * 600, PEAK / 300]
    found = triggers(series("learning_rate", logged), schedule=schedule)
    assert [one.step for one in found] == [21, 621]


def test_a_departure_that_comes_again_is_told_again() -> None:
    schedule = DECLARED["constant"]
    logged = [*[PEAK] * 20, *[PEAK / 2] * 20, *[PEAK] * 600, *[PEAK / 2] * 20]
    found = triggers(series("learning_rate", logged), schedule=schedule)
    assert [one.step for one in found] == [21, 641]


def test_after_a_resume_the_declared_schedule_still_counts() -> None:
    schedule = DECLARED["warm-up and cosine"]
    before = series("learning_rate", rates(schedule, 500), start=0)
    right = series("learning_rate", rates(schedule, 100, offset=400), start=400)
    again = series("learning_rate", rates(schedule, 100), start=400)
    assert triggers(chain(before, right), schedule=schedule) == []
    assert triggers(chain(before, again)) == []
    (found,) = triggers(chain(before, again), schedule=schedule)
    assert (found.step, found.tier) == (400, Tier.CRITICAL)


@given(
    st.builds(
        DeclaredSchedule,
        st.sampled_from(RateSchedule),
        st.floats(1e-9, 10),
        *[st.integers(0, 10**6)] * 2,
        st.floats(0, 10),
        st.integers(0, 1000),
        st.floats(-1, 1e9),
        st.integers(0, 1000),
    ),
    st.integers(-1, 2**53),
)
def test_the_rate_is_always_between_zero_peak_and_final(
    schedule: DeclaredSchedule, step: int
) -> None:
    assert 0 <= rate_at(schedule, step) <= 1.000001 * max(schedule.peak, schedule.final)
