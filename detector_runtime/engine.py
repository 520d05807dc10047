"""The engine's façade: `fit` and `score`, and the values that go in and come out.

Importing it costs numpy alone; the fit side (scikit-learn) is imported when `fit` is called.
"""

from __future__ import annotations

from detector_runtime.contract.vocabulary import Interval
from detector_runtime.model.fitted import (
    Check,
    EngineSettings,
    FittedModel,
    ModelError,
    NotEnoughHistory,
    Validation,
)
from detector_runtime.model.scoring import Scores, score
from detector_runtime.series.frame import Frame

__all__ = [
    "Check",
    "EngineSettings",
    "FittedModel",
    "ModelError",
    "NotEnoughHistory",
    "Scores",
    "Validation",
    "fit",
    "score",
]


def fit(frame: Frame, settings: EngineSettings, exclude: tuple[Interval, ...] = ()) -> FittedModel:
    """Learn a model from `frame`, leaving out the windows that touch an interval of `exclude`.

    Raises NotEnoughHistory. A candidate that fails its checks is returned all the same, with
    `validation.passed` False: whether it serves is the caller's decision.
    """
    from detector_runtime.fitting.fit import fit_model  # noqa: PLC0415 - fit side only

    return fit_model(frame, settings, exclude)
