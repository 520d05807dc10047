"""Loss and metrics: what fires, and beside each what must not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detector_runtime.training_run.thresholds import SHORT_WINDOWS
from detector_runtime.training_run.trigger import Action, Tier
from pretend.training_run import gaussian, noisy, series, triggers


def kinds(found: list) -> set[str]:
    return {one.kind for one in found if one.kind != "best_model_loss"}


def test_a_jump_is_found_at_its_step_with_its_true_zscore() -> None:
    losses = [*noisy(1500), 11.0]
    (zscore,) = [one for one in triggers(series("loss", losses)) if one.tier is Tier.CRITICAL]
    assert (zscore.step, zscore.kind) == (1501, "loss_zscore")
    # Deviation 0.02, and so the z-score about (11 - 2) / 0.02.
    assert float(zscore.name.removeprefix("loss_zscore_")) == pytest.approx(450, rel=0.1)


def test_a_stable_loss_raises_nothing_above_normal() -> None:
    found = triggers(series("loss", gaussian(20_000, 2.0, 0.02)))
    assert {one.tier for one in found} <= {Tier.INFORMATIONAL, Tier.NORMAL}


def test_a_zscore_of_3_to_5_is_normal_and_one_above_10_critical() -> None:
    for distance, tier in ((0.08, Tier.NORMAL), (0.16, Tier.WARNING), (0.4, Tier.CRITICAL)):
        found = triggers(series("loss", [*noisy(1000), 2 + distance]))
        assert [(one.kind, one.tier) for one in found if one.step == 1001] == [
            ("loss_zscore", tier)
        ]


def test_a_loss_that_falls_far_is_progress() -> None:
    found = triggers(series("loss", [*noisy(1000), 1.0]))
    (zscore,) = [one for one in found if one.kind == "loss_zscore" and one.step == 1001]
    assert zscore.name.startswith("loss_zscore_-")
    assert zscore.tier is Tier.NORMAL


def test_a_constant_history_has_a_floor() -> None:
    assert kinds(triggers(series("loss", [*[2.0] * 100, 2.05]))) == set()
    assert kinds(triggers(series("loss", [*[2.0] * 100, 2.1]))) == {"loss_zscore"}
    (zscore,) = triggers(series("queue", [*[0.0] * 100, 1.0]))
    assert zscore.name == "queue_zscore_1000.00"


def test_the_value_that_is_judged_is_not_in_its_own_baseline() -> None:
    """With it, a window of ten could not exceed 3."""
    found = triggers(series("loss", [*noisy(10), 1e6]), SHORT_WINDOWS)
    assert "loss_zscore_1000.00" in [one.name for one in found]


def test_any_metric_has_a_zscore_both_ways_and_a_counter_has_none() -> None:
    for value in (1.0, 3.0):
        (found,) = triggers(series("grad_norm", [*noisy(500), value]))
        assert (found.kind, found.tier) == ("grad_norm_zscore", Tier.CRITICAL)
    assert triggers(series("tokens", [*range(500), 100_000])) == []
    assert triggers(series("epoch", [*[0.0] * 500, 1.0])) == []


def test_the_long_tail_of_a_positive_metric_is_no_warning() -> None:
    norms = np.exp(gaussian(20_000, 0.0, 0.4))
    found = triggers(series("grad_norm", norms))
    assert {one.tier for one in found} == {Tier.NORMAL}
    exploded = triggers(series("grad_norm", [*norms[:1000], 200.0]))
    assert (exploded[-1].step, exploded[-1].tier) == (1001, Tier.CRITICAL)


def test_a_spike_is_told_in_percent_of_the_mean_of_five() -> None:
    found = triggers(series("loss", [*noisy(1000), *[2.0] * 5, 2.904]))
    (spike,) = [one for one in found if one.kind == "loss_spike"]
    assert (spike.name, spike.tier) == ("loss_spike_45.2pct", Tier.WARNING)
    assert "loss_spike" not in kinds(triggers(series("loss", [*noisy(1000), *[2.0] * 5, 2.5])))


def test_a_spike_while_the_loss_still_falls_fast_is_normal() -> None:
    falling = 11 * np.exp(-np.arange(300) / 150)
    found = triggers(series("loss", [*falling, 1.5 * falling[-1]]))
    (spike,) = [one for one in found if one.kind == "loss_spike"]
    assert spike.tier is Tier.NORMAL


def test_divergence_needs_most_rows_to_rise_and_a_tenth_in_all() -> None:
    rising = [2.0 * 1.03**at for at in range(12)]
    (found,) = [
        one
        for one in triggers(series("loss", [*noisy(100), *rising]))
        if one.kind == "divergence_detected"
    ]
    assert found.tier is Tier.WARNING
    slight = [2.0 * 1.005**at for at in range(12)]
    assert "divergence_detected" not in kinds(triggers(series("loss", [*noisy(100), *slight])))


@pytest.mark.parametrize(("value", "name"), [(math.nan, "loss_nan"), (math.inf, "loss_infinite")])
def test_a_loss_that_is_no_number_stops_the_run(value: float, name: str) -> None:
    (found,) = triggers([{"step": 1, "loss": value}])
    assert (found.name, found.tier, found.action) == (name, Tier.CRITICAL, Action.STOP)


def test_nan_of_a_metric_is_a_finding_only_after_numbers() -> None:
    (found,) = triggers(series("grad_norm", [*noisy(5), math.nan]))
    assert (found.name, found.tier) == ("grad_norm_nan", Tier.WARNING)
    assert triggers(series("eval_score", [*noisy(4), math.nan] * 5)) == []
    assert triggers([{"step": at, "loss": None} for at in range(20)]) == []


def test_a_slow_regression_is_told_once() -> None:
    losses = np.concatenate([noisy(3000), np.linspace(2.0, 2.4, 4000) + noisy(4000, 0.0)])
    found = [one for one in triggers(series("loss", losses)) if one.kind == "slow_regression"]
    assert [one.tier for one in found] == [Tier.WARNING]
    # 3 % above the best is reached 600 steps after the rise begins.
    assert 3000 < found[0].step <= 5000


def test_noise_and_one_spike_are_no_regression() -> None:
    losses = gaussian(10_000, 2.0, 0.02)
    losses[5000:5020] = [4.0] * 20
    assert "slow_regression" not in kinds(triggers(series("loss", losses)))


def test_a_plateau_is_monitored_and_a_falling_loss_has_none() -> None:
    found = [one for one in triggers(series("loss", noisy(8000))) if one.kind == "loss_plateau"]
    assert [(one.tier, one.action) for one in found] == [(Tier.NORMAL, Action.MONITOR)]
    falling = np.array(noisy(8000)) - np.linspace(0, 1, 8000)
    assert "loss_plateau" not in kinds(triggers(series("loss", falling)))


def test_the_best_step_is_told_when_it_is_clearly_better() -> None:
    steps = {1000: 1.2345, 2500: 0.9876, 2600: 0.98, 5000: 0.7654, 8000: 0.6543, 12000: 0.5432}
    found = triggers({"step": at, "loss": loss} for at, loss in steps.items())
    assert [(one.step, one.name) for one in found if one.tier is Tier.INFORMATIONAL] == [
        (1000, "best_model_loss_1.2345"),
        (2500, "best_model_loss_0.9876"),
        (5000, "best_model_loss_0.7654"),
        (8000, "best_model_loss_0.6543"),
        (12000, "best_model_loss_0.5432"),
    ]
