"""The labelled recordings as frames on a grid, with each family's protocol.

Where the data folder is absent nothing is invented: `families` returns none and the caller says so.
ASD and SMD carry no clock; they get one with an arbitrary, constant phase.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector_runtime.series.frame import Floats, Frame, Ints, on_grid

DATA = Path(os.environ.get("ANOMALY_DATA", Path(__file__).parents[4] / "shared" / "data"))
EPOCH = 1_699_488_000
DAY = 86_400
FAMILIES = ("asd", "smd", "cloud", "nab")


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """`labels` (n,) per window of `frame`; `present` (n,): windows that the file has a row for;
    scored from row `warmup` on; `refit_seconds` 0 = fitted once. `half`: `tune` or `report`.
    """

    family: str
    name: str
    frame: Frame
    labels: NDArray[np.bool_]
    present: NDArray[np.bool_]
    warmup: int
    refit_seconds: int
    half: str


def recordings(family: str) -> list[Recording]:
    """All recordings of a family in a fixed order; halves alternate, so that both see each kind."""
    reader = {"asd": _servers, "smd": _machine, "cloud": _cloud, "nab": _nab}[family]
    return list(reader())


def _halves(index: int) -> str:
    return "tune" if index % 2 == 0 else "report"


def _servers() -> Iterator[Recording]:
    for index, path in enumerate(sorted((DATA / "asd").glob("*.npz"))):
        yield _arrays("asd", path, 300, _halves(index))


def _machine() -> Iterator[Recording]:
    """One machine only: the test part's first half is for tuning, its second for the report."""
    for path in sorted((DATA / "smd").glob("*.npz")):
        whole = _arrays("smd", path, 60, "tune")
        middle = whole.warmup + (len(whole.frame) - whole.warmup) // 2
        for half, rows in (("tune", slice(whole.warmup, middle)), ("report", slice(middle, None))):
            scored = np.zeros(len(whole.frame), dtype=bool)
            scored[rows] = True
            yield Recording(
                "smd",
                f"{path.stem}/{half}",
                whole.frame,
                whole.labels,
                scored,
                whole.warmup,
                0,
                half,
            )


def _arrays(family: str, path: Path, step: int, half: str) -> Recording:
    with np.load(path, allow_pickle=False) as data:
        train, test, label = data["train"], data["test"], data["label"]
    values = np.vstack([train, test]).astype(np.float64)
    times = EPOCH + step * np.arange(1, len(values) + 1, dtype=np.int64)
    names = tuple(f"metric_{column + 1:02d}" for column in range(values.shape[1]))
    labels = np.concatenate([np.zeros(len(train), bool), label > 0])
    present = np.arange(len(values)) >= len(train)
    frame = Frame(times, values, names, step)
    return Recording(family, path.stem, frame, labels, present, len(train), 0, half)


def _cloud() -> Iterator[Recording]:
    for index, path in enumerate(sorted((DATA / "cloud-monitoring").glob("*/*.csv"))):
        stamps, values, marks = [], [], []
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                stamps.append(_seconds(row["TimeStamp"]))
                values.append(float(row["Value"]) if row["Value"] else np.nan)
                marks.append(bool(int(float(row["Label"]))))
        yield _single("cloud", path.stem, stamps, values, marks, None, _halves(index))


def _nab() -> Iterator[Recording]:
    windows = json.loads((DATA / "nab/combined_windows.json").read_text())
    for index, path in enumerate(sorted((DATA / "nab/data").glob("*/*.csv"))):
        spans = [(_seconds(a), _seconds(b)) for a, b in windows[f"{path.parent.name}/{path.name}"]]
        stamps, values = [], []
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                stamps.append(_seconds(row["timestamp"]))
                values.append(float(row["value"]))
        marks = [any(a <= stamp <= b for a, b in spans) for stamp in stamps]
        probation = min(int(0.15 * len(stamps)), 750)
        yield _single("nab", path.stem, stamps, values, marks, probation, _halves(index))


def _single(
    family: str,
    name: str,
    stamps: list[int],
    values: list[float],
    marks: list[bool],
    warmup_rows: int | None,
    half: str,
) -> Recording:
    """Lay one metric on its grid. Of several rows in a window: last value, highest label."""
    times: Ints = np.array(stamps, dtype=np.int64)
    points: Floats = np.array(values)
    gaps = np.diff(times)
    step = max(int(np.median(gaps[gaps > 0])) // 60 * 60, 60)
    frame = on_grid({"value": (times, points)}, ("value",), times[0] - 1, times[-1] + step, step)
    row = -((frame.times[0] - times) // step)
    labels = np.zeros(len(frame), dtype=bool)
    np.logical_or.at(labels, row, np.array(marks))
    present = np.zeros(len(frame), dtype=bool)
    present[row] = True
    # A hole in the middle of an event does not make two events of it.
    known = np.flatnonzero(present)
    before = known[np.maximum(np.searchsorted(known, np.arange(len(frame)), side="right") - 1, 0)]
    after = known[np.minimum(np.searchsorted(known, np.arange(len(frame))), len(known) - 1)]
    labels = labels[before] & labels[after]
    first = len(stamps) // 4 if warmup_rows is None else warmup_rows
    warmup = int(row[first])
    present[:warmup] = False
    return Recording(family, name, frame, labels, present, warmup, DAY, half)


def _seconds(text: str) -> int:
    stamp = datetime.fromisoformat(text)
    return int(stamp.replace(tzinfo=UTC).timestamp())
