"""`spec.profile`: what a service is, and what that means for the rest of its spec.

Defaults that depend on it are filled in here and not by the schema. A field that the profile would
ignore is refused, so that nobody waits for what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from anomaly_operator.api.fields import Fields
from anomaly_operator.api.problem import Problem
from anomaly_operator.api.reasons import Reason
from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Role


class Profile(StrEnum):
    """A microservice's metrics have a usual, which a training learns. A training run's log is
    judged row by row; no model is trained of it."""

    MICROSERVICE = "Microservice"
    TRAINING_RUN = "TrainingRun"


@dataclass(frozen=True, slots=True)
class Defaults:
    """Of fields that a spec leaves out."""

    step_seconds: int
    confirmation_cycles: int


DEFAULTS: Mapping[Profile, Defaults] = {
    Profile.MICROSERVICE: Defaults(step_seconds=120, confirmation_cycles=2),
    # A trigger of a run is a fact of one row, not a level that has to last.
    Profile.TRAINING_RUN: Defaults(step_seconds=60, confirmation_cycles=1),
}
_OF_A_MODEL = (
    "preset",
    "sloPolicyRef",
    "modelRevision",
    "periodPreset",
    "periods",
    "calendars",
    "patterns",
    "nonAlertingPatterns",
    "context",
    "serving",
)
"""What only a model, an SLO or the windows of a usual make sense of."""


def read_profile(fields: Fields) -> Profile:
    """`fields` is the spec. Raises SpecError."""
    profile = fields.choice("profile", Profile.MICROSERVICE)
    if profile is Profile.MICROSERVICE and fields.has("trainingRun"):
        text = f"is only for profile {Profile.TRAINING_RUN}; set spec.profile, or remove it"
        raise fields.refuse("trainingRun", text)
    if profile is Profile.TRAINING_RUN and not fields.has("trainingRun"):
        text = f"is missing; profile {profile} needs it to know where the rows come from"
        raise fields.refuse("trainingRun", text)
    return profile


def misfits(profile: Profile, fields: Fields, metrics: Sequence[MetricSpec]) -> list[Problem]:
    """What of a spec does not go with its profile."""
    if profile is Profile.MICROSERVICE:
        return [
            _problem("spec.metrics", f"{one.name} has the role {one.role}, which only a {_RUN} has")
            for one in metrics
            if one.role.of_a_run
        ]
    found = [
        _problem(fields.at(key), f"has no effect for a {_RUN}; remove it")
        for key in _OF_A_MODEL
        if fields.has(key) and not (key == "modelRevision" and not fields.text(key))
    ]
    roles = [one.role for one in metrics]
    foreign = [one for one in metrics if one.role is not Role.CUSTOM and not one.role.of_a_run]
    allowed = "Step, Loss, LearningRate, Accuracy or Custom"
    found += [
        _problem("spec.metrics", f"{one.name} has the role {one.role}; a {_RUN} has {allowed}")
        for one in foreign
    ]
    tracked = fields.child("trainingRun").has("mlflow")
    if metrics and not tracked and Role.STEP not in roles:
        found.append(_problem("spec.metrics", "none has the role Step, so no row has a step"))
    if tracked and Role.STEP in roles:
        text = "one has the role Step, which MLflow counts itself; remove it"
        found.append(_problem("spec.metrics", text))
    return found


_RUN = f"service of profile {Profile.TRAINING_RUN}"


def _problem(field: str, text: str) -> Problem:
    return Problem(Reason.INVALID_SPEC, field, text)
