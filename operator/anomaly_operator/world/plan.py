"""What a reconcile wants done, as values: it never does anything itself.

The controller carries a plan out in this order: lookups first (then it reconciles again with the
answers in the world, at most a few rounds), then the actions one after the other. The events come
right after the status that they tell of, else at the end. A failed action ends the plan; the next
reconcile starts from what is true by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from anomaly_operator.api.resources import JOB, TRAIN_JOB
from anomaly_operator.spec.workload import WorkloadKind

Manifest = Mapping[str, Any]


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object; `api_version` in full, `uid` empty where it is not known."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class GetObject:
    """Is there an object of this name that the cache does not know? Answer: `Child` or None.

    Asked before something is made: an apply without force would merge into a foreign object. And
    before something is given up as lost: the cache may lag behind.
    """

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ListPods:
    """The pods with these labels. Answer: a tuple of `PodState`. Pods are never watched."""

    namespace: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ListObjects:
    """The objects with these labels of a kind that is not watched, as a cluster may lack it.
    Answer: `Listed`, or `Unlisted`.
    """

    api_version: str
    kind: str
    namespace: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReadWorkload:
    """What the first workload of `kinds` with that name went through lately. `nodes`: also the
    nodes of its pods. Answer: `Workload`, whatever could not be read. Never watched.
    """

    namespace: str
    name: str
    kinds: tuple[WorkloadKind, ...]
    nodes: bool = False


@dataclass(frozen=True, slots=True)
class ReadTrainer:
    """A training workload, of kind Job or TrainJob, read under the suspender's account. Answer:
    `TrainerObject`, `UnknownTrainer`, or None where there is none.
    """

    kind: str
    namespace: str
    name: str

    @property
    def api_version(self) -> str:
        found = JOB if self.kind == JOB.kind else TRAIN_JOB
        return found.api_version


@dataclass(frozen=True, slots=True)
class AnyService:
    """Has the namespace an AnomalyService? Asked of the API server itself. Answer: True or False,
    or `Unlisted`, which says neither.
    """

    namespace: str


Lookup = GetObject | ListPods | ListObjects | ReadWorkload | ReadTrainer | AnyService


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply with `names.FIELD_MANAGER`, forced, as we only apply to what is ours.

    `uid` is that of the live object (sent as metadata.uid, so that a namesake made anew in the
    meantime is refused with 409); empty when a `GetObject` has just found nothing. `version`: the
    resourceVersion that the plan saw. An apply that has changed nothing of that version before is
    not sent again; without a version it always is. Two that differ in it alone are the same write.
    """

    manifest: Manifest
    uid: str = ""
    version: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Create:
    """POST; for Jobs. Their name says which decision they carry out, so 409 AlreadyExists means
    that it has been carried out, and counts as done.
    """

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Delete:
    """With a precondition on the uid. 404, and 409 for another uid, count as done.

    With `resource_version` only that very version, to make room for another object: a closed
    incident may have been reopened by now, and then 409 ends the plan. `owner`: uid of the service
    whose object gives way.
    """

    target: ObjectRef
    resource_version: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Disown:
    """Take every AnomalyService out of the owners of an object that services share, in one write:
    with some of them left and gone, the garbage collector would delete it. Other owners stay.
    """

    target: ObjectRef


@dataclass(frozen=True, slots=True)
class ApplyStatus:
    """Server-side apply of the status sub-resource with `names.STATUS_FIELD_MANAGER`, forced.

    `status` is the whole of what the operator owns (never `detection`). `resource_version` is
    that of the object it was computed from: a stale leader is refused with 409. Empty only right
    after an `Apply` of the same plan that makes the object. `only_leftovers`: the live status says
    all of it, and more that another field manager left; where the same object was cleaned lately,
    nothing is sent.
    """

    target: ObjectRef
    resource_version: str
    status: Mapping[str, Any]
    only_leftovers: bool = False


@dataclass(frozen=True, slots=True)
class Suspend:
    """Merge patch of `spec.suspend` under the suspender's account, for the incident `anomaly`.
    Refused with 409 where the object is not of `resource_version` any more.
    """

    target: ObjectRef
    resource_version: str
    anomaly: str


Write = Apply | Create | Delete | Disown | ApplyStatus | Suspend


def object_of(action: Write) -> tuple[str, str]:
    """Kind and name of what the action writes."""
    match action:
        case Apply(manifest) | Create(manifest):
            return str(manifest["kind"]), str(manifest["metadata"]["name"])
        case Delete(target) | Disown(target) | ApplyStatus(target) | Suspend(target):
            return target.kind, target.name


@dataclass(frozen=True, slots=True)
class EventSpec:
    """A transition worth an Event. Losing one loses no state. `also`: a second object that it is
    told of; its uid may be empty where the same plan makes it.
    """

    regarding: ObjectRef
    type: EventType
    reason: str
    message: str
    action: str = "Reconcile"
    also: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`requeue_after` in seconds, None = nothing to wait for but events.

    `waits_for_training`: the service would train now but for the cap; the controller keeps it in
    its queue and reconciles it when a training ends. `unplaced`: its training Job holds no place,
    as its pod does not start or it is past its deadline; the controller gives it to another.
    """

    lookups: tuple[Lookup, ...] = ()
    actions: tuple[Write, ...] = ()
    events: tuple[EventSpec, ...] = ()
    requeue_after: float | None = None
    waits_for_training: bool = False
    unplaced: bool = False

    def around_status_of(
        self, key: tuple[str, str, str]
    ) -> tuple[tuple[Write, ...], tuple[Write, ...]]:
        """The actions up to the status write of `key` (kind, namespace, name), and those after it.
        All and none where the status stays as it is.
        """
        for count, action in enumerate(self.actions, start=1):
            if isinstance(action, ApplyStatus):
                target = action.target
                if (target.kind, target.namespace, target.name) == key:
                    return self.actions[:count], self.actions[count:]
        return self.actions, ()
