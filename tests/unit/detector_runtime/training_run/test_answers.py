"""Accuracy and answers, and what they say together."""

from __future__ import annotations

from itertools import chain

import pytest

from detector_runtime.training_run.trigger import Action, Tier, Trigger
from pretend.training_run import example, gaussian, noisy, series, triggers


def of(kind: str, found: list[Trigger]) -> list[tuple[int, str, Tier]]:
    return [(one.step, one.name, one.tier) for one in found if one.kind == kind]


@pytest.mark.parametrize("name", ["accuracy", "accuracy_percent"])
def test_an_accuracy_drop_is_in_points(name: str) -> None:
    unit = 0.01 if name == "accuracy" else 1.0
    usual = [80 * unit] * 20
    dropped = of("accuracy_drop", triggers(series(name, [*usual, (80 - 12.3) * unit])))
    assert dropped == [(21, "accuracy_drop_12.3pct", Tier.WARNING)]
    watched = of("accuracy_drop", triggers(series(name, [*usual, (80 - 8.5) * unit])))
    assert watched == [(21, "accuracy_drop_8.5pct", Tier.NORMAL)]
    assert of("accuracy_drop", triggers(series(name, [*usual, 76 * unit]))) == []


def test_a_noisy_accuracy_drops_without_a_warning() -> None:
    found = triggers(series("accuracy_percent", gaussian(5000, 60, 8)))
    assert {one.tier for one in found} == {Tier.NORMAL}


def test_accuracy_in_percent_that_begins_below_one_is_no_drop() -> None:
    found = triggers(series("accuracy", [0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3, 1.5]))
    assert found == []


def test_a_perfect_answer_with_a_high_loss() -> None:
    (found,) = of("perfect_answer_high_loss", triggers([example(7, True, 2.34)]))
    assert found == (7, "perfect_answer_high_loss_2.34", Tier.WARNING)
    assert of("perfect_answer_high_loss", triggers([example(7, True, 1.4)])) == []


def test_a_wrong_answer_with_a_low_loss() -> None:
    (found,) = of("wrong_answer_low_loss", triggers([example(7, False, 0.12)]))
    assert found == (7, "wrong_answer_low_loss_0.12", Tier.WARNING)
    assert of("wrong_answer_low_loss", triggers([example(7, False, 0.4)])) == []
    assert of("wrong_answer_low_loss", triggers([example(7, True, 0.1)])) == []


def test_whether_an_answer_matches_is_computed_where_the_log_does_not_say() -> None:
    raw = {"step": 1, "golden_answer": "4", "model_answer": " 4 ", "loss": 2.0}
    assert of("perfect_answer_high_loss", triggers([raw]))


def test_inverted_losses_stop_the_run_both_ways() -> None:
    log = [example(at, at % 2 == 0, 1.45 if at % 2 == 0 else 0.67) for at in range(10)]
    found = [one for one in triggers(log) if one.kind.startswith("inverted")]
    assert [one.name for one in found] == [
        "inverted_loss_pattern_correct_high",
        "inverted_loss_pattern_incorrect_low",
    ]
    assert {(one.tier, one.action) for one in found} == {(Tier.CRITICAL, Action.STOP)}


@pytest.mark.parametrize(
    ("correct", "wrong", "rows"), [(0.45, 1.23, 50), (1.45, 0.67, 9), (1.4, 1.0, 50)]
)
def test_losses_that_are_not_inverted(correct: float, wrong: float, rows: int) -> None:
    log = [example(at, at % 2 == 0, correct if at % 2 == 0 else wrong) for at in range(rows)]
    assert [one for one in triggers(log) if one.kind.startswith("inverted")] == []


def test_a_prompt_with_two_golden_answers() -> None:
    first = example(1, True, 0.5, "Translate: Hello", "Bonjour")
    again = example(2, True, 0.5, "Translate: Hello", "Hola")
    assert of("conflicting_labels", triggers([first, again])) == [
        (2, "conflicting_labels", Tier.WARNING)
    ]
    assert of("conflicting_labels", triggers([first, first])) == []
    assert of("data_quality_issue", triggers([first, again])) == []


def test_conflicting_labels_at_a_high_loss_are_a_data_quality_issue() -> None:
    log = [
        example(17_800, True, 2.87, "Translate: Hello", "Bonjour"),
        example(17_900, False, 2.0, "Translate: Hello", "Hola"),
    ]
    assert of("data_quality_issue", triggers(log)) == [(17_900, "data_quality_issue", Tier.WARNING)]


