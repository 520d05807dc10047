"""The workload that trains a model, as far as its suspension is decided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainerObject:
    """A Job or TrainJob. `allowed`: its annotation asks to be suspended. `suspended`: its spec says
    so. `suspended_for`: the incident for which we suspended it, empty while we never did. `ended`:
    it has finished, well or not.
    """

    kind: str
    name: str
    uid: str
    resource_version: str
    allowed: bool = False
    suspended: bool = False
    suspended_for: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class UnknownTrainer:
    """Why the workload could not be read. `passing`: the reason may pass by itself."""

    said: str
    passing: bool = False
