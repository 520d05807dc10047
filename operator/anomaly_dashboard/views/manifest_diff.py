"""Two manifests side by side, as lines that were added, removed or stayed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from anomaly_dashboard.writes.manifest_text import Manifest, written

_LINES = 400
_AROUND = 3


@dataclass(frozen=True, slots=True)
class DiffLine:
    """`sign`: `+`, `-`, a space, or `…` where lines that stay are left out."""

    sign: str
    text: str


def diff(before: Manifest | None, after: Manifest | None) -> tuple[DiffLine, ...]:
    """Empty where nothing changes; at most 400 lines, the last one says that there are more."""
    old, new = (written(one).splitlines() if one else [] for one in (before, after))
    found = [
        DiffLine("…", "") if line.startswith("@@") else DiffLine(line[0], line[1:])
        for line in list(difflib.unified_diff(old, new, n=_AROUND, lineterm=""))[2:]
    ]
    if len(found) > _LINES:
        more = len(found) - _LINES
        return (*found[:_LINES], DiffLine("…", f"{more} more lines"))
    return tuple(found)
