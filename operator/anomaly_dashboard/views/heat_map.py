"""Services by hours of the last day: how bad it was, from the incidents of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anomaly_dashboard.watched.rows import IncidentRow, Place, ServiceRow
from detector_runtime.contract.vocabulary import Severity

HOURS = 24
_HOUR = 3_600
ROWS = 40
MOST = 400
"""Rows at most when all are asked for."""
_BY_RANK = tuple(sorted(Severity, key=lambda one: one.rank))


@dataclass(frozen=True, slots=True)
class HeatRow:
    """`cells`: the worst severity of each hour, oldest first; None = nothing is known of it, as
    the service did not exist or was not scored."""

    place: Place
    cells: tuple[Severity | None, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """`hours`: starts of the hours in unix seconds; `total`: services that had an incident."""

    hours: tuple[int, ...]
    rows: tuple[HeatRow, ...]
    total: int
    whole: bool


def heat_map(
    incidents: Iterable[IncidentRow],
    services: Mapping[Place, ServiceRow],
    now: int,
    *,
    whole: bool = False,
) -> HeatMap:
    """The worst rows first; `whole`: up to 400 of them. `incidents` may be older ones too."""
    last = now - now % _HOUR
    hours = tuple(last - _HOUR * back for back in reversed(range(HOURS)))
    worst: dict[Place, list[int]] = {}
    for row in incidents:
        if not row.first_seen or (row.closed_at and row.closed_at < hours[0]):
            continue
        end = row.closed_at if not row.running else now
        first = max((row.first_seen - hours[0]) // _HOUR, 0)
        after = min((max(end, row.first_seen) - hours[0]) // _HOUR + 1, HOURS)
        if first >= after:
            continue
        cells = worst.setdefault((row.namespace, row.service), [0] * HOURS)
        rank = row.severity.rank
        for hour in range(first, after):
            cells[hour] = max(cells[hour], rank)
    ordered = sorted(worst, key=lambda place: (*_badness(worst[place]), place))
    bound = MOST if whole else ROWS
    rows = tuple(
        HeatRow(place, _known(worst[place], services.get(place), hours))
        for place in ordered[:bound]
    )
    return HeatMap(hours, rows, len(ordered), whole)


def _badness(ranks: list[int]) -> tuple[int, int]:
    return -max(ranks), -sum(ranks)


def _known(
    ranks: list[int], service: ServiceRow | None, hours: tuple[int, ...]
) -> tuple[Severity | None, ...]:
    cells = [_BY_RANK[rank] for rank in ranks]
    if service is None:
        return tuple(cells)
    until = service.scored or hours[-1]
    return tuple(
        None
        if cell is Severity.NONE and (hour + _HOUR <= service.created or hour > until)
        else cell
        for cell, hour in zip(cells, hours, strict=True)
    )
