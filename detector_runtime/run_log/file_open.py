"""Opens what a user named on a claim to which others write too.

The path is walked folder by folder, each opened from the one before, so a link that somebody sets
meanwhile leads nowhere. Relative links inside the claim are followed; one that leads out of it is
refused, and so is whatever is no ordinary file or folder: a pipe would hold the run for ever.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from detector_runtime.errors import ConfigInvalidError, SourceUnavailableError

MAX_LINKS = 8
MAX_NAMES = 10_000
"""Names of one folder that are looked at."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that holds the file `name`, open; `name` is empty where the path is the folder."""

    folder: int
    name: str

    def open(self, name: str) -> int | None:
        """A file of the folder, to read; None if there is none. Raises ConfigInvalidError for what
        is no ordinary file, OSError."""
        try:
            found = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise ConfigInvalidError(f"{name} is no ordinary file; needs the log itself")
            opened = os.open(name, _FILE, dir_fd=self.folder)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise ConfigInvalidError(f"{name} is no ordinary file; needs the log itself")
        return opened

    def inside(self, name: str) -> Place | None:
        """A folder of this folder, open; None if there is none. The caller closes it."""
        try:
            return Place(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.folder), "")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def files(self) -> Iterator[os.DirEntry[str]]:
        """The ordinary files of the folder, in no order."""
        yield from (one for one in self._entries() if one.is_file(follow_symlinks=False))

    def folders(self) -> Iterator[os.DirEntry[str]]:
        """The folders of the folder, in no order."""
        yield from (one for one in self._entries() if one.is_dir(follow_symlinks=False))

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        with os.scandir(self.folder) as entries:
            for entry, _ in zip(entries, range(MAX_NAMES), strict=False):
                yield entry


@contextmanager
def place(root: Path, path: str) -> Iterator[Place | None]:
    """Where `path` lies under `root`; None if its folder does not exist yet. Raises
    ConfigInvalidError for a path that leads out of `root`, SourceUnavailableError for what the
    system refuses, in here and in the block."""
    try:
        with ExitStack() as opened:
            yield _walk(root, path, opened)
    except OSError as error:
        raise SourceUnavailableError(
            f"{path} cannot be read: {error.strerror or error}; whoever reads the log "
            "needs the permission to read it and to enter its folders"
        ) from error


def _walk(root: Path, path: str, opened: ExitStack) -> Place | None:
    def enter(name: str | Path, folder: int | None, flags: int) -> int:
        descriptor = os.open(name, flags, dir_fd=folder)
        opened.callback(os.close, descriptor)
        return descriptor

    if PurePosixPath(path).is_absolute():
        raise ConfigInvalidError(f"{path} is absolute; needs a path from the root of the claim")
    # The folder itself may be a link: it is the mount, which nobody on the claim can move.
    folders = [enter(root, None, _FOLDER)]
    parts, links = deque(PurePosixPath(path).parts), 0
    while parts:
        name = parts.popleft()
        if name == "..":
            folders.pop()
            if not folders:
                raise _leads_out(path)
            continue
        try:
            mode = os.stat(name, dir_fd=folders[-1], follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None if parts else Place(folders[-1], name)
        if stat.S_ISLNK(mode):
            target = PurePosixPath(os.readlink(name, dir_fd=folders[-1]))
            links += 1
            if target.is_absolute() or links > MAX_LINKS:
                raise _leads_out(path)
            parts.extendleft(reversed(target.parts))
        elif stat.S_ISDIR(mode):
            folders.append(enter(name, folders[-1], _FOLDER | os.O_NOFOLLOW))
        elif parts:
            raise ConfigInvalidError(f"{path}: {name} is no folder")
        else:
            return Place(folders[-1], name)
    return Place(folders[-1], "")


def _leads_out(path: str) -> ConfigInvalidError:
    return ConfigInvalidError(
        f"{path} leads out of the claim over a link or '..'; needs a path that stays inside, "
        "links relative"
    )
