"""The worked examples that the triggers were designed from, with their arithmetic corrected.

The examples gave the loss of the first a z-score of 43.20 and the rate of the second one of 35.70.
Their own numbers give 41.78 and 40.48: mean and sample deviation of the rows before. (41.83, which
is also told of the first, comes of a mean that was rounded to 0.717 before it was subtracted.)
"""

from __future__ import annotations

from statistics import NormalDist

import pytest

from detector_runtime.training_run.trigger import Action, Tier
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


def test_a_run_that_breaks_all_at_once_is_named_as_documented() -> None:
    """A loss with a deviation of 0.0587 that climbs, and a rate that decays by 5 % a row."""
    normal = [NormalDist(0.72, 0.0587).inv_cdf((at + 0.5) / 200) for at in range(200)]
    usual = [normal[77 * at % 200] for at in range(200)]
    losses = [*usual, *(0.72 * 1.01**at for at in range(1, 10))]
    rates = [2e-4 * 0.95**at for at in range(-199, 10)]
    start = 15_000 - len(losses)
    log: list[dict[str, object]] = [
        {"step": start + at, "loss": loss, "learning_rate": min(rate, 1e-3)}
        for at, (loss, rate) in enumerate(zip(losses, rates, strict=True))
    ]
    answers = [example(14_999, at % 2 == 0, 1.45 if at % 2 == 0 else 0.67) for at in range(9)]
    last = {**example(15_000, False, 1.445982), "learning_rate": 8.067726e-05}
    # The ninth answer makes no pattern, the tenth does.
    found = [one for one in triggers([*log, *answers, last]) if one.step == 15_000]
    assert {one.name for one in found} >= {
        "loss_spike_87.3pct",
        "loss_zscore_12.45",
        "divergence_detected",
        "lr_zscore_-3.21",
        "inverted_loss_pattern_correct_high",
        "MULTIPLE_TRIGGERS",
    }
    assert (found[-1].tier, found[-1].action) == (Tier.CRITICAL, Action.ROLL_BACK)


def test_a_typical_run_is_told_step_by_step_as_documented() -> None:
    """A row every 100 steps. Nothing but the documented timeline is told, and what it concludes."""
    best = {1000: 1.2345, 2500: 0.9876, 5000: 0.7654, 8000: 0.6543, 12_000: 0.5432}
    log, loss = [], best[1000]
    for step in range(1000, 15_100, 100):
        loss = best.get(step, loss)
        # 0.7654 weighs one of the five rows before the spike, the others have 0.9876.
        spiked = 1.452 * (4 * 0.9876 + 0.7654) / 5 if step == 5100 else loss
        dropped = 61.5 if step == 15_000 else 70.0
        log.append({"step": step, "loss": spiked, "accuracy_percent": dropped})
    log.append(example(15_500, False, 0.23))
    log += [example(15_992 + at, at % 2 == 0, 1.45 if at % 2 == 0 else 0.95) for at in range(9)]
    told = [(one.step, one.name) for one in triggers(log) if "zscore" not in one.name]
    assert told == [
        *((step, f"best_model_loss_{loss:.4f}") for step, loss in best.items() if step <= 5000),
        (5100, "loss_spike_45.2pct"),
        *((step, f"best_model_loss_{loss:.4f}") for step, loss in best.items() if step > 5000),
        (15_000, "accuracy_drop_8.5pct"),
        (15_500, "wrong_answer_low_loss_0.23"),
        (16_000, "inverted_loss_pattern_correct_high"),
        (16_000, "overfitting_detected"),
    ]


def test_overfitting_is_told_step_by_step_as_documented() -> None:
    usual = [{"step": at, "accuracy_percent": 80.0} for at in range(100, 20_000, 1000)]
    log = [
        *usual,
        {"step": 20_000, "loss": 0.6234, "accuracy_percent": 80.0},
        {"step": 21_000, "loss": 0.63, "accuracy_percent": 80.0},
        {"step": 22_000, "loss": 0.63, "accuracy_percent": 67.7},
        example(22_500, False, 0.18),
        example(23_000, False, 0.21),
    ]
    told = [(one.step, one.name) for one in triggers(log) if "zscore" not in one.name]
    assert told == [
        (20_000, "best_model_loss_0.6234"),
        (22_000, "accuracy_drop_12.3pct"),
        (22_500, "wrong_answer_low_loss_0.18"),
        (23_000, "wrong_answer_low_loss_0.21"),
        (23_000, "overfitting_detected"),
    ]


def test_the_conflicting_labels_of_one_prompt_as_documented() -> None:
    log = [
        example(17_700, False, 2.2, "Translate: Hello", "Hola"),
        example(17_800, True, 2.87, "Translate: Hello", "Bonjour"),
    ]
    assert {one.name for one in triggers(log)} >= {
        "perfect_answer_high_loss_2.87",
        "conflicting_labels",
        "data_quality_issue",
    }


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ([1.0, 1.0, 1.302], False),
        ([1.0, 1.0, 1.0, 1.302], True),
        ([1.0, 1.0, 1.0, 1.298], False),
        # The mean of the last five, not of all.
        ([3.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.302], True),
    ],
)
def test_a_spike_needs_three_rows_and_more_than_thirty_percent(
    losses: list[float], told: bool
) -> None:
    found = [one.name for one in triggers(series("loss", losses)) if one.kind == "loss_spike"]
    assert found == (["loss_spike_30.2pct"] if told else [])


def test_critical_and_normal_findings_have_the_documented_tier_and_action() -> None:
    inverted = [example(at, at % 2 == 0, 1.45 if at % 2 == 0 else 0.67) for at in range(10)]
    extreme = series("grad_norm", [*noisy(500), 2.31])
    slight = series("loss", [*noisy(1000), 2.08])
    drop = series("accuracy_percent", [*[80.0] * 20, 72.0])
    for log, kind, expected in (
        (inverted, "inverted_loss_pattern_correct_high", (Tier.CRITICAL, Action.STOP)),
        (extreme, "grad_norm_zscore", (Tier.CRITICAL, Action.INVESTIGATE)),
        (slight, "loss_zscore", (Tier.NORMAL, Action.MONITOR)),
        (drop, "accuracy_drop", (Tier.NORMAL, Action.MONITOR)),
        (slight, "best_model_loss", (Tier.INFORMATIONAL, Action.NONE)),
    ):
        found = [one for one in triggers(log) if one.kind == kind]
        assert (found[-1].tier, found[-1].action) == expected
