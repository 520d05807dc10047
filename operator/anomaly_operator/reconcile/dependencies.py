"""Circles in `spec.dependsOn`: services that depend on one another have no order of causes."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_operator.world.objects import Sibling


def dependency_cycle(name: str, siblings: Sequence[Sibling]) -> tuple[str, ...]:
    """The shortest circle through the service `name`, from it round to itself; empty without one.

    A service that only leads into a circle is not part of it.
    """
    above = {one.name: one.depends_on for one in siblings}
    paths: list[tuple[str, ...]] = [(name,)]
    seen: set[str] = set()
    while paths:
        longer: list[tuple[str, ...]] = []
        for path in paths:
            for target in above.get(path[-1], ()):
                if target == name:
                    return (*path, name)
                if target not in seen:
                    seen.add(target)
                    longer.append((*path, target))
        paths = longer
    return ()
