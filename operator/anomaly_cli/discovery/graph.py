"""Services and what each calls, of the calls that count.

Left out, and told: calls that are too rare, callers of other namespaces, names that Kubernetes does
not take, and what exceeds the length of `spec.dependsOn`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from anomaly_cli.discovery.calls import Call, Peer, Traffic, added_up, shown
from anomaly_cli.discovery.circles import circles
from anomaly_cli.discovery.names import Key, Known, named

MAX_DEPENDENCIES = 32
"""As the schema of `spec.dependsOn` has it."""


@dataclass(frozen=True, slots=True)
class Service:
    """`source_name`: what the source calls it; `calls`: rates by callee, sorted by name."""

    key: Key
    source_name: str
    calls: Mapping[Key, float | None]


@dataclass(frozen=True, slots=True)
class Graph:
    """`services`: callers and callees by name, in order; `notes`: what the user should know."""

    services: Mapping[Key, Service]
    notes: tuple[str, ...]

    @property
    def edges(self) -> int:
        return sum(len(one.calls) for one in self.services.values())


def graph(
    traffic: Traffic, known: Sequence[Known], namespace: str, home: str, min_rate: float
) -> Graph:
    """`namespace`: whose callers are wanted, empty for all; `home`: where peers are for which the
    source names none. A call whose rate is not known is kept."""
    notes = list(traffic.notes)
    calls = added_up(_all_placed(traffic.calls))
    calls = tuple(one for one in calls if not namespace or one.caller.namespace in ("", namespace))
    rare = [one for one in calls if _rate(one) < min_rate]
    if rare:
        pairs = shown(f"{one.caller} -> {one.callee} ({one.rate:.3g}/s)" for one in rare)
        notes.append(f"left out: below --min-rate {min_rate:g}: {pairs}")
    calls = tuple(one for one in calls if _rate(one) >= min_rate)
    names = named((peer for one in calls for peer in one[:2]), known, home)
    notes += names.notes
    found: dict[Key, dict[Key, float | None]] = {}
    for call in calls:
        caller, callee = names.keys.get(call.caller), names.keys.get(call.callee)
        # What a service calls in itself explains nothing of its trouble.
        if caller and callee and caller != callee:
            found.setdefault(callee, {})
            found.setdefault(caller, {})[callee] = call.rate
    sources = {key: peer.name for peer, key in names.keys.items()}
    services = {
        key: Service(key, sources[key], _bounded(key, callees, notes))
        for key, callees in sorted(found.items())
    }
    notes += _remarks(services)
    return Graph(services, tuple(dict.fromkeys(notes)))


def _rate(call: Call) -> float:
    return math.inf if call.rate is None else call.rate


def _all_placed(calls: Sequence[Call]) -> Iterator[Call]:
    """A callee without a namespace is the caller of that name, where there is one such, else a
    neighbour of its own caller."""
    homes: dict[str, set[str]] = {}
    for call in calls:
        homes.setdefault(call.caller.name, set()).add(call.caller.namespace)
    for call in calls:
        caller, callee, _ = call
        if callee.namespace or not caller.namespace:
            yield call
            continue
        known = homes.get(callee.name, set())
        home = next(iter(known)) if len(known) == 1 else caller.namespace
        yield call._replace(callee=Peer(home, callee.name))


def _bounded(
    key: Key, callees: Mapping[Key, float | None], notes: list[str]
) -> Mapping[Key, float | None]:
    most = sorted(callees, key=lambda one: (-(callees[one] or 0.0), one))
    if len(most) > MAX_DEPENDENCIES:
        notes.append(
            f"left out: {key} calls {len(most)} services and dependsOn holds {MAX_DEPENDENCIES}; "
            f"the rarest are {shown(most[MAX_DEPENDENCIES:])}"
        )
    return {one: callees[one] for one in sorted(most[:MAX_DEPENDENCIES])}


def _remarks(services: Mapping[Key, Service]) -> list[str]:
    calls = {key: tuple(one.calls) for key, one in services.items()}
    notes = [
        f"circle of calls: {' -> '.join(map(str, (*circle, circle[0])))}; leave out the one that "
        "its caller can do without"
        for circle in circles(calls)
    ]
    foreign = [
        f"{key} -> {callee}"
        for key, callees in calls.items()
        for callee in callees
        if callee.namespace != key.namespace
    ]
    if foreign:
        notes.append(
            f"{shown(foreign)}: the administrator allows other namespaces in "
            "settings.dependencies.acrossNamespaces"
        )
    return notes
