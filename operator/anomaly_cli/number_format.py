"""The numbers of a column as people and dashboards write them: 1.234,5, 45 ms, 1.2 K, 12%.

A plain number never comes here. What has two meanings (is 1,234 a thousand or one and a bit?) is
refused with both; a unit is read where all cells of a column can be brought to one.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.vocabulary import Unit
from detector_runtime.series.frame import Floats
from detector_runtime.sources.cell import parse_cell

_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'’"
_HEAD = re.compile(
    rf"[-+\u2212]?(?:\d(?:[\d.,{_SPACES}{_APOSTROPHES}]*\d)?[.,]?|[.,]\d+)(?:[eE][-+]?\d+)?"
)
_UNIT = re.compile(r"[^\d\s.,_+\-][^\d_]*")
_LIKE_THOUSANDS = re.compile(r"[-+\u2212]?[1-9]\d{0,2}([.,])\d{3}")
_COUNTS = {
    "": 1.0,
    **dict.fromkeys(("K", "k"), 1e3),
    **dict.fromkeys(("M", "Mil"), 1e6),
    **dict.fromkeys(("G", "Bil"), 1e9),
    **dict.fromkeys(("T", "Tri"), 1e12),
}
_TIMES = {
    "ns": 1e-9,
    **dict.fromkeys(("µs", "μs", "us"), 1e-6),
    "ms": 1e-3,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("day", "days"), 86_400.0),
    **dict.fromkeys(("week", "weeks"), 604_800.0),
}
_BYTES = {
    **dict.fromkeys(("B", "byte", "bytes"), 1.0),
    **{f"{prefix}B": 1000.0**power for power, prefix in enumerate(("k", "M", "G", "T"), start=1)},
    **{f"{prefix}iB": 1024.0**power for power, prefix in enumerate(("K", "M", "G", "T"), start=1)},
    "KB": 1e3,
}
_OF_FAMILY = {
    ("seconds", Unit.SECONDS): 1.0,
    ("seconds", Unit.MILLISECONDS): 1e-3,
    ("percent", Unit.RATIO): 100.0,
    ("bytes", Unit.BYTES): 1.0,
}
"""How much of the family's own unit is one of the service's."""
_NO_NUMBER = "is no number; leave a cell without a value empty"
_COUNTED = re.compile(r"(K|k|M|Mil|G|B|Bil|T|Tri) (\S.*)")


class FormatError(ValueError):
    """A number that cannot be read, in the row `row` of the column."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, slots=True)
class UnitRead:
    """The unit that a column's numbers are in: `family` of those that can be converted into one
    another, `factor` to the family's own (seconds, bytes, one)."""

    name: str
    family: str
    factor: float

    def factor_to(self, unit: Unit) -> float:
        """What a number is multiplied with to be in `unit`; 1 where the two have no relation."""
        own = _OF_FAMILY.get((self.family, unit))
        return 1.0 if own is None else self.factor / own


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """`values` (n,); `given` (n,): False where the cell holds nothing, which is not the same as
    NaN; `converted`: how many cells were in another unit of the same family."""

    values: Floats
    given: NDArray[np.bool_]
    unit: UnitRead | None = None
    converted: int = 0


def is_word(cell: str) -> bool:
    """Whether a cell can only be a name: no number, with or without a unit, and no hole."""
    try:
        parse_cell(cell)
    except ValueError:
        return _HEAD.match(cell.strip()) is None
    return False


@dataclass(frozen=True, slots=True)
class DecimalMark:
    """What stands before the decimals of a column: '.' or ',', empty where no cell tells; then
    `unsure` is a row that could be read both ways, None where the mark does not matter."""

    mark: str
    unsure: int | None = None


def decimal_mark(cells: Iterable[str], delimiter: str) -> DecimalMark:
    """What the column's cells prove, the first that proves something."""
    unsure: int | None = None
    grouped_by_point, whole = False, False
    for row, cell in enumerate(cells):
        found = _HEAD.match(cell.strip())
        if found is None:
            continue
        head = found.group().strip()
        mark = _mark(head)
        if mark:
            return DecimalMark(mark)
        if "," in head or (delimiter != "," and "." in head):
            unsure = row if unsure is None else unsure
            grouped_by_point = grouped_by_point or "." in head
        else:
            whole = whole or ("." not in head and head.strip("-+0") != "")
    # A point before three digits is one before decimals, unless whole numbers stand beside it.
    return DecimalMark("", None if grouped_by_point and not whole else unsure)


