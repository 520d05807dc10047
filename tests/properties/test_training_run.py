"""A training log in parts says what it says whole, and never needs more memory than its bounds."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.training_run import watch
from detector_runtime.training_run.memory import dump, load
from detector_runtime.training_run.rows import row_of
from detector_runtime.training_run.thresholds import STANDARD
from detector_runtime.training_run.trigger import Tier

SMALL = replace(STANDARD, baseline_rows=40, robust_rows=20, prompts=5, metrics=4, block_rows=5)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.1, 0.5, 2.0, 2.1])
ROWS = st.fixed_dictionaries(
    {"step": st.integers(0, 5000)},
    optional={
        "loss": NUMBERS,
        "learning_rate": st.sampled_from([0.0, 1e-5, 1e-4, 1e-3]),
        "accuracy": st.floats(0, 100),
        "prompt": st.sampled_from("abcdefghij"),
        "golden_answer": st.sampled_from("xy"),
        "matches": st.booleans(),
        "resume": st.booleans(),
        **{f"metric_{at}": NUMBERS for at in range(6)},
    },
)
LOGS = st.lists(ROWS, max_size=60)


def told(state: watch.State, log: list[dict[str, object]]) -> tuple[watch.State, list[object]]:
    found: list[object] = []
    for raw in log:
        state, triggers = watch.step(state, row_of(raw), SMALL)
        found.extend(triggers)
    return state, found


def size(held: Any) -> int:
    """Of all numbers and texts in a state."""
    if is_dataclass(held):
        return sum(size(getattr(held, one.name)) for one in fields(held))
    if isinstance(held, dict):
        return sum(1 + size(one) for one in held.values())
    if isinstance(held, str | int | float | None):
        return 1
    return sum(size(one) for one in held)


@settings(max_examples=40)
@given(LOGS, st.integers(0, 60))
def test_two_parts_say_what_the_whole_says(log: list[dict[str, object]], cut: int) -> None:
    half, before = told(watch.State(), log[:cut])
    _, after = told(half, log[cut:])
    assert before + after == told(watch.State(), log)[1]


@settings(max_examples=80)
@given(LOGS, st.integers(0, 60))
def test_a_memory_that_was_written_and_read_says_what_the_whole_says(
    log: list[dict[str, object]], cut: int
) -> None:
    half, before = told(watch.State(), log[:cut])
    read = load(json.loads(json.dumps(dump(half), allow_nan=False, sort_keys=True)))
    end, after = told(read, log[cut:])
    whole, found = told(watch.State(), log)
    assert (before + after, end) == (found, whole)


@settings(max_examples=20)
@given(LOGS)
def test_the_state_is_bounded(log: list[dict[str, object]]) -> None:
    state, _ = told(watch.State(), log * 10)
    # Two lists for each metric, loss and accuracy, and the last rows of the rules.
    assert size(state) <= 2 * (SMALL.metrics + 2) * (SMALL.baseline_rows + 5) + 500


@settings(max_examples=40)
@given(LOGS)
def test_a_cooldown_shows_a_kind_again_only_later_or_worse(log: list[dict[str, object]]) -> None:
    shown: dict[str, tuple[int, Tier]] = {}
    state = watch.State()
    for raw in sorted(log, key=lambda raw: int(str(raw["step"]))):
        once = {name: value for name, value in raw.items() if name != "resume"}
        state, triggers = watch.step(state, row_of(once), SMALL)
        for one in triggers:
            step, tier = shown.get(one.kind, (-SMALL.cooldown_steps, one.tier))
            assert one.step - step >= SMALL.cooldown_steps or one.tier.rank > tier.rank
            shown[one.kind] = (one.step, one.tier)
