"""A snapshot of what was known when a trigger fired, on the claim of the run.

`<root>/<plan.path>/anomaly_<date>_<time>_<trigger>/` holds `metadata.json` and, where it can be
had, the checkpoint below the step as `model/`. A snapshot appears whole or not at all. It never
raises for a full or read-only disk: a note says what could not be done, and the run goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from detector_runtime.contract.training_run import Checkpoint, SnapshotPlan
from detector_runtime.following import snapshot_files as files
from detector_runtime.following.checkpoints import checkpoint_below, content
from detector_runtime.following.snapshot_metadata import (
    FILE,
    MAX_BYTES,
    Captured,
    Held,
    kept,
    name_of,
    rank_of,
    rendered,
)
from detector_runtime.following.snapshot_model import MODEL, How, Source, copied, linked, relinked
from detector_runtime.following.snapshot_retention import Kept, copied_bytes, surplus

__all__ = ["Captured", "How", "Taken", "take"]

PREFIX = "anomaly_"
FRESH = 3600.0
"""Age of a trigger in seconds up to which its checkpoint is copied. A log that is replayed has many
old ones, and their copies would only push one another out."""
MAX_NAME = 80
"""Characters of a trigger in the name of a folder."""
_ODD = re.compile(r"[^A-Za-z0-9.+-]+")


@dataclass(frozen=True, slots=True)
class Taken:
    """`path` of the snapshot, relative to the root of the claim; empty where none was taken, and
    then a note says why. `new` is False where it had been taken before. `count`: snapshots that are
    there now. `notes`: one sentence each, without figures that change from run to run."""

    path: str = ""
    new: bool = False
    checkpoint: Checkpoint | None = None
    how: How | None = None
    count: int = 0
    notes: tuple[str, ...] = ()


def take(plan: SnapshotPlan, root: Path, captured: Captured, now: float) -> Taken:
    """Take a snapshot of `captured` below `root`, the mounted claim, and remove the oldest ones
    beyond what `plan` keeps. The same trigger of the same step is not taken twice, and none that is
    older than all that are kept. `now` in unix seconds. Never raises OSError."""
    try:
        names = files.parts(root, plan.path)
        with files.folder(root, names, make=True) as folder:
            try:
                return _take(plan, root, folder, captured, now)
            except OSError as error:
                count = len(list(_there(folder)))
                return Taken(count=count, notes=(_said(plan, error),))
    except OSError as error:
        return Taken(notes=(_said(plan, error),))


def _take(plan: SnapshotPlan, root: Path, folder: int, captured: Captured, now: float) -> Taken:
    files.sweep(folder, now)
    found = list(_there(folder))
    asked = Kept(
        name=_folder_name(captured),
        at=float(int(captured.at)),
        step=captured.step,
        trigger=name_of(captured),
        rank=rank_of(captured),
        triggers=len(captured.triggers),
    )
    for one in found:
        if (one.step, one.trigger) == (asked.step, asked.trigger):
            return Taken(f"{plan.path}/{one.name}", count=len(found))
    if asked.name in files.names_in(folder):  # another step of the same second
        asked = replace(asked, name=f"{asked.name}_step{asked.step}")
    if asked.name in surplus([*found, asked], plan.keep, plan.max_bytes):
        return Taken(count=len(found), notes=("Triggers older than all snapshots have none.",))
    aside = files.ASIDE + asked.name
    shutil.rmtree(aside, ignore_errors=True, dir_fd=folder)
    try:
        os.mkdir(aside, dir_fd=folder)
        with files.inner(folder, aside) as at:
            held, note = _hold(plan, root, (folder, at), (found, asked), now)
            held, note = _described(at, captured, (held, note), now)
            os.fsync(at)
        os.rename(aside, asked.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True, dir_fd=folder)
        raise
    for name in surplus(there := list(_there(folder)), plan.keep, plan.max_bytes):
        files.remove(folder, name)
        there = [one for one in there if one.name != name]
    return Taken(
        path=f"{plan.path}/{asked.name}",
        new=True,
        checkpoint=held.checkpoint if held else None,
        how=held.how if held else None,
        count=len(there),
        notes=(note,) if note else (),
    )


def _hold(
    plan: SnapshotPlan,
    root: Path,
    folders: tuple[int, int],
    known: tuple[list[Kept], Kept],
    now: float,
) -> tuple[Held | None, str]:
    """The checkpoint below the step, put into the new snapshot as well as can be, and a note where
    that is less than was asked for. `folders`: of all snapshots, and of the new one; `known`: the
    snapshots that are there, and the new one."""
    folder, aside = folders
    found, asked = known
    below = checkpoint_below(plan, root, asked.step, now)
    if below is None:
        return None, ""
    try:
        there = content(root, below.path)
    except OSError:  # the trainer has deleted it meanwhile
        return Held(below, How.REFERENCED), ""
    held = Held(
        below, How.REFERENCED, there.size, there.changed, len(there.files), links=there.links
    )
    source = Source(root, below.path, there)
    if linked(source, aside):
        return replace(held, how=How.LINKED), ""
    if not plan.copy or now - asked.at > FRESH:
        return held, ""
    held_copy = replace(held, how=How.COPIED)
    for one in found:
        if one.model == held.key and relinked(folder, one.name, aside):
            return held_copy, ""
    asked = replace(asked, model=held.key, size=held.size)
    goes = surplus([*found, asked], plan.keep, plan.max_bytes)
    stays = [one for one in (*found, asked) if one.name not in goes]
    if asked not in stays or copied_bytes(stays) > plan.max_bytes:
        return held, "A checkpoint was not copied: snapshots.maxSize has no room for it."
    for name in goes:
        files.remove(folder, name)
    error = copied(source, aside)
    if error is None:
        return held_copy, ""
    return held, _not_copied(error)


def _described(
    at: int, captured: Captured, holding: tuple[Held | None, str], now: float
) -> tuple[Held | None, str]:
    """The metadata written; without the copy of the checkpoint where that left it no room."""
    held, note = holding
    try:
        _write(at, rendered(captured, held, now))
    except OSError as error:
        if held is None or held.how is How.REFERENCED:
            raise
        shutil.rmtree(MODEL, ignore_errors=True, dir_fd=at)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(FILE, dir_fd=at)
        held = replace(held, how=How.REFERENCED)
        note = _not_copied(error)
        _write(at, rendered(captured, held, now))
    return held, note


def _write(at: int, data: bytes) -> None:
    with files.writable(at, FILE) as file:
        files.write(file, data)


def _not_copied(error: OSError) -> str:
    return f"A checkpoint was not copied: {_reason(error)}."


def _there(folder: int) -> Iterator[Kept]:
    """The snapshots that this program has taken."""
    for name in sorted(files.names_in(folder)):
        if not name.startswith(PREFIX):
            continue
        try:
            with files.inner(folder, name) as at:
                found = kept(name, files.read(at, FILE, MAX_BYTES))
        except OSError:
            continue
        if found is not None:
            yield found


def _folder_name(captured: Captured) -> str:
    when = datetime.fromtimestamp(int(captured.at), UTC)
    trigger = _ODD.sub("_", name_of(captured))[:MAX_NAME]
    return f"{PREFIX}{when:%Y%m%d_%H%M%S}_{trigger}"


def _said(plan: SnapshotPlan, error: OSError) -> str:
    todo = {
        errno.EROFS: "mount the claim read-write or switch snapshots off",
        errno.EACCES: "let the group of the follow pod write there",
        errno.EPERM: "let the group of the follow pod write there",
    }
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    next_step = "make room on the claim, or lower snapshots.keep" if full else ""
    next_step = next_step or todo.get(error.errno or 0, "check snapshots.path")
    return f"No snapshot in {plan.path}: {_reason(error)}; {next_step}."


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
