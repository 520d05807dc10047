"""What came of a manifest that was applied, or tried out by a dry run. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_dashboard.writes.manifest_text import Manifest, Named


@dataclass(frozen=True, slots=True)
class Tried:
    """What the API server says of a manifest. `before`, `after`: the essence of the object as it is
    and as it would be, None where there is none; `problem`: why it is refused, for the person."""

    named: Named
    before: Manifest | None = None
    after: Manifest | None = None
    problem: str = ""

    @property
    def changes(self) -> bool:
        return not self.problem and self.before != self.after

    @property
    def staying(self) -> tuple[str, ...]:
        """Fields that the manifest leaves out and that stay: defaults, or set by somebody else."""
        if self.before is None or self.after is None:
            return ()
        return tuple(_staying(self.named.manifest, self.before, self.after, ""))


def _staying(said: object, before: object, after: object, path: str) -> Iterator[str]:
    if not (isinstance(before, dict) and isinstance(after, dict) and isinstance(said, dict)):
        return
    for key in before.keys() & after.keys():
        at = f"{path}.{key}" if path else str(key)
        if key not in said:
            yield at
        else:
            yield from _staying(said[key], before[key], after[key], at)
