"""What one reconcile found out about a service, for conditions, state and events to speak of."""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api.reasons import Reason
from anomaly_operator.incidents.level_control import Control
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.slo.choice import PolicyChoice
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.training.decide import TrainingStep
from anomaly_operator.training.promotion import Serving
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.refusal import Refusal
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.vocabulary import RunOutcome

FOR_A_PERSON = frozenset(
    {
        RunOutcome.INVALID_CONFIG,
        RunOutcome.INVALID_QUERY,
        RunOutcome.SOURCE_UNAUTHORIZED,
        RunOutcome.SECRET_MISSING,
        RunOutcome.ADDRESS_REFUSED,
        RunOutcome.RESPONSE_TOO_LARGE,
    }
)
"""Run outcomes that no waiting mends."""

MODEL_GONE = frozenset({RunOutcome.MODEL_MISSING, RunOutcome.MODEL_REFUSED})


@dataclass(frozen=True, slots=True)
class Facts:
    """`conflicts`: foreign objects in the way. `control`: how many false incidents came, and what
    that does to the alert level. `fresh`: the newest window that should be scored is; `stale`: why
    not, once that has lasted too long. `missing`: dependencies that do not exist. `crowded_out`:
    Anomaly objects that the cluster-wide limit leaves no room for. `refused`: what the API server
    refuses.
    """

    spec: ServiceSpec
    training: TrainingStep
    serving: Serving
    incidents: IncidentState | None
    control: Control
    policy: PolicyChoice
    detection: Detection | None = None
    detection_error: str = ""
    fresh: bool = False
    stale: Diagnosis | None = None
    claim_lost: bool = False
    conflicts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    crowded_out: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @property
    def outcome(self) -> RunOutcome | None:
        """How the newest run ended; None before the first."""
        return self.detection.run.outcome if self.detection else None

    @property
    def scored(self) -> bool:
        return bool(self.detection and self.detection.scored_through)

    @property
    def failed_run(self) -> Diagnosis | None:
        """The newest run's failure."""
        outcome = self.outcome
        if self.detection is None or outcome in (None, RunOutcome.SUCCEEDED, RunOutcome.LEARNING):
            return None
        return Diagnosis(Reason(self.detection.run.outcome.value), self.detection.run.message)

    @property
    def training_failure(self) -> Diagnosis | None:
        """The newest training's failure, while no later one went well."""
        failure = self.training.book.last_failure
        if failure is None:
            return None
        known = {reason.value: reason for reason in Reason}
        return Diagnosis(known.get(failure.reason, Reason.INTERNAL_ERROR), failure.message)
