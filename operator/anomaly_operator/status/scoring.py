"""What the scoring runs have left: the newest detection, how its run ended, how recent it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from anomaly_operator.api.reasons import Reason
from anomaly_operator.api.text import unix_seconds
from anomaly_operator.status.staleness import Freshness
from anomaly_operator.world.diagnosis import Diagnosis
from detector_runtime.contract.codec import decode
from detector_runtime.contract.detection import Detection, WindowReport
from detector_runtime.contract.record import whole_detection
from detector_runtime.contract.vocabulary import ContractError, RunOutcome

GOOD_OUTCOMES = frozenset({RunOutcome.SUCCEEDED, RunOutcome.LEARNING})
MODEL_GONE = frozenset({RunOutcome.MODEL_MISSING, RunOutcome.MODEL_REFUSED})


@dataclass(frozen=True, slots=True)
class Scoring:
    """`detection` None: no run has left one that can be read. `error`: why it cannot be used.
    `waits`: for the first row of a training run, so that no data is no failure."""

    detection: Detection | None = None
    error: str = ""
    waits: bool = False
    freshness: Freshness = field(default_factory=lambda: Freshness(fresh=False))

    @property
    def outcome(self) -> RunOutcome | None:
        """How the newest run ended; None before the first."""
        return self.detection.run.outcome if self.detection else None

    @property
    def scored(self) -> bool:
        """Whether any window has been scored yet."""
        return bool(self.detection and self.detection.scored_through)

    @property
    def report(self) -> WindowReport | None:
        """What the newest run found out about its newest window."""
        return self.detection.report if self.detection else None

    @property
    def step_seconds(self) -> int:
        """Of the windows that were scored, 0 where no document says it."""
        return self.detection.step_seconds if self.detection else 0

    @property
    def failure(self) -> Diagnosis | None:
        """Why the newest run failed."""
        if self.detection is None or self.outcome in GOOD_OUTCOMES:
            return None
        if self.waits and self.outcome is RunOutcome.NO_DATA:
            return None
        return Diagnosis(Reason(self.detection.run.outcome.value), self.detection.run.message)

    def failure_of(self, revision: str) -> Diagnosis | None:
        """Why the newest run failed, None where it missed a model that no longer serves: it says
        nothing of `revision`, which the next run asks for."""
        gone = self.outcome in MODEL_GONE and not self.misses(revision)
        return None if gone else self.failure

    def failing_since(self) -> int:
        """Unix seconds since which runs end as the newest did; 0 where it did not fail."""
        return unix_seconds(self.detection.run.since) if self.detection and self.failure else 0

    def misses(self, revision: str) -> bool:
        """Whether the pods do not find the very revision that is to serve."""
        asked_for = self.detection.model_revision if self.detection else ""
        return self.outcome in MODEL_GONE and bool(revision) and asked_for == revision


def read_scoring(text: bytes) -> Scoring:
    """From `.status.detection`, which a program of another version may have written."""
    if not text:
        return Scoring()
    try:
        return Scoring(decode(Detection, whole_detection(json.loads(text))))
    except ContractError as error:
        return Scoring(error=f"The operator cannot read status.detection: {error}.")
