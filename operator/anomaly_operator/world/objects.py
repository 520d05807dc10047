"""The cache's values: what of each watched object the operator keeps.

Typed and trimmed, never raw dicts: what is decided upon is a field, the rest of what an apply
could set is kept as one compact JSON text (a fifth of a dict's memory), read only when a rendered
child is compared with the live one. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anomaly_operator.api.problem import Problem
from anomaly_operator.incidents.cascade.suspect import IncidentRef
from anomaly_operator.spec.policy import SLOPolicySpec
from anomaly_operator.spec.service import IncidentPlan, ServiceSpec
from anomaly_operator.spec.workload import WorkloadRef
from anomaly_operator.world.plan import ObjectRef
from detector_runtime.contract.training_run import Trainer
from detector_runtime.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Meta:
    """Identity of an object. `created` in unix seconds; `owners` are the owners' uids."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int = 0
    created: int = 0
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.namespace, self.name)

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.api_version, self.kind, self.namespace, self.name, self.uid)


@dataclass(frozen=True, slots=True)
class JobState:
    """A training Job. Times in unix seconds, 0 = not yet. `reason`, `inputs` and `request` are
    what the operator noted on it, so that a Job alone tells which decision it carries out.
    """

    ready: int = 0
    started: int = 0
    finished: int = 0
    succeeded: bool = False
    failed: bool = False
    failure_reason: str = ""
    failure_message: str = ""
    config: str = ""
    reason: str = ""
    inputs: str = ""
    request: str = ""
    suspended: bool = False

    @property
    def done(self) -> bool:
        return self.succeeded or self.failed


@dataclass(frozen=True, slots=True)
class CronJobState:
    """Nothing of its runs: what they found is in the detection."""

    config: str = ""


@dataclass(frozen=True, slots=True)
class ClaimState:
    phase: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """`settled`: the controller has seen the newest spec, and all pods are of it and available.
    `available`: pods, of the old spec too. `failure`: why the rollout stopped, in its words.
    """

    settled: bool = False
    available: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class PodState:
    """A pod of one of our Jobs. `reason` and `message` are those of our container: terminated
    before waiting, else of the pod or of its PodScheduled condition. `ended`: unix seconds at
    which our container ended for good, 0 = not yet.
    """

    name: str
    phase: str
    created: int
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    termination_message: str = ""
    disrupted: str = ""
    """Reason of a DisruptionTarget condition: the pod was removed from outside."""
    ended: int = 0
    others: tuple[str, ...] = ()
    """Names of containers that are not ours and run."""
    blocked: str = ""
    """The init container before ours that does not end, and why."""


@dataclass(frozen=True, slots=True)
class Child:
    """A watched object that a service (or several of a namespace) owns.

    `body` is what an apply could have set, as JSON: labels and annotations, and everything beside
    metadata and status; of a ConfigMap the files that the operator renders, see `held_text`. The
    owners stand in `meta`. `of_services`: an AnomalyService is one.
    """

    meta: Meta
    body: bytes
    state: JobState | CronJobState | ClaimState | DeploymentState | None = None
    of_services: bool = False


@dataclass(frozen=True, slots=True)
class ServiceObject:
    """`spec` is None when `problems` say why; `incidents` is known all the same, as what was found
    under an earlier spec goes on. `status` is the operator's part as JSON, `detection` and
    `training_run` the runtime's; empty when absent. `severity` and `judged` are what the status
    says to services that depend on this one, `objectives` what its policy reads.
    """

    meta: Meta
    spec: ServiceSpec | None
    problems: tuple[Problem, ...] = ()
    incidents: IncidentPlan = field(default_factory=IncidentPlan)
    status: bytes = b""
    detection: bytes = b""
    training_run: bytes = b""
    train_requested: str = ""
    severity: Severity = Severity.NONE
    judged: bool = False
    objectives: bytes = b""


@dataclass(frozen=True, slots=True)
class PolicyObject:
    meta: Meta
    spec: SLOPolicySpec | None
    problems: tuple[Problem, ...] = ()
    status: bytes = b""


@dataclass(frozen=True, slots=True)
class AnomalyObject:
    """`spec` and `status` as JSON; the fields that every reconcile asks for are typed. `confirmed`
    and `closed`: unix seconds, 0 = not yet. `answered`: the generation up to which the status has
    what people said. `feedback`: what they called it, empty where they have not. `root`: of which
    incident of another service this one is a symptom, None where it is of none. `first_seen` and
    `acknowledged`: unix seconds as well. `resolution`: why it closed. `notifications`: what
    receivers were told, as JSON; `undelivered`: the condition Notified says that a message is due.
    """

    meta: Meta
    service: str
    fingerprint: str
    state: str
    closed: int = 0
    answered: int = 0
    confirmed: int = 0
    severity: str = ""
    feedback: str = ""
    root: IncidentRef | None = None
    first_seen: int = 0
    acknowledged: int = 0
    resolution: str = ""
    spec: bytes = b""
    status: bytes = b""
    notifications: bytes = b""
    undelivered: bool = False


@dataclass(frozen=True, slots=True)
class Sibling:
    """A live service of the namespace (this one included) and the names that it depends on.

    `severity`: of its active incident. `judged`: its windows are, so that none means health.
    `workload`: where its spec names one. `trainer`: of a training run that names one.
    """

    name: str
    uid: str
    depends_on: tuple[str, ...] = ()
    severity: Severity = Severity.NONE
    judged: bool = False
    workload: WorkloadRef | None = None
    trainer: Trainer | None = None
