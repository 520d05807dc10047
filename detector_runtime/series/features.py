"""What every detector reads: metrics on a robust scale, with their slot on the clock.

The scaling is learned once and is part of the model. It takes clean rows (`series.reading`): a hole
stays a hole. One-sided metrics keep both sides in `z` and `residual` and are cut to the alarming
one on evidence (`one_sided`), because a drop of a metric that only alarms upwards is still a fact
that its neighbours may need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import MetricSpec
from detector_runtime.contract.vocabulary import Direction
from detector_runtime.series.frame import Floats, Frame, Ints

DAY = 86_400
MAX_SLOTS = 96
"""Slots a day of the seasonal table: a quarter of an hour, or the step where that is longer."""
IQR_TO_SIGMA = 1.349
"""Interquartile range of a normal distribution in standard deviations."""
MAD_TO_SIGMA = 1.4826
"""Median absolute deviation of a normal distribution in standard deviations, inverted."""
USUAL_WIDTH = 3.0
"""Half-width of the usual range in robust standard deviations."""
CLIP = 100.0
"""Scaled values beyond this say nothing more; it keeps squares of them finite."""
MIN_KNOWN, KNOWN_SHARE = 30, 0.05
"""Values, and their share of the windows, without which a metric is not judged: what began a day
before a training on thirty would have its every window called unusual."""
CARRY = 12
"""Windows for which a missing value's last one stands in for it, as context."""
_SIDES = {Direction.UP: 1, Direction.DOWN: -1, Direction.BOTH: 0}


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Rows ready for detectors.

    `z` (n, m): scaled values, NaN where missing; `residual` (n, m): distance from what is usual at
    this time of day, in units of its spread (equal to `z` until a baseline is applied); `folded`
    (n, m): `z` with the harmless side of one-sided metrics flattened, for detectors that read all
    metrics at once and cannot say which side they saw; `slot` (n,) index into the day, `weekend`
    (n,); rows before `first` are history: context without a score.
    """

    z: Floats
    residual: Floats
    folded: Floats
    slot: Ints
    weekend: NDArray[np.bool_]
    first: int
    step: int

    @property
    def scored(self) -> Floats:
        return self.z[self.first :]

    def earlier(self, rows: int) -> Prepared:
        """The same rows, scored from so many rows before `first` on."""
        return replace(self, first=self.first - rows)

    def past(self, values: Floats, width: int, limit: float = np.inf) -> Floats:
        """(scored rows, m, width): the last `width` rows of `values` (n, m) up to each scored one,
        that included, the newest last.

        Holes take the last value before them (`fill_forward`), values beyond +-`limit` the limit.
        Before the first row stands the first.
        """
        return trailing(self.with_past(values, width, limit), width, width - 1)

    def with_past(self, values: Floats, width: int, limit: float = np.inf) -> Floats:
        """(scored rows + width - 1, m): the scored rows of `values` and the width - 1 before them,
        as `past` reads them."""
        head = max(self.first - width + 1, 0)
        known = fill_forward(values, head)
        return led(
            known if limit == np.inf else np.clip(known, -limit, limit), width, self.first - head
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Per metric (m,): `centre`, `scale` (> 0), `side` (+1 up, -1 down, 0 both), `known`;
    `time_zone` is an IANA name. A metric that training hardly saw is not known: nothing of it is
    judged.
    """

    centre: Floats
    scale: Floats
    side: Ints
    known: NDArray[np.bool_]
    time_zone: str

    def judged(self, values: Floats) -> Floats:
        """Values (n, m), NaN where the metric is not known."""
        return values if self.known.all() else np.where(self.known, values, np.nan)

    def prepare(self, frame: Frame, first: int = 0) -> Prepared:
        """Clean rows on this scale."""
        z = np.clip((self.judged(frame.values) - self.centre) / self.scale, -CLIP, CLIP)
        slot, weekend = clock(frame.times, frame.step, self.time_zone)
        return Prepared(z, z, folded(z, self.side), slot, weekend, first, frame.step)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "centre": self.centre,
            "scale": self.scale,
            "side": self.side,
            "known": self.known,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], time_zone: str) -> Scaling:
        return cls(**arrays, time_zone=time_zone)  # type: ignore[arg-type]


def learn_scaling(frame: Frame, metrics: Sequence[MetricSpec], time_zone: str) -> Scaling:
    """Median and IQR / 1.349 per metric of clean rows; see `spread` for what hardly moves.

    What has begun only lately, or hardly ever has a value, is not known (`MIN_KNOWN`).
    """
    m = len(metrics)
    side = np.array([_SIDES[spec.direction] for spec in metrics], dtype=np.int64)
    finite = np.isfinite(frame.values)
    known = finite.sum(axis=0) >= max(MIN_KNOWN, KNOWN_SHARE * int(finite.any(axis=1).sum()))
    centre, scale = np.zeros(m), np.ones(m)
    for column in np.flatnonzero(known):
        present = frame.values[finite[:, column], column]
        centre[column], scale[column] = np.median(present), spread(present)
    return Scaling(centre, scale, side, known, time_zone)


