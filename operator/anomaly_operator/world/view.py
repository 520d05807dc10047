"""Everything a reconcile may look at. What does not stand here does not influence a decision.

The controller builds a world from its cache for one key; time and settings are arguments of the
reconcile beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anomaly_operator.api.reasons import Reason
from anomaly_operator.world.crowd import Crowd
from anomaly_operator.world.objects import (
    AnomalyObject,
    Child,
    PodState,
    PolicyObject,
    ServiceObject,
)
from anomaly_operator.world.peers import Peer
from anomaly_operator.world.plan import Lookup
from anomaly_operator.world.refusal import Withheld
from anomaly_operator.world.siblings import Siblings
from anomaly_operator.world.trainer import TrainerObject, UnknownTrainer
from anomaly_operator.world.workload import Workload


@dataclass(frozen=True, slots=True)
class Listed:
    """What a `ListObjects` found."""

    objects: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Why the API server lists no object of a kind: `KindNotServed` or `Forbidden`."""

    reason: Reason


Answer = (
    Child
    | tuple[PodState, ...]
    | Listed
    | Unlisted
    | Workload
    | TrainerObject
    | UnknownTrainer
    | bool
    | None
)


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """`running`: trainings of other services in the whole cluster, those included whose Job a
    plan under way is about to create. `ahead`: places that others get before this one; all that
    are free where it is not the turn of its namespace, or where they are kept for others.
    """

    running: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class ServiceView:
    """For the key of an AnomalyService.

    `policies`: all SLOPolicies of the namespace. `children`: by (kind, name), those that carry
    the service's uid as owner, the namespace's shared ones (runner account, role, binding, claim)
    and those under the service's label. `siblings`: the namespace's services that are not being
    deleted. `peers`: those that it depends on, directly or through anomalous ones, of all
    namespaces that the admin allows, and the roots that its incidents name. `symptoms`: incidents
    of other services whose root is one of its own. `anomalies`: the service's. `lookups`: the
    answers to an earlier plan's questions. `crowd`: how full the cluster is of Anomaly objects.
    `withheld`: what the API server refuses.
    """

    service: ServiceObject
    policies: tuple[PolicyObject, ...] = ()
    children: Mapping[tuple[str, str], Child] = field(default_factory=dict)
    siblings: Siblings = field(default_factory=Siblings)
    peers: tuple[Peer, ...] = ()
    symptoms: tuple[AnomalyObject, ...] = ()
    anomalies: tuple[AnomalyObject, ...] = ()
    training: QueuePlace = QueuePlace()
    lookups: Mapping[Lookup, Answer] = field(default_factory=dict)
    crowd: Crowd = field(default_factory=Crowd)
    withheld: Withheld = field(default_factory=Withheld)


@dataclass(frozen=True, slots=True)
class PolicyView:
    """For the key of an SLOPolicy: the namespace's policies and services; `lookups` and `withheld`
    as for a service."""

    policy: PolicyObject
    policies: tuple[PolicyObject, ...] = ()
    services: tuple[ServiceObject, ...] = ()
    lookups: Mapping[Lookup, Answer] = field(default_factory=dict)
    withheld: Withheld = field(default_factory=Withheld)
