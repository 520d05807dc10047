"""A CSV file with a label column as labelled rows: what is left out is told, the rest is refused.

A missing value is no zero: its row is left out of every part. A column without a single number (a
name, an ISO time) is left out as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomaly_cli.evaluation.labelled import Labelled
from anomaly_cli.refusal import InputError
from detector_runtime.series.frame import Floats, Ints
from detector_runtime.sources.cell import parse_value
from detector_runtime.sources.csv_text import CSVText, CSVTextError, csv_text, decoded

MAX_ROWS, MAX_COLUMNS, MAX_KINDS = 200_000, 64, 20
NORMAL = frozenset({"0", "0.0", "false", "no", "normal"})
"""Labels of a normal row, where `--normal` names none; upper case counts as lower case."""
ANOMALY = frozenset({"1", "1.0", "true", "yes", "anomaly", "anomalous", "outlier"})
"""Labels that name no kind of anomaly."""
_MAX_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Reading:
    """`labels`: the label column; `normal`: the label of normal rows, None for the usual words;
    `ignored`: columns that are no features."""

    labels: str
    normal: str | None = None
    ignored: tuple[str, ...] = ()


def read(path: Path, reading: Reading) -> Labelled:
    """The rows of a file in its order. Raises InputError, OSError."""
    try:
        text = csv_text(decoded(path.read_bytes()))
    except CSVTextError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        return _labelled(text, reading)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _labelled(text: CSVText, reading: Reading) -> Labelled:
    header = _header(text, reading)
    lines, rows = text.lines[1:], text.rows[1:]
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise InputError(f"line {line} has {len(row)} cells, the header has {len(header)}")
    if len(rows) > MAX_ROWS:
        raise InputError(f"{len(rows):,} rows; at most {MAX_ROWS:,} are evaluated. Give fewer rows")
    features: dict[str, Floats] = {}
    wordy: list[str] = []
    for at, name in enumerate(header):
        if name == reading.labels or name in reading.ignored:
            continue
        column = _numbers(name, [row[at] for row in rows], lines)
        if column is None:
            wordy.append(name)
        else:
            features[name] = column
    if not 0 < len(features) <= MAX_COLUMNS:
        raise InputError(
            f"{len(features)} columns with numbers beside {reading.labels!r}; 1 to {MAX_COLUMNS} "
            "are evaluated. Leave columns out with --ignore"
        )
    at = header.index(reading.labels)
    kinds, names = _kinds([row[at].strip() for row in rows], reading)
    values = np.column_stack(list(features.values()))
    whole = np.isfinite(values).all(axis=1) & (kinds >= 0)
    if not whole.any():
        raise InputError("no row has a label and a number in every column")
    return Labelled(
        values[whole],
        kinds[whole],
        names,
        tuple(features),
        notes=tuple(_notes(features, wordy, values, kinds, reading)),
    )


def _header(text: CSVText, reading: Reading) -> list[str]:
    if len(text.rows) < 2:
        raise InputError("has no rows below a header")
    header = [cell.strip() for cell in text.rows[0]]
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise InputError(f"has two columns called {twice[0]!r}; rename one")
    for flag, names in (("--labels", [reading.labels]), ("--ignore", reading.ignored)):
        for name in names:
            if name not in header:
                raise InputError(
                    f"{flag}: no column is called {name!r}; the columns are {_list(header)}"
                )
    if reading.labels in reading.ignored:
        raise InputError(f"--ignore: {reading.labels!r} is the label column")
    return header


def _numbers(name: str, cells: Sequence[str], lines: Sequence[int]) -> Floats | None:
    """A column, NaN where it has no value; None where no cell is a number."""
    found, refused = np.full(len(cells), np.nan), []
    for at, cell in enumerate(cells):
        try:
            found[at] = parse_value(cell)
        except ValueError:
            refused.append(at)
    if len(refused) == len([cell for cell in cells if cell.strip()]):
        return None
    if refused:
        cell = cells[refused[0]].strip()[:_MAX_SHOWN]
        raise InputError(
            f"line {lines[refused[0]]}, column {name!r}: {cell!r} is no number; leave a cell "
            f"without a value empty, or leave the column out with --ignore {name}"
        )
    return found


def _kinds(labels: Sequence[str], reading: Reading) -> tuple[Ints, tuple[str, ...]]:
    """The kind of each row, -1 where it has no label, and the names of the kinds."""
    normal = NORMAL if reading.normal is None else {reading.normal.strip().lower()}
    lower = [label.lower() for label in labels]
    counts = Counter(label for label in lower if label)
    seen = [label for label in counts if label in normal]
    others = sorted(label for label in counts if label not in normal)
    column = f"--labels {reading.labels}"
    if reading.normal is not None and not seen:
        raise InputError(f"--normal: no row has the label {reading.normal!r} in {reading.labels!r}")
    if not seen:
        raise InputError(
            f"{column}: no row is normal (0, false, no or normal); its values are "
            f"{_list(sorted(counts))}. Name the one of normal rows with --normal"
        )
    if not others:
        raise InputError(f"{column}: all rows are normal; figures need anomalies as well")
    if len(others) > MAX_KINDS:
        raise InputError(
            f"{column}: {len(others)} kinds of anomalies, at most {MAX_KINDS}; "
            "is it the label column?"
        )
    number = {label: at for at, label in enumerate(others, start=1)}
    number |= dict.fromkeys(seen, 0) | {"": -1}
    names = tuple("anomaly" if label in ANOMALY else label for label in others)
    if len(set(names)) < len(names):
        raise InputError(f"{column}: {_list(others)} mean the same; use one of them")
    return np.array([number[label] for label in lower], dtype=np.int64), names


def _notes(
    features: dict[str, Floats], wordy: list[str], values: Floats, kinds: Ints, reading: Reading
) -> list[str]:
    notes = []
    if wordy:
        notes.append(f"columns without numbers left out: {_list(wordy)}")
    if reading.ignored:
        notes.append(f"columns left out by --ignore: {_list(reading.ignored)}")
    if unlabelled := int((kinds < 0).sum()):
        notes.append(f"rows without a label left out: {unlabelled:,}")
    if partial := int(((kinds >= 0) & ~np.isfinite(values).all(axis=1)).sum()):
        notes.append(f"rows with a missing or infinite value left out: {partial:,}")
    rising = [name for name, one in features.items() if len(one) > 1 and (np.diff(one) > 0).all()]
    if rising:
        notes.append(
            f"rising with every row: {_list(rising)}. If that is a time or a row number, leave it "
            "out with --ignore"
        )
    return notes


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(name[:_MAX_SHOWN] for name in names[:MAX_KINDS])
    return f"{shown} and {len(names) - MAX_KINDS} more" if len(names) > MAX_KINDS else shown
