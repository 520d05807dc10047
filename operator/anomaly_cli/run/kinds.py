"""The kinds of triggers: a trigger's name without its figure, and those that are always counted."""

from __future__ import annotations

import re
from collections.abc import Iterable

from detector_runtime.contract.training_run import RunTrigger
from detector_runtime.training_run.trigger import Tier

_FIGURE = re.compile(r"_[-+]?(?:\d+(?:\.\d+)?|inf|nan)(?:pct|steps)?$")
IMPORTANT = (
    "MULTIPLE_TRIGGERS",
    "loss_nan",
    "loss_infinite",
    "inverted_loss_pattern_correct_high",
    "inverted_loss_pattern_incorrect_low",
    "overfitting_detected",
    "divergence_detected",
    "lr_zscore",
    "loss_zscore",
    "loss_spike",
    "accuracy_drop",
    "wrong_answer_low_loss",
    "perfect_answer_high_loss",
    "conflicting_labels",
)
"""That none of these came is worth a line."""
_RANKS = {tier.value: tier.rank for tier in Tier}


def kind_of(name: str) -> str:
    """`loss_spike` of `loss_spike_45.2pct`."""
    return _FIGURE.sub("", name)


def rank_of(tier: str) -> int:
    """How bad a tier is, as `Tier.rank`; -1 for one that this program does not know."""
    return _RANKS.get(tier, -1)


def worst_of(triggers: Iterable[RunTrigger]) -> str:
    """The worst tier, empty where there is no trigger."""
    return max((one.tier for one in triggers), key=rank_of, default="")
