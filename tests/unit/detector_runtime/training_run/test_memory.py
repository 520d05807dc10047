"""What is known of a run survives between two runs of a pod, in bounded space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from detector_runtime.training_run import watch
from detector_runtime.training_run.memory import MAX_BYTES, MemoryUnreadableError, dump, load
from detector_runtime.training_run.rows import MAX_METRIC_NAME, row_of
from detector_runtime.training_run.thresholds import STANDARD
from pretend.training_run import example, gaussian


def full() -> watch.State:
    """A state all windows of which are full, with metrics of the longest names."""
    names = [f"{at:x>{MAX_METRIC_NAME}}" for at in range(STANDARD.metrics + 5)]
    state = watch.State()
    losses = gaussian(STANDARD.prompts + 100, 2.0, 0.1)
    for at, loss in enumerate(losses):
        raw: dict[str, object] = {"step": at, **example(at, at % 2 == 0, loss), "accuracy": loss}
        raw |= {"learning_rate": 1e-4, **dict.fromkeys(names, loss + at % 7)}
        if at % 400 == 399:
            raw |= dict.fromkeys(names, 100.0)
        state, _ = watch.step(state, row_of(raw))
    return state


def test_a_full_memory_stays_within_its_limit() -> None:
    state = full()
    assert len(state.baselines) == STANDARD.metrics + 2
    assert {len(one.values) for one in state.baselines.values()} == {STANDARD.baseline_rows}
    assert len(state.labels.known) == STANDARD.prompts
    assert len(json.dumps(dump(state), separators=(",", ":"))) <= MAX_BYTES


def test_a_memory_is_plain_json_and_exact() -> None:
    state = full()
    assert load(json.loads(json.dumps(dump(state), allow_nan=False))) == state
    assert load(dump(watch.State())) == watch.State()


def without(document: Mapping[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != field}


EMPTY = dump(watch.State())
DAMAGED: list[tuple[str, object]] = [
    ("version", []),
    ("version", {**EMPTY, "version": 0}),
    ("step", without(EMPTY, "step")),
    ("rows", {**EMPTY, "rows": "12"}),
    ("in_percent", {**EMPTY, "in_percent": 1}),
    ("best.loss", {**EMPTY, "best": {**EMPTY["best"], "loss": "low"}}),
    ("spikes.losses", {**EMPTY, "spikes": {"losses": "AAAA"}}),
    ("slow.", {**EMPTY, "slow": None}),
    ("baselines", {**EMPTY, "baselines": {"loss": {"values": "", "last": 0.0}}}),
    ("rate.rates", {**EMPTY, "rate": {**EMPTY["rate"], "rates": "AAAAAAAA8H8="}}),
    ("cooldown.told", {**EMPTY, "cooldown": {"told": {"loss_spike": [1, "Bad"]}}}),
    ("labels.known", {**EMPTY, "labels": {"known": "*"}}),
]


@pytest.mark.parametrize(("field", "document"), DAMAGED)
def test_a_damaged_memory_is_refused_with_its_field(field: str, document: object) -> None:
    with pytest.raises(MemoryUnreadableError, match=field):
        load(document)
