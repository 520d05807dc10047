"""The detectors by name: what a model may be made of, and what serves which kind of service."""

from __future__ import annotations

from detector_runtime.detectors.autoregressive import Autoregressive
from detector_runtime.detectors.base import Detector
from detector_runtime.detectors.flatline import Flatline
from detector_runtime.detectors.innovations import Innovations
from detector_runtime.detectors.joint_forest import JointForest
from detector_runtime.detectors.level import Level
from detector_runtime.detectors.mahalanobis import Mahalanobis
from detector_runtime.detectors.moving_average import MovingAverage
from detector_runtime.detectors.rolling_forest import RollingForest
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.detectors.vector_autoregressive import VectorAutoregressive
from detector_runtime.detectors.volatility import Volatility
from detector_runtime.detectors.window_clusters import WindowClusters
from detector_runtime.detectors.window_neighbours import WindowNeighbours

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

EVERY: tuple[type[Detector], ...] = (*SEVERAL_METRICS, Level, WindowNeighbours)
DETECTORS: dict[str, type[Detector]] = {detector.name: detector for detector in EVERY}
