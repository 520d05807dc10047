"""The engine from the source's frame on, read as a pod reads it."""

from __future__ import annotations

from detector_runtime.contract.run_config import Interval, MetricSpec
from detector_runtime.contract.vocabulary import Direction, Role, Unit
from detector_runtime.fitting import fit
from detector_runtime.model import scoring
from detector_runtime.model.fitted import EngineSettings, FittedModel
from detector_runtime.model.scoring import Scores
from detector_runtime.series.frame import Frame
from detector_runtime.series.reading import read_as_trained, read_history


def fit_model(
    frame: Frame, settings: EngineSettings, exclude: tuple[Interval, ...] = ()
) -> FittedModel:
    return fit.fit_model(read_history(frame, settings.metrics), settings, exclude)


def score(
    model: FittedModel, frame: Frame, since: int, metrics: tuple[MetricSpec, ...] | None = None
) -> Scores:
    """Scores of `frame`, whose metrics have no valid range unless `metrics` says so."""
    if metrics is None:
        metrics = tuple(
            MetricSpec(name, Role.CUSTOM, name, Unit.NONE, Direction.BOTH) for name in frame.names
        )
    return scoring.score_rows(model, read_as_trained(frame, metrics, model.counter), since)
