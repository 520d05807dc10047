"""`TrainReport`: what a training pod reports, as its termination message."""

from __future__ import annotations

from dataclasses import dataclass

from detector_runtime.contract.vocabulary import FORMAT_VERSION, RunOutcome


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The training pod's last word: at most 4,096 bytes of JSON as the termination message.

    `samples` of `needed` training rows; `enough_at` (ISO 8601, UTC) is when a new try can succeed.
    `digest` is the sha256 of the manifest, `arrays_digest` that of the arrays alone: equal data,
    seed and library versions give equal arrays. `level_shift`: what moved a week ago and
    stayed, and what to write to take it as the new normal; empty when nothing did.
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
    expected_per_week: str = ""
    format_version: int = FORMAT_VERSION
