"""Rewrites mount paths to the folders behind them, in environment, command and arguments.

There are no mount namespaces for an ordinary user, so a container learns where its volumes
are by the only ways into a process: what it is started with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mount:
    """A path that the container is told of, and the file or folder that stands for it."""

    path: str
    target: Path


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Replaces mount paths where they stand as whole path prefixes, longest first.

    `/data` is found in `/data`, `--dir=/data/x`, `a:/data` and `file:///data`, not in `/database`,
    `/mnt/data` or `http://host/data`.
    """

    mounts: tuple[Mount, ...]

    @classmethod
    def of(cls, mounts: Iterable[Mount]) -> Rewriter:
        return cls(tuple(sorted(mounts, key=lambda mount: -len(mount.path))))

    def text(self, value: str) -> str:
        if not self.mounts:
            return value
        targets = {mount.path.rstrip("/") or "/": str(mount.target) for mount in self.mounts}
        choice = "|".join(re.escape(path) for path in targets)
        # Before: not a path or host character, or the `//` of a URL without a host. After: the
        # end, a slash, or whatever ends a word.
        pattern = rf"(?<![\w./\-])({choice})(?=$|[^\w.\-])|(?<=file://)({choice})(?=$|[^\w.\-])"
        return re.sub(pattern, lambda found: targets[found[1] or found[2]], value)

    def words(self, values: Iterable[str]) -> list[str]:
        return [self.text(value) for value in values]

    def mapping(self, values: Mapping[str, str]) -> dict[str, str]:
        return {name: self.text(value) for name, value in values.items()}
