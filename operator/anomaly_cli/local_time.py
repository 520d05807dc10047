"""The times of a recording, also those that name no zone or are written as a spreadsheet does.

A local clock shows one hour of autumn twice and leaves out one of spring. The two passages are told
apart by the order of the rows; what cannot be told is counted and said, never dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from detector_runtime.series.frame import Ints
from detector_runtime.sources.csv_file import parse_stamp, seconds_of

_CLOCK = r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?)?"
_PARTS_LAST_YEAR = re.compile(rf"(\d{{1,2}})([./-])(\d{{1,2}})\2(\d{{4}}){_CLOCK}")
_YEAR_FIRST = re.compile(rf"(\d{{4}})([./-])(\d{{1,2}})\2(\d{{1,2}}){_CLOCK}")
_COMPACT_DATE = re.compile(r"(?:19[7-9]\d|20\d\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no zone
_DAYS = (25_569.0, 80_000.0)
"""Day numbers of a spreadsheet, 1970 to 2119; as unix time they would be one day of 1970."""
_WANTED = "ISO 8601 (2026-11-20T10:00:00Z)"
UTC = ZoneInfo("UTC")
_DAY = 86_400
Stamp = int | datetime


class TimeError(ValueError):
    """A time that cannot be read, in the row `row` of the column; the message says what is wanted
    or what to do."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """`seconds` (n,) unix time of each row. `local`: rows that name no zone; of these `second`
    belong to the second passage of a repeated hour, `single` lie in such an hour whose other
    passage is not in the file, `untold` in one whose passages the order of the rows does not tell,
    and `skipped` in an hour that the clock leaves out.
    """

    seconds: Ints
    local: int
    second: int
    single: int
    untold: int
    skipped: int


def moment(seconds: int, zone: ZoneInfo) -> str:
    """Unix seconds as ISO 8601 in `zone`, with `Z` for UTC. Of a year that no calendar has, the
    number."""
    try:
        return datetime.fromtimestamp(seconds, zone).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def is_stamp(cell: str) -> bool:
    """Whether a cell can be a time at all."""
    text = cell.strip()
    try:
        parse_stamp(text)
    except ValueError:
        return bool(_PARTS_LAST_YEAR.fullmatch(text) or _YEAR_FIRST.fullmatch(text))
    return True


def read_times(cells: list[str], zone: ZoneInfo) -> Times:
    """The times of a column; `zone` is that of the rows that name none. Raises TimeError."""
    parse = _parser(cells)
    stamps: list[Stamp] = []
    for row, cell in enumerate(cells):
        try:
            stamps.append(parse(cell))
        except ValueError as error:
            raise TimeError(row, str(error)) from error
    local = [row for row, stamp in enumerate(stamps) if isinstance(stamp, datetime)]
    seconds = np.array([0 if isinstance(one, datetime) else one for one in stamps], dtype=np.int64)
    walls = [one for one in stamps if isinstance(one, datetime)]
    try:
        placed = _Placed(walls, zone)
    except ValueError as error:
        raise TimeError(local[0], str(error)) from error
    seconds[local] = placed.seconds
    return Times(
        seconds, len(local), placed.second, placed.single, placed.untold, int(placed.skipped.sum())
    )


def _parser(cells: list[str]) -> Callable[[str], Stamp]:
    """ISO 8601 and unix time, and the dates of the column in the one order that all its cells
    allow."""
    if all(_COMPACT_DATE.fullmatch(cell.strip()) for cell in cells):
        return lambda cell: datetime.strptime(cell.strip(), "%Y%m%d")  # noqa: DTZ007 - the zone comes later
    if _count_days(cells):
        return lambda cell: _FIRST_DAY + timedelta(seconds=round(float(cell) * _DAY))
    order: list[bool | None] = []

    def parse(cell: str) -> Stamp:
        text = cell.strip()
        try:
            return parse_stamp(text, _WANTED)
        except ValueError:
            year_first = _YEAR_FIRST.fullmatch(text)
            if year_first:
                year, _, month, day, *clock = year_first.groups()
                return _moment(year, month, day, clock)
            parts = _PARTS_LAST_YEAR.fullmatch(text)
            if parts is None:
                raise
            if not order:
                order.append(_day_first(cells))
            return _last_year(parts, order[0])

    return parse


def _count_days(cells: list[str]) -> bool:
    """Whether the cells are day numbers of a spreadsheet: as seconds they would be too close."""
    try:
        days = np.array([float(cell) for cell in cells])
    except ValueError:
        return False
    if len(days) < 2 or not ((days >= _DAYS[0]) & (days < _DAYS[1])).all():
        return False
    gaps = np.diff(np.unique(days))
    return len(gaps) > 0 and float(np.median(gaps)) <= 1.0 and bool((days % 1).any())


def _last_year(parts: re.Match[str], day_first: bool | None) -> datetime:
    one, _, other, year, *clock = parts.groups()
    if day_first is None:
        raise ValueError("may be a day or a month first; write dates as 2026-11-20")
    day, month = (one, other) if day_first else (other, one)
    return _moment(year, month, day, clock)


def _moment(year: str, month: str, day: str, clock: list[str | None]) -> datetime:
    hour, minute, second = (int(part or 0) for part in clock[:3])
    half = (clock[3] or "").lower()
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    try:
        return datetime(int(year), int(month), int(day), hour, minute, second)  # noqa: DTZ001
    except ValueError as error:
        raise ValueError(f"is no time: {error}") from error


def _day_first(cells: list[str]) -> bool | None:
    """Whether the day comes before the month; None where every cell allows both. A date with dots
    is written day first everywhere."""
    found = [parts for cell in cells if (parts := _PARTS_LAST_YEAR.fullmatch(cell.strip()))]
    if any(int(one.group(1)) > 12 or one.group(2) == "." for one in found):
        return True
    return False if any(int(one.group(3)) > 12 for one in found) else None


class _Placed:
    """Local times (in the file's order) in unix time."""

    def __init__(self, walls: list[datetime], zone: ZoneInfo) -> None:
        early = _at(walls, zone, fold=0)
        late = _at(walls, zone, fold=1)
        self.skipped = late < early
        repeated = late > early
        clock = np.array([seconds_of(wall.replace(tzinfo=UTC)) for wall in walls], dtype=np.int64)
        newest_first = len(clock) > 1 and clock[0] > clock[-1]
        rows = np.arange(len(clock))[::-1] if newest_first else np.arange(len(clock))
        self._late = np.zeros(len(clock), dtype=bool)
        self.single = self.untold = 0
        ordered = _ordered(clock[rows], repeated[rows])
        for group in _runs(rows.tolist(), repeated, ordered):
            self._passages(group, clock, ordered)
        self.seconds = np.where(self._late, late, early)
        self.second = int(self._late.sum())

    def _passages(self, group: list[int], clock: Ints, ordered: bool) -> None:
        """The rows of one repeated hour: the second passage begins where the clock goes back. In a
        file that is sorted by the clock, or by nothing, of two equal times the later row is it."""
        back = [at for at in range(1, len(group)) if clock[group[at]] < clock[group[at - 1]]]
        if ordered and back:
            self._late[group[back[0] :]] = True
            return
        seen: set[int] = set()
        for row in group:
            self._late[row] = int(clock[row]) in seen
            seen.add(int(clock[row]))
        again = int(self._late[group].sum())
        self.single += 0 if again else len(group)
        self.untold += 0 if ordered else 2 * again


def _at(walls: list[datetime], zone: ZoneInfo, fold: int) -> Ints:
    return np.array(
        [seconds_of(wall.replace(tzinfo=zone, fold=fold)) for wall in walls], dtype=np.int64
    )


def _ordered(clock: Ints, repeated: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    """Whether the clock goes back nowhere but from one passage of a repeated hour to the other."""
    back = np.flatnonzero(np.diff(clock) < 0)
    return bool((repeated[back] & repeated[back + 1]).all())


def _runs(
    rows: list[int], repeated: np.ndarray[tuple[int], np.dtype[np.bool_]], ordered: bool
) -> Iterator[list[int]]:
    """The rows of each repeated hour; all in one where the file has no order."""
    if not ordered:
        found = [row for row in rows if repeated[row]]
        if found:
            yield found
        return
    run: list[int] = []
    for row in rows:
        if repeated[row]:
            run.append(row)
        elif run:
            yield run
            run = []
    if run:
        yield run
