"""What a workload went through lately, as values: revisions, ends of containers, scalings, nodes.

Read on demand for an open incident, never watched. No value of an environment variable, argument or
annotation is in here, only names and digests that tell whether two revisions differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Revision:
    """A ReplicaSet or ControllerRevision `name`. `created`: unix seconds. `images`: by container.
    `parts`: of the pod template beside the images, by a name for people, with a digest of each.
    """

    number: int
    name: str
    created: int
    images: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """The last time that a container of a pod ended before it was started again. `at`: unix
    seconds."""

    pod: str
    container: str
    at: int
    reason: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Scaling:
    """The ReplicaSet `replica_set` was scaled, at `at` in unix seconds."""

    replica_set: str
    at: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class NodeTrouble:
    """A node on which pods of the workload are. `condition`: NotReady or a pressure. `at`: since
    when, unix seconds."""

    node: str
    condition: str
    at: int


@dataclass(frozen=True, slots=True)
class Unread:
    """What the API server did not give: a resource's plural, and why."""

    plural: str
    reason: Reason
    said: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """Of a `ReadWorkload`. An empty `kind`: there is none of the kinds that were asked for."""

    kind: str = ""
    name: str = ""
    revisions: tuple[Revision, ...] = ()
    ends: tuple[ContainerEnd, ...] = ()
    scalings: tuple[Scaling, ...] = ()
    nodes: tuple[NodeTrouble, ...] = ()
    unread: tuple[Unread, ...] = ()
