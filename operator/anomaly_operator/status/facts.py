"""What one reconcile found out about a service, for conditions, state and Events to speak of."""

from __future__ import annotations

from dataclasses import dataclass, field

from anomaly_operator.api.reasons import Reason
from anomaly_operator.evaluation.figures import Evaluation
from anomaly_operator.incidents.level_control import Control
from anomaly_operator.incidents.state import IncidentState
from anomaly_operator.slo.choice import PolicyChoice
from anomaly_operator.slo.objectives import ServiceObjectives
from anomaly_operator.spec.service import ServiceSpec
from anomaly_operator.status.endpoint import Endpoint
from anomaly_operator.status.scoring import Scoring
from anomaly_operator.training.promotion import Serving
from anomaly_operator.training.step import TrainingStep
from anomaly_operator.world.diagnosis import Diagnosis
from anomaly_operator.world.refusal import Refusal
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.training_run import TrainingRunReport

DATA_REASONS = frozenset(
    {
        Reason.NO_DATA,
        Reason.INVALID_QUERY,
        Reason.SOURCE_UNAVAILABLE,
        Reason.SOURCE_UNAUTHORIZED,
        Reason.SECRET_MISSING,
        Reason.ADDRESS_REFUSED,
        Reason.RESPONSE_TOO_LARGE,
    }
)
"""Why a run failed that speaks of its data."""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What is in the way. `conflicts`: foreign objects, as `Kind name`. `refused`: what the API
    server refuses. `missing`: dependencies that do not exist. `not_allowed`: dependencies in
    namespaces that the admin does not open to others. `crowded_out`: Anomaly objects that the
    cluster-wide limit leaves no room for. `gave_way`: closed ones were removed early to make room.
    `cycle`: names of services that depend on one another in
    a circle, from this one round to itself. `unknown_quiet`: what is wrong with the names of quiet
    patterns, in words.
    """

    conflicts: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    claim_lost: bool = False
    missing: tuple[str, ...] = ()
    not_allowed: tuple[str, ...] = ()
    crowded_out: tuple[str, ...] = ()
    gave_way: bool = False
    cycle: tuple[str, ...] = ()
    unknown_quiet: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """`incidents` None: the stored ones cannot be read. `failing_long`: the scoring runs have
    failed alike for longer than a retry takes. `unreadable`: where the incidents are that cannot be
    read. `run`: what the pods of a training run say of it. `train_requested`: somebody asks for a
    training and has no answer yet.
    """

    spec: ServiceSpec
    training: TrainingStep
    serving: Serving
    policy: PolicyChoice
    incidents: IncidentState | None
    control: Control = field(default_factory=Control)
    scoring: Scoring = field(default_factory=Scoring)
    obstacles: Obstacles = field(default_factory=Obstacles)
    dependencies: Dependencies = field(default_factory=Dependencies)
    objectives: ServiceObjectives = field(default_factory=ServiceObjectives)
    evaluation: Evaluation = field(default_factory=Evaluation)
    name: str = ""
    namespace: str = ""
    now: int = 0
    failing_long: bool = False
    unreadable: str = "incidents"
    run: TrainingRunReport | None = None
    train_requested: bool = False
    endpoint: Endpoint = field(default_factory=Endpoint)

    @property
    def scoring_failure(self) -> Diagnosis | None:
        """Why the newest run failed, as far as it says something of what serves now."""
        model = self.serving.model
        return self.scoring.failure_of(model.revision) if model else self.scoring.failure

    @property
    def training_failure(self) -> Diagnosis | None:
        """The newest training's failure, while no later one went well."""
        failure = self.training.book.last_failure
        if failure is None:
            return None
        known = {reason.value: reason for reason in Reason}
        return Diagnosis(known.get(failure.reason, Reason.INTERNAL_ERROR), failure.message)
