"""All changes of a workload within a span of time, from what was read of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from anomaly_operator.anomalies.changes.change import Change, ChangeKind
from anomaly_operator.anomalies.changes.rollouts import rollouts
from anomaly_operator.world.workload import ContainerEnd, Workload

OOM = "OOMKilled"
ROLLING_SECONDS = 600
"""Scalings of two ReplicaSets that lie this close belong to a rollout and not to the load."""
NEW_SECONDS = 60
"""After its making a ReplicaSet is scaled because it is new."""


def changes_of(found: Workload, namespace: str, since: int) -> tuple[Change, ...]:
    """Those from `since` on, unix seconds, in no order."""
    name = f"{found.kind} {namespace}/{found.name}"
    every = (
        *rollouts(found, name),
        *_ends(found, name, since),
        *_scalings(found, name),
        *_nodes(found, name),
    )
    return tuple(one for one in every if one.at >= since)


def _ends(found: Workload, workload: str, since: int) -> Iterator[Change]:
    """One for each end, with how many pods the container ended in; those of one container have one
    identity, so the closest to the start is named."""
    groups: defaultdict[tuple[bool, str], list[ContainerEnd]] = defaultdict(list)
    for end in found.ends:
        if end.at >= since:
            groups[end.reason == OOM, end.container].append(end)
    for (killed, container), ends in groups.items():
        pods = len({one.pod for one in ends})
        count = "1 pod" if pods == 1 else f"{pods} pods"
        for end in ends:
            yield Change(
                at=end.at,
                kind=ChangeKind.OOM_KILLED if killed else ChangeKind.RESTART,
                workload=workload,
                subject=container,
                detail=count if killed else f"{count}, exit code {end.exit_code}",
            )


def _scalings(found: Workload, workload: str) -> Iterator[Change]:
    made = {one.name: one.created for one in found.revisions}
    for one in found.scalings:
        new = one.at - made.get(one.replica_set, 0) < NEW_SECONDS
        rolling = any(
            other.replica_set != one.replica_set and abs(other.at - one.at) < ROLLING_SECONDS
            for other in found.scalings
        )
        if not new and not rolling:
            before, after = str(one.before), str(one.after)
            yield Change(one.at, ChangeKind.SCALED, workload, before=before, after=after)


def _nodes(found: Workload, workload: str) -> Iterator[Change]:
    for one in found.nodes:
        kind = ChangeKind.NODE
        yield Change(one.at, kind, workload, subject=one.node, detail=one.condition)