def _mark(head: str) -> str:
    """The decimal mark that a number proves, empty where it proves none."""
    dots, commas = head.count("."), head.count(",")
    if dots and commas:
        return "," if head.rindex(",") > head.rindex(".") else "."
    if not dots and not commas:
        return ""
    only, other = (",", ".") if commas else (".", ",")
    if dots + commas > 1:
        return other
    return "" if _LIKE_THOUSANDS.fullmatch(head) else only


def read_column(cells: list[str], mark: str = ".") -> Column:
    """The numbers of a column. Raises FormatError."""
    numbers: list[float | None] = []
    if mark == ".":
        with contextlib.suppress(ValueError):
            numbers = [parse_cell(cell) for cell in cells]
            return _column(numbers)
    numbers = []
    units: list[str | None] = []
    for row, cell in enumerate(cells):
        number, unit = _number_and_unit(row, cell, mark)
        numbers.append(number)
        units.append(unit)
    column = _column(numbers)
    return _in_one_unit(column, units) if any(units) else column


def _column(numbers: list[float | None]) -> Column:
    given = np.array([one is not None for one in numbers], dtype=bool)
    return Column(np.array(numbers, dtype=np.float64), given)


def _number_and_unit(row: int, cell: str, mark: str) -> tuple[float | None, str | None]:
    """None instead of a unit: nothing, or no finite number, which fits to any."""
    text = cell.strip()
    if mark == "." or not any(one.isdecimal() for one in text):
        try:
            value = parse_cell(text)
        except ValueError:
            pass
        else:
            return value, "" if value is not None and np.isfinite(value) else None
    found = _HEAD.match(text)
    rest = text[found.end() :].strip() if found else ""
    if found is None or (rest and not _UNIT.fullmatch(rest)):
        raise FormatError(row, _NO_NUMBER)
    return _plain(row, found.group(), mark), rest


def _plain(row: int, head: str, mark: str) -> float:
    groups = _SPACES + _APOSTROPHES + ("," if mark == "." else ".")
    body, _, exponent = head.replace("\u2212", "-").lower().partition("e")
    whole, _, decimals = body.partition(mark)
    marks = {one for one in whole if one in groups}
    if len(marks) > 1 or (not decimals.isdecimal() and decimals):
        raise FormatError(row, _NO_NUMBER)
    if marks and not re.fullmatch(r"[-+]?\d{1,3}(?:\D\d{3})+", whole):
        raise FormatError(
            row, f"is no number with {mark!r} before its decimals; give --decimal comma or point"
        )
    for one in marks:
        whole = whole.replace(one, "")
    try:
        return float(f"{whole}.{decimals or 0}" + (f"e{exponent}" if exponent else ""))
    except ValueError:
        raise FormatError(row, _NO_NUMBER) from None


def _in_one_unit(column: Column, units: list[str | None]) -> Column:
    counted = Counter(unit for unit in units if unit is not None)
    known = {unit: _unit(unit) for unit in counted}
    if "B" in known and known.keys() & _COUNTS.keys() - {""}:
        known["B"] = UnitRead("B", "count ", 1e9)
    usual = known[counted.most_common(1)[0][0]]
    if usual.family.startswith("count "):
        usual = UnitRead(usual.family.removeprefix("count "), usual.family, 1.0)
    values = column.values
    factors = np.ones(len(values))
    for row, unit in enumerate(units):
        if unit is None or known[unit] == usual:
            continue
        one = known[unit]
        if one.family == usual.family:
            factors[row] = one.factor / usual.factor
        elif unit or values[row] != 0:
            raise FormatError(row, _mixed(unit, usual.name))
    unit_read = usual if usual.name else None
    return Column(values * factors, column.given, unit_read, int((factors != 1).sum()))


def _mixed(unit: str, usual: str) -> str:
    def said(name: str) -> str:
        return f"the unit {name!r}" if name else "no unit"

    return (
        f"has {said(unit)}, most rows of the column {said(usual)}; export plain numbers (in "
        "Grafana: switch off 'Formatted data')"
    )


def _unit(text: str) -> UnitRead:
    per_second = text.endswith("/s") and text.removesuffix("/s") in _BYTES
    name = text.removesuffix("/s") if per_second else text
    if name in _BYTES:
        return UnitRead(text, "bytes/s" if per_second else "bytes", _BYTES[name])
    if text in _TIMES:
        return UnitRead(text, "seconds", _TIMES[text])
    if text in _COUNTS:
        return UnitRead(text, "count ", _COUNTS[text])
    found = _COUNTED.fullmatch(text)
    if found:
        factor = 1e9 if found.group(1) == "B" else _COUNTS[found.group(1)]
        return UnitRead(text, f"count {found.group(2)}", factor)
    return UnitRead(text, "percent" if text == "%" else f"count {text}", 1.0)
