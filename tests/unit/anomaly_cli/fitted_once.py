"""`fit_model` for tests that fit the same rows with the same settings again and again: a fit takes
seconds, and its result depends on nothing else."""

from __future__ import annotations

from typing import Any

from detector_runtime.fitting.fit import fit_model
from detector_runtime.model.fitted import FittedModel
from detector_runtime.series.reading import CleanRows

_fitted: dict[tuple[object, ...], FittedModel] = {}


def fit_once(clean: CleanRows, *arguments: Any, **named: Any) -> FittedModel:
    """The model that `fit_model` makes of these arguments, the same object for equal ones."""
    frame = clean.frame
    data = (frame.times.tobytes(), frame.values.tobytes(), clean.cells.tobytes())
    key = (*data, repr((frame.names, frame.step, clean.rules, arguments, named)))
    if key not in _fitted:
        _fitted[key] = fit_model(clean, *arguments, **named)
    return _fitted[key]
