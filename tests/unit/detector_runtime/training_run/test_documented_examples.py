"""The worked examples that the triggers were designed from, with their arithmetic corrected.

The examples gave the loss of the first a z-score of 43.20 and the rate of the second one of 35.70.
Their own numbers give 41.78 and 40.48: mean and sample deviation of the rows before.
"""

from __future__ import annotations

from detector_runtime.training_run.trigger import Tier
from pretend.training_run import example, noisy, series, triggers


def test_a_loss_spike() -> None:
    losses = [0.72, 0.71, 0.73, 0.70, 0.72, 0.71, 0.73, 0.72]
    found = triggers([*series("loss", losses, 17_492), {"step": 17_500, "loss": 1.15}])
    at_once = {one.name: one.tier for one in found if one.step == 17_500}
    assert at_once["loss_zscore_41.78"] is Tier.CRITICAL
    assert "loss_spike_60.6pct" in at_once


def test_a_reset_of_the_learning_rate() -> None:
    rates = [0.00019, 0.000185, 0.00018, 0.000175, 0.00017]
    found = triggers(
        [*series("learning_rate", rates, 17_995), {"step": 18_000, "learning_rate": 0.0005}]
    )
    assert [(one.step, one.name, one.tier) for one in found] == [
        (18_000, "lr_zscore_40.48", Tier.CRITICAL)
    ]


def test_a_run_that_breaks_all_at_once() -> None:
    """Spike, z-score, climb, inverted answers and a crashed rate at step 15,000."""
    first = 15_000 - 200
    rising = [0.72 * 1.005**at for at in range(1, 10)]
    losses = [*noisy(191, 0.72, 0.01), *rising]
    usual = [
        {"step": first + at, "loss": loss, "learning_rate": 2e-4} for at, loss in enumerate(losses)
    ]
    answers = [example(14_990 + at, at % 2 == 0, 1.45 if at % 2 == 0 else 0.67) for at in range(9)]
    last = {**example(15_000, False, 0.67), "loss": 1.5, "learning_rate": 1e-6}
    log = sorted([*usual, *answers], key=lambda raw: int(str(raw["step"])))
    names = [one.name for one in triggers([*log, last]) if one.step == 15_000]
    kinds = ["loss_zscore_", "loss_spike_", "divergence_detected", "lr_zscore_-"]
    for kind in [*kinds, "inverted_loss_pattern_correct_high", "MULTIPLE_TRIGGERS"]:
        assert any(name.startswith(kind) for name in names), kind


def test_the_timeline_of_a_run_that_overfits() -> None:
    best = {1000: 1.2345, 2500: 0.9876, 5000: 0.7654, 8000: 0.6543, 12_000: 0.5432}
    log: list[dict[str, object]] = [
        {"step": step, "loss": loss, "accuracy_percent": 70.0} for step, loss in best.items()
    ]
    log += [{"step": 5100, "loss": 1.5}]
    log += [{"step": 15_000, "loss": 0.55, "accuracy_percent": 61.5}]
    log += [example(15_500, False, 0.23)]
    log += [example(15_990 + at, at % 2 == 0, 1.45 if at % 2 == 0 else 0.67) for at in range(11)]
    log.sort(key=lambda raw: int(str(raw["step"])))
    found = triggers(log)
    told = [(one.step, one.name) for one in found]
    for step, loss in best.items():
        assert (step, f"best_model_loss_{loss:.4f}") in told
    assert (5100, "loss_spike_50.6pct") in told
    assert (15_000, "accuracy_drop_8.5pct") in told
    assert (15_500, "wrong_answer_low_loss_0.23") in told
    assert "inverted_loss_pattern_correct_high" in [name for _, name in told]
    (overfitting,) = [one for one in found if one.name == "overfitting_detected"]
    assert "step 12000" in overfitting.advice
