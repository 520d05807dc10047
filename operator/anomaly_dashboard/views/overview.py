"""The first page: what is broken, why, what to do; and what is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from anomaly_dashboard.views.coverage import Coverage, coverage
from anomaly_dashboard.views.filters import SEVERITIES, STATES, Filter
from anomaly_dashboard.views.heat_map import HeatMap, heat_map
from anomaly_dashboard.views.open_roots import OpenRoots, open_roots
from anomaly_dashboard.views.recent import Recent, recent
from anomaly_dashboard.views.service_table import ServiceTable, service_table
from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from anomaly_dashboard.watched.sight import Scope
from detector_runtime.contract.vocabulary import Severity


@dataclass(frozen=True, slots=True)
class Count:
    """Services of one severity or state. `query`: of the address that shows them, or all again
    where they are `chosen`."""

    label: str
    severity: Severity | None
    number: int
    query: dict[str, str]
    chosen: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """`running`: all open incidents that the caller sees, wanted or not."""

    chosen: Filter
    running: int
    severities: tuple[Count, ...]
    states: tuple[Count, ...]
    roots: OpenRoots
    table: ServiceTable
    heat: HeatMap
    recent: tuple[Recent, ...]
    coverage: Coverage


def overview(
    services: Sequence[ServiceRow],
    incidents: Iterable[IncidentRow],
    scope: Scope,
    chosen: Filter,
    now: int,
) -> Overview:
    """Of what the caller sees; `scope`: the namespaces whose incidents that is."""
    by_place: dict[Place, ServiceRow] = {row.place: row for row in services}
    day = [row for row in incidents if row.running or row.closed_at >= now - 86_400 - 3_600]
    running = [row for row in day if row.running]
    owners: dict[Place, set[str]] = {}
    for row in running:
        owners.setdefault((row.namespace, row.service), set()).add(row.owner)
    wanted = [row for row in services if chosen.service(row, owners.get(row.place, ()))]
    told = day
    if chosen.narrows:
        places = {row.place for row in wanted}
        told = [
            row for row in day
            if (row.namespace, row.service) in places or chosen.incident(row, by_place)
        ]  # fmt: skip
    return Overview(
        chosen,
        len(running),
        _severities(wanted, chosen),
        _states(wanted, chosen),
        open_roots(running, by_place, scope, chosen),
        service_table(wanted, chosen),
        heat_map(told, by_place, now, whole=chosen.whole == "heat"),
        recent(told, now),
        coverage(services, now),
    )


def _severities(wanted: Sequence[ServiceRow], chosen: Filter) -> tuple[Count, ...]:
    """Those that somebody has, and the chosen one."""
    counts = Counter(row.severity for row in wanted)
    found = list[Count]()
    for one in SEVERITIES:
        mine = chosen.severity == one.value
        if counts[one] or mine:
            query = chosen.query(severity="" if mine else one.value)
            found.append(Count(one.value, one, counts[one], query, mine))
    return tuple(found)


def _states(wanted: Sequence[ServiceRow], chosen: Filter) -> tuple[Count, ...]:
    counts = Counter(row.state for row in wanted)
    found = list[Count]()
    for state in STATES:
        mine = chosen.state == state
        if counts[state] or mine:
            query = chosen.query(state="" if mine else state)
            found.append(Count(state, None, counts[state], query, mine))
    return tuple(found)
