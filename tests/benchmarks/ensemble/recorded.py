"""Labelled recordings of servers as rows: learned from the part that has no labels.

Where a recording has no anomaly in the part for tuning or in the one for the report it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from anomaly_cli.evaluation.labelled import Labelled, Split
from tests.benchmarks.detection.recordings import DATA, Recording, recordings

FAMILIES = ("asd", "smd")


def recorded() -> Iterator[tuple[str, Split]]:
    """Name and parts of each recording; none where the data folder is absent."""
    seen: set[str] = set()
    for family in FAMILIES if DATA.is_dir() else ():
        for one in recordings(family):
            name = one.name.split("/")[0]
            if name not in seen:
                seen.add(name)
                found = _parts(one)
                if found is not None:
                    yield name, found


def _parts(one: Recording) -> Split | None:
    """Warm-up to train, the first half of the rest to tune, the second to report."""
    values, kinds = one.frame.values, one.labels.astype(np.int64)
    whole = np.isfinite(values).all(axis=1)
    first = int(whole[: one.warmup].sum())
    values, kinds = values[whole], kinds[whole]
    changing = np.ptp(values[:first], axis=0) > 0
    values = values[:, changing]
    values = (values - values[:first].mean(axis=0)) / values[:first].std(axis=0)
    middle = first + (len(values) - first) // 2
    columns = tuple(np.array(one.frame.names)[changing].tolist())
    train, tune, report = (
        Labelled(values[rows], kinds[rows], ("anomaly",), columns)
        for rows in (slice(0, first), slice(first, middle), slice(middle, None))
    )
    usable = all(0 < part.anomalous.sum() < len(part) for part in (tune, report))
    return Split(train, tune, report) if usable else None
