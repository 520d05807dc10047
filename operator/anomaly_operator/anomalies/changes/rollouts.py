"""Rollouts from the revisions of a workload: when each began, and what it changed.

An undo takes an old revision up again under a new number, so its age says nothing: it began when
its ReplicaSet was first scaled up again. Where no Event tells that moment any more, there is none
to name.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from anomaly_operator.anomalies.changes.change import Change, ChangeKind
from anomaly_operator.world.workload import Revision, Workload

RESTARTED = "annotation kubectl.kubernetes.io/restartedAt"
"""What `kubectl rollout restart` sets."""
MAX_PARTS = 3
_LATEST = "latest"


def rollouts(found: Workload, workload: str) -> Iterator[Change]:
    """Of a workload that is called `workload`; times as they are, at any distance."""
    known = sorted(found.revisions, key=lambda one: (one.number, one.name))
    newest = 0
    for before, after in pairwise((None, *known)):
        assert after is not None
        undone = after.created < newest
        newest = max(newest, after.created)
        at = _scaled_up(found, after.name) if undone else after.created
        if at:
            yield _change(before, after, at, workload)


def _scaled_up(found: Workload, replica_set: str) -> int:
    ups = (
        one.at
        for one in found.scalings
        if one.replica_set == replica_set and one.before < one.after
    )
    return min(ups, default=0)


def _change(before: Revision | None, after: Revision, at: int, workload: str) -> Change:
    old, new = dict(before.images) if before else {}, dict(after.images)
    moved = [name for name in new if new[name] != old.get(name)]
    parts = _changed(before, after) if before else ()
    kind = ChangeKind.CONFIG if before and parts and not moved else ChangeKind.ROLLOUT
    name = moved[0] if moved else ""
    source, target = sides(old.get(name, ""), new.get(name, ""))
    more = [f"image of {one}" for one in moved[1:]]
    return Change(
        at=at,
        kind=kind,
        workload=workload,
        subject=str(after.number),
        before=source,
        after=target,
        detail=_listed([*more, *parts]),
    )


def _changed(before: Revision, after: Revision) -> list[str]:
    old, new = dict(before.parts), dict(after.parts)
    names = sorted(name for name in old | new if old.get(name) != new.get(name))
    # With anything else the restart is no news: each rollout restarts.
    return [name for name in names if name != RESTARTED or len(names) == 1]


def _listed(names: list[str]) -> str:
    if names == [RESTARTED]:
        return "restart by kubectl"
    more = len(names) - MAX_PARTS
    listed = ", ".join(names[:MAX_PARTS])
    return f"{listed} and {more} more" if more > 0 else listed


def sides(before: str, after: str) -> tuple[str, str]:
    """Two images by what differs: their tags or short digests where the repository is the same.

    >>> sides("ghcr.io/shop/payments:1.8.3", "ghcr.io/shop/payments:1.9.0")
    ('1.8.3', '1.9.0')
    """
    (old, old_tag), (new, new_tag) = _split(before), _split(after)
    if before and after and old != new:
        return before, after
    return (old_tag if before else ""), (new_tag if after else "")


def _split(image: str) -> tuple[str, str]:
    name, _, digest = image.partition("@")
    stem, _, last = name.rpartition("/")
    base, _, tag = last.partition(":")
    repository = f"{stem}/{base}" if stem else base
    # A digest decides, whatever the tag beside it says.
    short = digest.removeprefix("sha256:")[:12]
    return repository, f"{tag}@{short}" if tag and short else short or tag or _LATEST
