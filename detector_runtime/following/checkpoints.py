"""Which checkpoints a trainer has written, and the nearest one below a step.

A checkpoint is a file or a folder of the name that `SnapshotPlan.checkpoints` gives. One that is
still being written is passed over: it changed a moment ago, is empty, or holds a file with a
temporary name. No symbolic link is followed out of the claim, and no file is opened here.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.contract.training_run import Checkpoint, SnapshotPlan
from detector_runtime.following.snapshot_files import OutsideError, folder, inner, names_in, parts

STEP = "{step}"
SETTLED = 30.0
"""Seconds without a change after which a checkpoint counts as complete."""
MAX_FILES = 10_000
MAX_DEPTH = 8
_PARTIAL = re.compile(
    r"^\.?tmp[-_.]|^\.~|~$|[-_.](tmp|temp|part|partial|incomplete|inprogress)([-_.]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a checkpoint holds: names below it (empty for a file, which is its own) of its regular
    files. `changed`: the newest change in unix seconds; `links`: symbolic links that were passed
    over."""

    files: tuple[tuple[str, ...], ...]
    size: int
    changed: float
    links: int = 0

    def complete(self, now: float) -> bool:
        if not self.size or now - self.changed < SETTLED:
            return False
        return not any(_PARTIAL.search(name) for names in self.files for name in names)


def checkpoint_below(plan: SnapshotPlan, root: Path, step: int, now: float) -> Checkpoint | None:
    """The complete checkpoint with the largest step below `step`; None where there is none, or
    where the plan names no checkpoints. `root`: of the claim; `now` in unix seconds, of the file
    system's clock. Never raises OSError."""
    try:
        found = sorted(_named(plan.checkpoints, root), reverse=True)
    except OSError:
        return None
    for at, path in found:
        if at >= step:
            continue
        try:
            if content(root, path).complete(now):
                return Checkpoint(at, path)
        except OSError:
            continue
    return None


def content(root: Path, path: str) -> Content:
    """Of the checkpoint at `path`, relative to the claim. Raises OSError."""
    *above, name = parts(root, path) or ("",)
    with folder(root, tuple(above)) as at:
        about = os.stat(name, dir_fd=at, follow_symlinks=False)
        if stat.S_ISREG(about.st_mode):
            return Content(((),), about.st_size, about.st_mtime)
        with inner(at, name) as below:
            return content_of(below)


def content_of(at: int) -> Content:
    """Of the folder `at`. Raises OSError."""
    files: list[tuple[str, ...]] = []
    size, changed, links = 0, 0.0, 0
    for names, about in _walk(at, ()):
        changed = max(changed, about.st_mtime)
        if stat.S_ISREG(about.st_mode):
            files.append(names)
            size += about.st_size
        links += stat.S_ISLNK(about.st_mode)
    return Content(tuple(files), size, changed, links)


def _walk(at: int, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
    """Everything below the folder `at`, and the folder itself."""
    yield above, os.fstat(at)
    names = names_in(at)
    if len(names) > MAX_FILES or len(above) >= MAX_DEPTH:
        raise OutsideError("more files than a checkpoint has")
    for name in sorted(names):
        about = os.stat(name, dir_fd=at, follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            with inner(at, name) as below:
                yield from _walk(below, (*above, name))
        else:
            yield (*above, name), about


def _named(template: str, root: Path) -> Iterator[tuple[int, str]]:
    """Step and path of everything that the template names. Raises OSError."""
    pieces = [piece for piece in template.split("/") if piece not in {"", "."}]
    first = next((at for at, piece in enumerate(pieces) if STEP in piece), None)
    if first is None:
        return
    # The step may stand there twice; both are the same then.
    head, *others = map(re.escape, pieces[first].split(STEP))
    pattern = re.compile(rf"{head}(\d{{1,15}})" + r"\1".join(others))
    with folder(root, parts(root, "/".join(pieces[:first]))) as at:
        names = names_in(at)
    for name in names:
        if (match := pattern.fullmatch(name)) is not None:
            rest = [piece.replace(STEP, match[1]) for piece in pieces[first + 1 :]]
            yield int(match[1]), "/".join([*pieces[:first], name, *rest])