def spread(values: Floats) -> float:
    """A positive scale: IQR / 1.349; the standard deviation where half of the values are equal
    (mostly zero); 1 % of the value where all are (a constant has no scale of its own).
    """
    quarter, half, three_quarters = np.percentile(values, [25, 50, 75])
    width = float(three_quarters - quarter) / IQR_TO_SIGMA
    peak = max(float(np.abs(values).max()), 1e-300)
    tiny = 1e-9 * peak
    if width > tiny:
        return width
    deviation = float((values / peak).std()) * peak  # squares of garbage of 1e300 overflow
    return deviation if deviation > tiny else max(abs(float(half)) * 0.01, 1e-9)


def clock(times: Ints, step: int, time_zone: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Slot of the day and weekend flag of each window end (unix seconds), in local time.

    A window belongs to the slot in which it starts, so that 00:00 belongs to the day it closes.
    """
    local = times - step + utc_offset(times, time_zone)
    slots = slots_per_day(step)
    weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
    return (local % DAY) * slots // DAY, weekday >= 5


def slots_per_day(step: int) -> int:
    return min(MAX_SLOTS, max(DAY // step, 1))


def utc_offset(times: Ints, time_zone: str) -> Ints:
    """Seconds to add to UTC, per time; zones change at most a few times a year, so days suffice
    except on the day of a change, which is looked up hour by hour."""
    if time_zone in ("UTC", "Etc/UTC") or len(times) == 0:
        return np.zeros(len(times), dtype=np.int64)
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only services with a zone pay for it

    zone = ZoneInfo(time_zone)

    def offset(stamp: int) -> int:
        delta = datetime.fromtimestamp(stamp, UTC).astimezone(zone).utcoffset()
        return int(delta.total_seconds()) if delta else 0

    first, last = offset(int(times[0])), offset(int(times[-1]))
    if first == last and times[-1] - times[0] < 30 * DAY:
        return np.full(len(times), first, dtype=np.int64)
    hours, where = np.unique(times // 3600, return_inverse=True)
    table = np.array([offset(int(hour) * 3600) for hour in hours], dtype=np.int64)
    return table[where]


def one_sided(deviation: Floats, side: Ints) -> Floats:
    """Signed deviations (n, m) as evidence >= 0: only the alarming side of each metric counts."""
    return np.where(side == 0, np.abs(deviation), np.maximum(deviation * side, 0.0))


def fill_forward(values: Floats, head: int = 0) -> Floats:
    """The rows of `values` (n, m) from `head` on, each hole with the last value before it, or 0
    (the centre) where there is none within CARRY windows.

    Only for the context of a prediction: a hole itself never gets a score. Older values are not
    carried, so that a window reads the same rows whether it is scored alone or with others.
    """
    begin = max(head - CARRY, 0)
    values, head = values[begin:], head - begin
    missing = np.isnan(values)
    if not missing.any():
        return values[head:]
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(missing, -1, rows), axis=0)[head:]
    known = (last >= 0) & (rows[head:] - last <= CARRY)
    return np.where(known, np.take_along_axis(values, np.maximum(last, 0), axis=0), 0.0)


def quieted(rows: Prepared, usual: Floats, muted: NDArray[np.bool_], side: Ints) -> Prepared:
    """The rows with `muted` values (n, m) at their `usual` ones (scaled), for every detector."""
    z = np.where(muted, usual, rows.z)
    return replace(
        rows,
        z=z,
        residual=np.where(muted, 0.0, rows.residual),
        folded=folded(z, side),
    )


def folded(z: Floats, side: Ints) -> Floats:
    """Scaled values (n, m) with the harmless side of one-sided metrics flattened."""
    return np.where(side == 0, z, np.maximum(z * side, 0.0) * side)


def led(values: Floats, width: int, first: int) -> Floats:
    """The rows from `first` on (n - first) with the width - 1 before them; before the first row
    stands the first."""
    head = values[max(first - width + 1, 0) :]
    short = len(values) - first + width - 1 - len(head)
    return np.concatenate([np.repeat(head[:1], short, axis=0), head]) if short > 0 else head


def trailing(values: Floats, width: int, first: int) -> Floats:
    """(n - first, m, width): the last `width` rows up to each row from `first` on.

    Before the first row stands the first; `values` holds no NaN.
    """
    # a view made by hand: numpy's own ways to it cost ten times as much, and a warm run has many
    head = np.ascontiguousarray(led(values, width, first))
    rows, columns = head.strides
    shape = (len(values) - first, head.shape[1], width)
    view: Floats = np.ndarray(shape, head.dtype, head, 0, (rows, columns, rows))
    view.flags.writeable = False
    return view


def robust_spread(values: Floats, floor: float) -> Floats:
    """Median absolute value per column in standard deviations, at least `floor`; NaN left out."""
    empty = ~np.isfinite(values).any(axis=0)
    safe = np.where(empty, 0.0, values)
    out: Floats = np.maximum(MAD_TO_SIGMA * np.nanmedian(np.abs(safe), axis=0), floor)
    return out
