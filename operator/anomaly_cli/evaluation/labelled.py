"""Rows with their labels, and the ordered split into what is learned from, chosen on and reported.

A row has a number in every column: whoever reads rows leaves out those that have not. Nothing here
shuffles, because rows of a recording come in the order of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from anomaly_cli.figures import Bools
from anomaly_cli.refusal import InputError
from detector_runtime.series.frame import Floats, Ints

TRAIN, TUNE = 0.6, 0.2
"""Shares of the rows; the rest is reported. What was chosen on a part says too much about it, so
the choice has a part of its own."""
LEAST_TRAINED = 50


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """`values` (n, k) finite; `kinds` (n,): 0 is normal, i the i-th of `names`; `alike`: whether
    the columns share a unit; `notes` say how the rows were read."""

    values: Floats
    kinds: Ints
    names: tuple[str, ...]
    columns: tuple[str, ...]
    alike: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def anomalous(self) -> Bools:
        return self.kinds > 0

    def part(self, rows: slice) -> Labelled:
        return replace(self, values=self.values[rows], kinds=self.kinds[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three parts in the order of the rows, without the columns that are `constant` in `train`.
    Where the columns share no unit, a value is the number of standard deviations of `train` from
    its mean: the neighbours of a row must not be those of its largest column."""

    train: Labelled
    tune: Labelled
    report: Labelled
    constant: tuple[str, ...] = ()

    @property
    def fixed(self) -> Labelled:
        """Train and tune in one, for settings that nothing is chosen for."""
        return replace(
            self.train,
            values=np.concatenate([self.train.values, self.tune.values]),
            kinds=np.concatenate([self.train.kinds, self.tune.kinds]),
        )

    def parts(self) -> Iterator[tuple[str, Labelled]]:
        yield from (("train", self.train), ("tune", self.tune), ("report", self.report))


def split(data: Labelled) -> Split:
    """60 % to train, 20 % to tune, 20 % to report. Raises InputError where a part cannot serve."""
    first = round(TRAIN * len(data))
    second = round((TRAIN + TUNE) * len(data))
    if first < LEAST_TRAINED:
        raise InputError(
            f"{len(data)} rows leave {first} to train on; at least {LEAST_TRAINED} are needed"
        )
    changing = np.ptp(data.values[:first], axis=0) > 0
    if not changing.any():
        raise InputError(
            f"no column changes in the first {first} rows, which are the train part; "
            "give rows in which something varies"
        )
    kept = replace(
        data,
        values=_scaled(data.values[:, changing], first, alike=data.alike),
        columns=tuple(name for name, one in zip(data.columns, changing, strict=True) if one),
    )
    found = Split(
        kept.part(slice(0, first)),
        kept.part(slice(first, second)),
        kept.part(slice(second, None)),
        tuple(name for name, one in zip(data.columns, changing, strict=True) if not one),
    )
    for name, part in (("tune", found.tune), ("report", found.report)):
        anomalies = int(part.anomalous.sum())
        if not 0 < anomalies < len(part):
            raise InputError(
                f"the {name} part has {anomalies} anomalies in {len(part)} rows; it needs normal "
                "rows and anomalies. The rows are split in their order: 60 % train, 20 % tune, "
                "20 % report"
            )
    return found


def _scaled(values: Floats, trained: int, *, alike: bool) -> Floats:
    if alike:
        return values
    scaled: Floats = (values - values[:trained].mean(axis=0)) / values[:trained].std(axis=0)
    return scaled
