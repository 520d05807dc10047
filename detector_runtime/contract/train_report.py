"""`TrainReport`: what a training pod reports, as its termination message."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from detector_runtime.contract.codec import dumps
from detector_runtime.contract.run_config import SLOSpec
from detector_runtime.contract.vocabulary import FORMAT_VERSION, RunOutcome

NEAR_LIMIT = "Passed near the limit"
"""How `validation` begins for a model that missed a limit by so little that it serves."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The training pod's last word: at most 4,096 bytes of JSON as the termination message.

    `samples` of `needed` training rows; `enough_at` (ISO 8601, UTC) is when a new try can succeed.
    `digest` is the sha256 of the manifest, `arrays_digest` that of the arrays alone: equal data,
    seed and library versions give equal arrays. `level_shift`: what moved a week ago and
    stayed, and what to write to take it as the new normal; empty when nothing did. `shape`: what
    the model was trained for, as `model_shape` has it.
    `judged_slo`: the thresholds that warnings speak of, as `slo_digest` has them.
    `expected_per_week`: false incidents of Medium and above that the history lets expect.
    """

    outcome: RunOutcome
    message: str
    revision: str = ""
    digest: str = ""
    arrays_digest: str = ""
    trained_at: str = ""
    grade: str = ""
    samples: int = 0
    needed: int = 0
    enough_at: str = ""
    detectors: tuple[str, ...] = ()
    multivariate: bool = False
    provisional: bool = False
    validation: str = ""
    warnings: tuple[str, ...] = ()
    level_shift: str = ""
    shape: str = ""
    expected_per_week: str = ""
    judged_slo: str = ""
    format_version: int = FORMAT_VERSION


def slo_digest(policy: SLOSpec | None) -> str:
    """12 hex digits of SHA-256 over the thresholds of a service; empty without a policy."""
    return hashlib.sha256(dumps(policy).encode()).hexdigest()[:12] if policy else ""


def model_shape(names: Sequence[str], step_seconds: int) -> str:
    """12 hex digits of SHA-256 over the metrics in their order and the step: a scoring run refuses
    a model of another shape than its own.
    """
    return hashlib.sha256("\0".join((*names, str(step_seconds))).encode()).hexdigest()[:12]
