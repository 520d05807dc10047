"""The detectors by name: what a model may be made of, and what serves which kind of service."""

from __future__ import annotations

from detector_runtime.contract.members import MemberName, MemberSpec
from detector_runtime.detectors.autoregressive import Autoregressive
from detector_runtime.detectors.base import Detector
from detector_runtime.detectors.flatline import Flatline
from detector_runtime.detectors.innovations import Innovations
from detector_runtime.detectors.isolation_forest import IsolationForest
from detector_runtime.detectors.joint_forest import JointForest
from detector_runtime.detectors.level import Level
from detector_runtime.detectors.local_outlier_factor import LocalOutlierFactor
from detector_runtime.detectors.mahalanobis import Mahalanobis
from detector_runtime.detectors.moving_average import MovingAverage
from detector_runtime.detectors.rolling_forest import RollingForest
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.detectors.vector_autoregressive import VectorAutoregressive
from detector_runtime.detectors.volatility import Volatility
from detector_runtime.detectors.window_clusters import WindowClusters
from detector_runtime.detectors.window_neighbours import WindowNeighbours
from detector_runtime.detectors.zscore import ZScore
from detector_runtime.series.features import Prepared

ONE_METRIC: tuple[type[Detector], ...] = (
    Level,
    Autoregressive,
    MovingAverage,
    RollingForest,
    Volatility,
    WindowNeighbours,
)
"""A single metric says little at a time, so its shape is looked at in several ways."""

SEVERAL_METRICS: tuple[type[Detector], ...] = (
    Seasonal,
    Autoregressive,
    MovingAverage,
    RollingForest,
    Volatility,
    VectorAutoregressive,
    WindowClusters,
    JointForest,
    Mahalanobis,
    Innovations,
    Flatline,
)
"""Half follow a level that has moved, half hold on to the training level; five read all
metrics together. On unseen servers each half alone misses what the other finds."""

COSTLY = frozenset(
    {RollingForest.name, JointForest.name, WindowNeighbours.name, WindowClusters.name}
)
"""Left out where only a first look at the history is wanted."""

NAMED: dict[MemberName, type[Detector]] = {
    MemberName.ISOLATION_FOREST: IsolationForest,
    MemberName.LOCAL_OUTLIER_FACTOR: LocalOutlierFactor,
    MemberName.Z_SCORE: ZScore,
    MemberName.SEASONAL: Seasonal,
    MemberName.AUTOREGRESSIVE: Autoregressive,
    MemberName.MOVING_AVERAGE: MovingAverage,
    MemberName.ROLLING_FOREST: RollingForest,
    MemberName.VOLATILITY: Volatility,
    MemberName.VECTOR_AUTOREGRESSIVE: VectorAutoregressive,
    MemberName.WINDOW_CLUSTERS: WindowClusters,
    MemberName.JOINT_FOREST: JointForest,
    MemberName.MAHALANOBIS: Mahalanobis,
    MemberName.INNOVATIONS: Innovations,
    MemberName.FLATLINE: Flatline,
    MemberName.LEVEL: Level,
    MemberName.WINDOW_NEIGHBOURS: WindowNeighbours,
}
"""By the name that people write in a list of members."""

MEMBER_NAMES = {detector.name: name for name, detector in NAMED.items()}
"""What people call a detector, by its own name."""

DETECTORS: dict[str, type[Detector]] = {detector.name: detector for detector in NAMED.values()}


def fit_named(spec: MemberSpec, rows: Prepared, seed: int) -> Detector | None:
    """The member that `spec` asks for; None where these rows teach it nothing."""
    kind = NAMED[spec.name]
    if kind is IsolationForest:
        return IsolationForest.fit(rows, seed, trees=spec.trees, contamination=spec.contamination)
    if kind is LocalOutlierFactor:
        return LocalOutlierFactor.fit(
            rows,
            seed,
            neighbours=spec.neighbours,
            contamination=spec.contamination,
            references=spec.references,
        )
    if kind is ZScore:
        return ZScore.fit(rows, seed, threshold=spec.threshold)
    return kind.fit(rows, seed)


def own_threshold(member: Detector) -> float:
    """The deviation that a member must exceed to vote, whatever the alert level."""
    if isinstance(member, IsolationForest | LocalOutlierFactor | ZScore):
        return member.threshold
    return float("-inf")
