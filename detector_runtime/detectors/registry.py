"""The detectors by name: what a model may be made of."""

from __future__ import annotations

from detector_runtime.detectors.autoregressive import Autoregressive
from detector_runtime.detectors.base import Detector
from detector_runtime.detectors.joint_forest import JointForest
from detector_runtime.detectors.principal_components import PrincipalComponents
from detector_runtime.detectors.robust import Robust
from detector_runtime.detectors.rolling_forest import RollingForest
from detector_runtime.detectors.seasonal import Seasonal

DETECTORS: dict[str, type[Detector]] = {
    detector.name: detector
    for detector in (
        Seasonal,
        Autoregressive,
        PrincipalComponents,
        RollingForest,
        Robust,
        JointForest,
    )
}
