"""What a person is told of how a recording was read, in one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import numpy as np

from anomaly_cli.local_time import Times
from anomaly_cli.number_format import Column
from detector_runtime.series.frame import Ints


def unit_notes(columns: Mapping[str, Column]) -> Iterator[str]:
    for name, column in columns.items():
        if column.unit is None and not column.converted:
            continue
        unit = f"{column.unit.name!r}" if column.unit else "plain numbers"
        more = f"; {column.converted} cells were converted to it" if column.converted else ""
        yield f"column {name!r}: the cells have units, values are in {unit}{more}"


def zone_notes(times: Times, zone: ZoneInfo, zone_from: str) -> Iterator[str]:
    if not times.local or not zone_from:
        return
    yield f"times without a zone are read in {zone.key} ({zone_from})"
    if times.second:
        yield (
            f"{times.second} rows are the second passage of an hour that the clock repeats in "
            f"{zone.key}"
        )


def zone_warnings(times: Times, zone: ZoneInfo, zone_from: str) -> Iterator[str]:
    if times.local and not zone_from:
        yield (
            "times without a zone are read as UTC; if they are local times, name their zone, for "
            "example --time-zone Europe/Berlin"
        )
    if times.single:
        yield (
            f"{times.single} rows lie in an hour that the clock repeats in {zone.key}, and only "
            "one passage of it is in the file; they are read as the first"
        )
    if times.untold:
        yield (
            f"{times.untold} rows lie in an hour that the clock repeats in {zone.key}, and the "
            "rows are not in the order of time; of two equal times the later row is read as the "
            "second passage"
        )
    if times.skipped:
        yield (
            f"{times.skipped} rows lie in an hour that the clock skips in {zone.key}, so the times "
            "may be of another zone; check --time-zone and spec.timeZone"
        )


def repeat_notes(seconds: Ints, columns: Mapping[str, Column]) -> Iterator[str]:
    count = max(_repeats(seconds[one.given]) for one in columns.values())
    if count:
        yield (
            f"{count} rows have the time of another row of the file; of each time the last value "
            "counts"
        )


def _repeats(seconds: Ints) -> int:
    return len(seconds) - len(np.unique(seconds))