def overfit(drop: bool) -> list[dict[str, object]]:
    usual = [{"step": at, "accuracy_percent": 80.0} for at in range(100, 20_000, 1000)]
    return [
        *usual,
        {"step": 20_000, "loss": 0.6234, "accuracy_percent": 80.0},
        {"step": 22_000, "loss": 0.63, "accuracy_percent": 67.7 if drop else 79.0},
        example(22_500, False, 0.18),
        example(23_000, False, 0.21),
    ]


def test_overfitting_names_the_best_step() -> None:
    (found,) = [one for one in triggers(overfit(True)) if one.kind == "overfitting_detected"]
    assert (found.step, found.action) == (23_000, Action.ROLL_BACK)
    assert "step 20000" in found.advice
    assert of("overfitting_detected", triggers(overfit(False))) == []


def memorised(accuracy: float, loss: float) -> list[dict[str, object]]:
    early = [{"step": at, "loss": 1.0, "accuracy": 0.8} for at in range(1, 101)]
    late = [{"step": at, "loss": loss, "accuracy": accuracy} for at in range(101, 141)]
    return [*early, *late]


def test_memorising_is_a_low_accuracy_at_a_low_loss() -> None:
    assert len(of("memorising_detected", triggers(memorised(0.6, 0.9)))) == 1
    assert of("memorising_detected", triggers(memorised(0.75, 0.9))) == []
    assert of("memorising_detected", triggers(memorised(0.6, 2.0))) == []


def test_three_triggers_at_one_step_roll_back() -> None:
    usual = [
        {"step": at + 1, "loss": loss, "grad_norm": norm}
        for at, (loss, norm) in enumerate(zip(noisy(500), noisy(500, seed=2), strict=True))
    ]
    (found,) = [
        one
        for one in triggers([*usual, {"step": 501, "loss": 4.0, "grad_norm": 9.0}])
        if one.kind == "MULTIPLE_TRIGGERS"
    ]
    assert (found.step, found.tier, found.action) == (501, Tier.CRITICAL, Action.ROLL_BACK)
    two = triggers([*usual, {"step": 501, "loss": 4.0, "grad_norm": 2.0}])
    assert of("MULTIPLE_TRIGGERS", two) == []


def test_three_normal_triggers_at_one_step_are_a_hard_batch() -> None:
    names = ("a", "b", "c")
    columns = [noisy(1000, seed=seed) for seed in (1, 2, 3)]
    usual = [
        {"step": at, **dict(zip(names, values, strict=True))}
        for at, values in enumerate(zip(*columns, strict=True))
    ]
    found = triggers([*usual, {"step": 1000, "a": 2.08, "b": 2.08, "c": 2.08}])
    at_once = [one for one in found if one.step == 1000]
    assert {one.tier for one in at_once} == {Tier.NORMAL}
    assert of("MULTIPLE_TRIGGERS", found) == []


def test_a_cooldown_hides_repeats_and_never_a_worse_tier() -> None:
    usual = series("grad_norm", noisy(1000))
    first, repeat, worse, later = (
        {"step": 1100, "grad_norm": 2.16},
        {"step": 1150, "grad_norm": 2.16},
        {"step": 1200, "grad_norm": 5.0},
        {"step": 1700, "grad_norm": 5.0},
    )
    found = triggers([*usual, first, repeat, worse, later])
    assert [(one.step, one.tier) for one in found if one.step > 1000] == [
        (1100, Tier.WARNING),
        (1200, Tier.CRITICAL),
        (1700, Tier.CRITICAL),
    ]


@pytest.mark.parametrize("marked", [True, False], ids=["marker", "step goes back"])
def test_after_a_resume_only_what_is_critical_is_told(marked: bool) -> None:
    usual = series("loss", noisy(1000))
    start = 1001 if marked else 900
    mark: dict[str, object] = {"step": start, "resume": marked}
    slight = series("loss", [2.16], start=start)
    assert [one for one in triggers(chain(usual, [mark], slight)) if one.step >= 1001] == []
    jump = series("loss", [11.0], start=start)
    found = triggers(chain(usual, [mark], jump))
    assert [one.kind for one in found if one.tier is Tier.CRITICAL] == ["loss_zscore"]


def test_the_grace_after_a_resume_ends() -> None:
    usual = series("loss", noisy(1000))
    again = series("loss", [*noisy(30), 2.16], start=900)
    found = triggers(chain(usual, again))
    assert found[-1].step == 930
    assert (found[-1].kind, found[-1].tier) == ("loss_zscore", Tier.WARNING)


def test_the_loss_of_one_example_is_not_the_loss_of_the_training() -> None:
    usual = series("loss", noisy(1000))
    found = triggers([*usual, example(1001, False, 9.0)])
    assert [one for one in found if one.kind == "loss_zscore" and one.step == 1001] == []
