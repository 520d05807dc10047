"""Thresholds that a run sets, by the names of the contract."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from detector_runtime.contract.training_run import THRESHOLDS, RunMode
from detector_runtime.training_run.thresholds import (
    SHORT_WINDOWS,
    STANDARD,
    ThresholdError,
    Thresholds,
    thresholds_of,
)
from pretend.training_run import noisy, series, triggers


def test_without_overrides_they_are_those_of_the_mode() -> None:
    assert thresholds_of(RunMode.STANDARD) == STANDARD
    assert thresholds_of(RunMode.SHORT_WINDOWS) == SHORT_WINDOWS


@pytest.mark.parametrize("name", THRESHOLDS)
def test_each_name_sets_its_field_and_the_default_is_within_bounds(name: str) -> None:
    field, bounds = THRESHOLDS[name]
    assert field in {one.name for one in fields(Thresholds)}
    for mode in RunMode:
        default = asdict(thresholds_of(mode))[field]
        assert bounds.least <= default <= bounds.most
        assert bounds.whole == isinstance(default, int)
        set_to = thresholds_of(mode, [(name, bounds.most)])
        assert set_to == replace(thresholds_of(mode), **{field: bounds.most})
        assert type(asdict(set_to)[field]) is type(default)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("zscore", 3, "no threshold zscore; there are zScore, "),
        ("zScore", 0.5, "zScore is 0.5; needs a number from 1 to 100"),
        ("zScore", float("nan"), "zScore is nan"),
        ("multiple", 2.5, "multiple is 2.5; needs a whole number from 2 to 20"),
    ],
)
def test_what_is_refused(name: str, value: float, message: str) -> None:
    with pytest.raises(ThresholdError, match=message):
        thresholds_of(RunMode.STANDARD, [(name, value)])


def test_an_override_changes_what_fires() -> None:
    log = series("loss", [*noisy(1000), 2.08])
    raised = thresholds_of(RunMode.STANDARD, [("zScore", 5)])
    assert "loss_zscore" in {one.kind for one in triggers(log)}
    assert "loss_zscore" not in {one.kind for one in triggers(log, raised)}
