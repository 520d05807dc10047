"""The services of a backtest as a graph: who is judged first, and how those below stand.

A service is judged after those that it depends on, so that their incidents are known window by
window, as `.status.dependencies` tells them to a scoring pod.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from anomaly_operator.reconcile.dependencies import dependencies, dependency_cycle
from anomaly_operator.world.dependency_graph import distances
from anomaly_operator.world.objects import Sibling
from detector_runtime.contract.dependencies import Dependencies
from detector_runtime.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Health:
    """The incidents of one service: from each of `ends` (unix seconds, rising) on the severity of
    the running confirmed incident is the one of `severities`, None where none runs."""

    ends: tuple[int, ...]
    severities: tuple[Severity, ...]

    def at(self, end: int) -> Severity:
        """In the newest window that ends by `end`: the one that ends with it counts."""
        at = bisect_right(self.ends, end)
        return self.severities[at - 1] if at else Severity.NONE


def health(ends: Sequence[int], severity: Mapping[int, Severity]) -> Health:
    """`ends` by row; `severity` by row where a confirmed incident runs."""
    changes: list[tuple[int, Severity]] = []
    for row, end in enumerate(ends):
        now = severity.get(row, Severity.NONE)
        if not changes or changes[-1][1] is not now:
            changes.append((end, now))
    return Health(tuple(end for end, _ in changes), tuple(one for _, one in changes))


def judging_order(depends_on: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """All services, those that others depend on first; of a circle the first by name comes last."""
    order: dict[str, None] = {}
    entered: set[str] = set()

    def enter(name: str) -> None:
        if name in entered or name not in depends_on:
            return
        entered.add(name)
        for below in sorted(depends_on[name]):
            enter(below)
        order[name] = None

    for name in sorted(depends_on):
        enter(name)
    return tuple(order)


def circles(depends_on: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A sentence for each service that depends on itself by others."""
    siblings = [Sibling(name, name, tuple(below)) for name, below in depends_on.items()]
    found = ((name, dependency_cycle(name, siblings)) for name in sorted(depends_on))
    return tuple(
        f"spec.dependsOn of {name} leads back to it ({' -> '.join(path)}); the service of the "
        "circle that is judged first does not know how the others stand"
        for name, path in found
        if path
    )


def dependencies_of(
    name: str, depends_on: Mapping[str, Sequence[str]], known: Mapping[str, Health]
) -> Callable[[int], Dependencies] | None:
    """How the services that `name` depends on stand at the end of a window, as the operator would
    say it; None where none of them has been judged. `known`: those that have been."""
    below = [one for one in distances(name, depends_on) if one in known]
    if not below:
        return None

    @cache
    def said(severities: tuple[Severity, ...]) -> Dependencies:
        now = dict(zip(below, severities, strict=True))
        siblings = [
            Sibling(one, one, tuple(to), now.get(one, Severity.NONE), one in now)
            for one, to in depends_on.items()
        ]
        return dependencies(name, siblings)

    return lambda end: said(tuple(known[one].at(end) for one in below))
