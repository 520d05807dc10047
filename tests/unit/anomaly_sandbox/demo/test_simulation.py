"""The simulated shop: one world for history and live, in which trouble travels to the callers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaly_sandbox.demo.faults import (
    Fault,
    FaultKind,
    effect,
    mended,
    read_faults,
    write_faults,
)
from anomaly_sandbox.demo.noise import drift, normals, poisson
from anomaly_sandbox.demo.play import ShopPlayer
from anomaly_sandbox.demo.shop import SHOP, Call, Service, Shop
from anomaly_sandbox.demo.simulate import simulate
from anomaly_sandbox.demo.spans import CALLS, DURATION, increments

NOON = 1_795_003_200
DAY = np.arange(NOON, NOON + 86_400, 60, dtype=np.int64)
HOUR = np.arange(NOON, NOON + 3600, 15, dtype=np.int64)


def test_noise_depends_on_seed_and_channel_and_on_nothing_else() -> None:
    index = np.arange(1000, dtype=np.int64)
    assert np.array_equal(normals(1, "a", index)[500:], normals(1, "a", index[500:]))
    assert abs(np.corrcoef(normals(1, "a", index), normals(2, "a", index))[0, 1]) < 0.1
    assert abs(np.corrcoef(normals(1, "a", index), normals(1, "b", index))[0, 1]) < 0.1


def test_normals_have_mean_zero_and_variance_one() -> None:
    draw = normals(3, "n", np.arange(200_000, dtype=np.int64))
    assert draw.mean() == pytest.approx(0.0, abs=0.01)
    assert draw.std() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("mean", [0.05, 0.8, 7.0, 29.0, 31.0, 400.0])
def test_counts_have_the_mean_and_variance_of_a_poisson(mean: float) -> None:
    counts = poisson(3, "p", np.arange(100_000, dtype=np.int64), np.full(100_000, mean))
    assert counts.min() >= 0
    assert counts.mean() == pytest.approx(mean, rel=0.03)
    assert counts.var() == pytest.approx(mean, rel=0.04)


def test_drift_is_smooth_in_seconds_and_independent_over_hours() -> None:
    times = np.arange(0, 40 * 86_400, 30, dtype=np.int64)
    wander = drift(3, "d", times)
    assert wander.std() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(wander[:-1], wander[1:])[0, 1] > 0.8
    assert abs(np.corrcoef(wander[:-480], wander[480:])[0, 1]) < 0.1


def test_a_part_of_a_day_is_the_same_as_that_part_alone() -> None:
    whole = simulate(SHOP, 7, DAY)
    part = simulate(SHOP, 7, DAY[600:700])
    for name in SHOP.names:
        assert np.array_equal(whole[name].latency_ms[600:700], part[name].latency_ms)
        assert np.array_equal(whole[name].errors[600:700], part[name].errors)


def test_the_day_has_a_rhythm_that_every_service_feels() -> None:
    for name, signals in simulate(SHOP, 7, DAY).items():
        assert signals.rate.max() > 1.3 * signals.rate.min(), name


def test_latency_at_payments_reaches_checkout_and_gateway_but_not_the_catalogue() -> None:
    healthy = simulate(SHOP, 7, HOUR)
    ill = simulate(SHOP, 7, HOUR, (Fault("payments", FaultKind.LATENCY, 5.0, int(HOUR[0])),))
    growth = {
        name: float((ill[name].latency_ms / healthy[name].latency_ms).mean()) for name in SHOP.names
    }
    assert growth["payments"] > 3
    assert growth["checkout"] > 1.8
    assert growth["gateway"] > 1.15
    assert {name for name, factor in growth.items() if factor == 1.0} == {
        "catalogue",
        "cart",
        "inventory",
        "recommendations",
        "shipping",
    }


def test_errors_of_a_dependency_fail_some_of_its_callers_requests() -> None:
    fault = Fault("inventory", FaultKind.ERRORS, 0.2, int(HOUR[0]))
    ill = simulate(SHOP, 7, HOUR, (fault,))
    assert ill["inventory"].errors.mean() == pytest.approx(0.2, abs=0.01)
    assert 0.1 < ill["checkout"].errors.mean() < 0.25
    assert ill["payments"].errors.mean() < 0.01


def test_a_slow_database_shows_in_the_database_metric_and_in_the_latency() -> None:
    healthy = simulate(SHOP, 7, HOUR)["catalogue"]
    ill = simulate(SHOP, 7, HOUR, (Fault("catalogue", FaultKind.DATABASE, 4.0, 0),))["catalogue"]
    assert np.allclose(ill.database_ms, healthy.database_ms * 4)
    assert np.all(ill.latency_ms > healthy.latency_ms + 10)


def test_less_traffic_at_a_caller_is_less_traffic_for_its_dependencies() -> None:
    healthy = simulate(SHOP, 7, HOUR)
    ill = simulate(SHOP, 7, HOUR, (Fault("checkout", FaultKind.TRAFFIC, 0.2, 0),))
    assert np.allclose(ill["payments"].rate, healthy["payments"].rate * 0.2)
    assert np.array_equal(ill["catalogue"].rate, healthy["catalogue"].rate)


def test_a_fault_is_in_force_from_its_start_to_just_before_its_end() -> None:
    fault = Fault("cart", FaultKind.LATENCY, 3.0, 100, 200)
    times = np.array([99, 100, 199, 200])
    assert effect((fault,), "cart", FaultKind.LATENCY, times).tolist() == [1, 3, 3, 1]
    assert effect((fault,), "cart", FaultKind.ERRORS, times).tolist() == [0, 0, 0, 0]
    assert mended((fault,), 150) == (replace(fault, end=150),)


@pytest.mark.parametrize(
    ("kind", "amount", "words"),
    [
        (FaultKind.ERRORS, 1.5, "amount 1.5 is not a share"),
        (FaultKind.LATENCY, -1.0, "amount -1 is not between 0 and 1000"),
        (FaultKind.TRAFFIC, 5000.0, "amount 5000 is not between 0 and 1000"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(kind: FaultKind, amount: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fault("cart", kind, amount, 0)


def test_faults_survive_their_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    assert read_faults(file) == ()
    faults = (Fault("cart", FaultKind.ERRORS, 0.5, 10, 20), Fault("cart", FaultKind.TRAFFIC, 3, 5))
    write_faults(file, faults)
    assert read_faults(file) == faults


def test_a_shop_in_which_a_callee_stands_after_its_caller_is_refused() -> None:
    with pytest.raises(ValueError, match="front calls back, which must stand before it"):
        Shop((Service("front", 1, 0, (Call("back", 1),)), Service("back", 1, 0)), 1.0)


def test_every_counter_of_a_service_agrees_with_its_signals() -> None:
    labels, growth = increments(SHOP, 7, HOUR)
    signals = simulate(SHOP, 7, HOUR)["payments"]

    def total(name: str, **wanted: str) -> float:
        wanted = {"__name__": name, "service_name": "payments", **wanted}
        chosen = [i for i, series in enumerate(labels) if wanted.items() <= series.items()]
        assert chosen, wanted
        return float(growth[:, chosen].sum())

    server = {"span_kind": "SPAN_KIND_SERVER"}
    calls = total(CALLS, **server)
    assert calls / 3600 == pytest.approx(signals.rate.mean(), rel=0.02)
    assert total(f"{DURATION}_count", **server) == calls
    assert total(f"{DURATION}_sum", **server) / calls == pytest.approx(
        signals.latency_ms.mean(), rel=0.02
    )
    errors = total(CALLS, status_code="STATUS_CODE_ERROR", **server)
    assert errors / calls == pytest.approx(signals.errors.mean(), rel=0.35)
    assert total(f"{DURATION}_bucket", le="+Inf", **server) == calls
    database = {"span_kind": "SPAN_KIND_CLIENT", "db_system": "postgresql"}
    assert total(f"{DURATION}_sum", **database) / total(
        f"{DURATION}_count", **database
    ) == pytest.approx(signals.database_ms.mean(), rel=0.02)


def test_counters_never_fall_and_no_bucket_holds_more_than_the_next() -> None:
    labels, growth = increments(SHOP, 7, HOUR)
    assert growth.min() >= 0
    buckets = [i for i, series in enumerate(labels) if series["__name__"].endswith("_bucket")]
    for left, right in itertools.pairwise(buckets):
        if labels[right]["le"] != "10":
            assert np.all(growth[:, left] <= growth[:, right])


def test_history_and_live_are_one_world_without_a_seam() -> None:
    """Counters reached by back-fill and by ticks are equal, sample by sample."""
    start, seam, end = NOON, NOON + 7 * 3600, NOON + 8 * 3600
    at_once = ShopPlayer(SHOP, 7, start, end)
    in_parts = ShopPlayer(SHOP, 7, start, seam)
    whole = [_by_time(batch) for batch in at_once.history()]
    parts = [_by_time(batch) for batch in in_parts.history()]
    parts += [_by_time(in_parts.live(now, ())) for now in range(seam + 45, end + 1, 45)]
    whole_samples = {key: value for part in whole for key, value in part.items()}
    part_samples = {key: value for part in parts for key, value in part.items()}
    shared = whole_samples.keys() & part_samples.keys()
    assert len(shared) == len(whole_samples)
    assert all(abs(whole_samples[key] - part_samples[key]) < 1e-3 for key in shared)


def test_live_samples_that_were_not_delivered_come_again() -> None:
    player = ShopPlayer(SHOP, 7, NOON, NOON + 60)
    list(player.history())
    lost = player.live(NOON + 105, ())
    player.forget()
    again = player.live(NOON + 120, ())
    assert again[0][1][:3] == lost[0][1]
    assert again[0][2][:3] == lost[0][2]


def _by_time(batch: list) -> dict[tuple[str, int], float]:
    return {
        (str(sorted(labels.items())), time): value
        for labels, times, values in batch
        if labels["service_name"] == "checkout" and labels["__name__"] == CALLS
        for time, value in zip(times, values, strict=True)
    }
