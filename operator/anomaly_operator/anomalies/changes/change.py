"""A change of a workload, and which few of them an incident names.

A change that came before the start may be its cause, so those come first, the closest at the head.
What was found once stays: a pod's restart is forgotten when the pod goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from anomaly_operator.api.text import cut
from detector_runtime.contract.codec import Key, Time, decode
from detector_runtime.contract.vocabulary import ContractError

MAX_CHANGES = 8
MAX_OF_KIND = 3
"""Of what the load or a fault repeats by itself: an autoscaler must not crowd out the rollout."""
SUBJECT_BYTES = 64
SIDE_BYTES = 96
DETAIL_BYTES = 128
TEXT_BYTES = 256


class ChangeKind(StrEnum):
    ROLLOUT = "Rollout"
    CONFIG = "Config"
    RESTART = "Restart"
    OOM_KILLED = "OOMKilled"
    SCALED = "Scaled"
    NODE = "Node"

    @property
    def deployed(self) -> bool:
        """Whether somebody rolled out a new revision."""
        return self in {ChangeKind.ROLLOUT, ChangeKind.CONFIG}


@dataclass(frozen=True, slots=True)
class Start:
    """When an incident began, unix seconds: `begin` and `end` of its first anomalous window."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Change:
    """`workload`: `Deployment shop/payments`. `subject`: the revision, container or node that it is
    of. `before`, `after`: image tags or numbers of replicas. `text`: all of it in words.
    """

    omit_empty: ClassVar[bool] = True

    at: Time
    kind: ChangeKind
    workload: str
    subject: str = ""
    before: Annotated[str, Key("from")] = ""
    after: Annotated[str, Key("to")] = ""
    detail: str = ""
    text: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """Of two with the same one is named. Each scaling is one of its own."""
        moment = str(self.at) if self.kind is ChangeKind.SCALED else ""
        # One rollout may look like a change of configuration once its predecessor is gone.
        kind = ChangeKind.ROLLOUT if self.kind.deployed else self.kind
        return self.workload, kind.value, self.subject, moment


def ranked(changes: Iterable[Change], start: Start) -> tuple[Change, ...]:
    """The MAX_CHANGES to name, in order: before the end of the first anomalous window the closest
    first, then the later ones. Of equal ones the closest stays; the order of `changes` is nothing.
    """

    def rank(one: Change) -> tuple[bool, int]:
        return one.at >= start.end, abs(one.at - start.begin)

    # Of two rollouts in one second the newer revision is the one that came out of it.
    named = sorted(map(_bounded, changes), key=_name, reverse=True)
    kept: dict[tuple[str, ...], Change] = {}
    for one in sorted(named, key=rank):
        kept.setdefault(one.identity, one)
    return _chosen(tuple(kept.values()), start)


def leading(changes: Sequence[Change], start: Start) -> Change | None:
    """Of ranked ones that which may be the cause: the last rollout before the start, else the last
    change before it. None when all came later.
    """
    earlier = [one for one in changes if one.at < start.end]
    return next((one for one in earlier if one.kind.deployed), earlier[0] if earlier else None)


def read_changes(status: Mapping[str, Any]) -> tuple[Change, ...]:
    """`status.changes` of an Anomaly; what cannot be read is left out."""
    listed = status.get("changes")
    found = []
    for item in listed if isinstance(listed, list) else ():
        try:
            found.append(decode(Change, item))
        except ContractError:
            continue
    return tuple(found)


def _chosen(changes: Sequence[Change], start: Start) -> tuple[Change, ...]:
    """The first ones, of a kind that repeats not too many; the leading one is among them."""
    seen: Counter[ChangeKind] = Counter()
    chosen: list[Change] = []
    for one in changes:
        seen[one.kind] += 1
        if one.kind.deployed or seen[one.kind] <= MAX_OF_KIND:
            chosen.append(one)
    lead = leading(changes, start)
    if lead in chosen[MAX_CHANGES:]:
        chosen.insert(MAX_CHANGES - 1, chosen.pop(chosen.index(lead)))
    return tuple(chosen[:MAX_CHANGES])


def _name(one: Change) -> tuple[str, str, int, str, str, str, str]:
    number = int(one.subject) if one.subject.isdecimal() else 0
    kind = one.kind.value
    return one.workload, kind, number, one.subject, one.before, one.after, one.detail


def _bounded(one: Change) -> Change:
    return Change(
        at=one.at,
        kind=one.kind,
        workload=one.workload,
        subject=cut(one.subject, SUBJECT_BYTES),
        before=cut(one.before, SIDE_BYTES),
        after=cut(one.after, SIDE_BYTES),
        detail=cut(one.detail, DETAIL_BYTES),
        text=one.text,
    )
