"""What a model depends on, as a hash: when it changes, a new model is trained.

Only what the fit reads. The category and the periods shape verdicts, the SLO and the schedule
change no model at all; the category's defaults come in through `detector`, where they are used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from anomaly_operator.incidents.settings import incident_spec
from anomaly_operator.manifests.run_config import Resolved
from anomaly_operator.training.book import Model, TrainingBook
from detector_runtime.contract.codec import PLAIN, camel, encode
from detector_runtime.contract.run_config import IncidentSpec


def training_inputs(resolved: Resolved) -> str:
    """16 hex digits of SHA-256 over the parts of a spec that a fit reads."""
    return inputs_with_wider(resolved)[0]


def wider_inputs(resolved: Resolved) -> str:
    """The same with category and periods, as models in stored statuses may carry it."""
    return inputs_with_wider(resolved)[1]


def inputs_with_wider(resolved: Resolved) -> tuple[str, str]:
    """Both, for the price of one."""
    spec = resolved.spec
    narrow = _document(_parts(resolved))
    wide = _document({"category": spec.category, "periods": spec.periods})
    return _hash(narrow), _hash({**narrow, **wide})


def renamed(book: TrainingBook, old: str, new: str) -> TrainingBook:
    """`book` with the hash `old` called `new`: it stands for the same model."""
    return dataclasses.replace(
        book,
        inputs=new if book.inputs == old else book.inputs,
        revisions=tuple(model_renamed(model, old, new) for model in book.revisions),
    )


def model_renamed(model: Model, old: str, new: str) -> Model:
    return dataclasses.replace(model, inputs=new) if model.inputs == old else model


def _parts(resolved: Resolved) -> dict[str, Any]:
    spec, plan = resolved.spec, resolved.spec.training
    parts = {
        "source": resolved.source.name,
        "file": spec.parameters.get("file", ""),
        "stepSeconds": spec.step_seconds,
        "timeZone": spec.time_zone,
        "detector": spec.detector,
        "metrics": resolved.metrics,
        "lookbackSeconds": plan.lookback_seconds,
        "minUnivariate": plan.min_univariate,
        "minMultivariate": plan.min_multivariate,
        "exclude": plan.exclude,
    }
    if spec.calendars:
        # As written, not as resolved: no training for a quarter that begins.
        parts["calendars"] = spec.calendars
    incidents = incident_spec(spec.step_seconds, spec.incidents)
    # Left out at its default, or an upgrade would train every service anew.
    return parts if incidents == IncidentSpec() else {**parts, "incidents": incidents}


def _document(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _without_defaults(part) for name, part in parts.items()}


def _hash(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_defaults(value: Any) -> Any:
    """JSON-ready, without fields at their default: a field that a release adds must not train
    the whole fleet anew.
    """
    if isinstance(value, tuple):
        return [_without_defaults(item) for item in value]
    if type(value) in PLAIN or not dataclasses.is_dataclass(value) or isinstance(value, type):
        return encode(value)
    pairs = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {
        camel(field.name): _without_defaults(item) for field, item in pairs if item != field.default
    }
