"""Which detectors make up a model, and how they vote, where a user chooses both.

Without a choice the engine's own set serves and nothing here is written: a RunConfig without
members is byte for byte what it was before there were any.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from detector_runtime.contract.codec import OMIT_DEFAULT

MAX_MEMBERS = 16


class MemberName(StrEnum):
    """Detectors by the name that people write."""

    ISOLATION_FOREST = "IsolationForest"
    LOCAL_OUTLIER_FACTOR = "LocalOutlierFactor"
    Z_SCORE = "ZScore"
    SEASONAL = "Seasonal"
    AUTOREGRESSIVE = "Autoregressive"
    MOVING_AVERAGE = "MovingAverage"
    ROLLING_FOREST = "RollingForest"
    VOLATILITY = "Volatility"
    VECTOR_AUTOREGRESSIVE = "VectorAutoregressive"
    WINDOW_CLUSTERS = "WindowClusters"
    JOINT_FOREST = "JointForest"
    MAHALANOBIS = "Mahalanobis"
    INNOVATIONS = "Innovations"
    FLATLINE = "Flatline"
    LEVEL = "Level"
    WINDOW_NEIGHBOURS = "WindowNeighbours"


SEVERAL_METRICS_NEEDED = frozenset(
    {
        MemberName.VECTOR_AUTOREGRESSIVE,
        MemberName.WINDOW_CLUSTERS,
        MemberName.JOINT_FOREST,
        MemberName.MAHALANOBIS,
        MemberName.INNOVATIONS,
    }
)
"""Members that read all metrics together and have nothing to say of a single one."""


class VoteRule(StrEnum):
    """`Majority`: more than half of the members that have a value; `Any`: one; `All`: each;
    `Weighted`: those that hold the threshold's share of the weight; `Best`: the one that found most
    injected faults in the held-out part of the history."""

    MAJORITY = "Majority"
    ANY = "Any"
    ALL = "All"
    WEIGHTED = "Weighted"
    BEST = "Best"


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One detector and its parameters; those of other detectors are not read.

    `contamination`: the share of the training rows above its own threshold; `references`: training
    rows that LocalOutlierFactor keeps; `threshold`: standard deviations of ZScore.
    """

    name: MemberName
    trees: Annotated[int, OMIT_DEFAULT] = 200
    contamination: Annotated[float, OMIT_DEFAULT] = 0.05
    neighbours: Annotated[int, OMIT_DEFAULT] = 20
    references: Annotated[int, OMIT_DEFAULT] = 2000
    threshold: Annotated[float, OMIT_DEFAULT] = 3.0


@dataclass(frozen=True, slots=True)
class MemberWeight:
    name: MemberName
    weight: float


@dataclass(frozen=True, slots=True)
class VoteSpec:
    """`weights` and `threshold` (a share of the weight, 0 to 1) count for `Weighted` alone; a
    member without a weight has 1."""

    rule: VoteRule = VoteRule.MAJORITY
    weights: Annotated[tuple[MemberWeight, ...], OMIT_DEFAULT] = ()
    threshold: Annotated[float, OMIT_DEFAULT] = 0.5


MAJORITY = VoteSpec()
