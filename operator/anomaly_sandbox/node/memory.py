"""How much memory a container uses: its own and its children's, as a cgroup would charge it.

Anonymous and shared memory count; mapped files do not, as the kernel can drop them.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_PROC = Path("/proc")


def used_bytes(pid: int) -> int:
    """Bytes used by the process and all its descendants; 0 when it has gone."""
    total = 0
    for member in _family(pid):
        with contextlib.suppress(OSError, ValueError):
            for line in (_PROC / str(member) / "status").read_text().splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1]) * 1024
    return total


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:  # grows while it is walked
        with contextlib.suppress(OSError, ValueError):
            for task in (_PROC / str(member) / "task").iterdir():
                found += [int(word) for word in (task / "children").read_text().split()]
    return found
