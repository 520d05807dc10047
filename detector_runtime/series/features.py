"""What every detector reads: metrics on a robust scale, with their slot on the clock.

The scaling is learned once and is part of the model. Values outside a metric's valid range and
counter resets become missing here, so that no detector sees them; a hole stays a hole. One-sided
metrics are folded later, on evidence (`one_sided`), because a drop of a metric that only alarms
upwards is still a fact that its neighbours may need.
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
RESETS, RESETS_NEAR_ZERO = 0.002, 0.025
"""Share of windows in which a counter may fall; the second is a restart every two days by the hour.
"""
NEAR_ZERO = 5.0
"""Usual increments within which a counter stands after a reset, a few missed windows included."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Per metric (m,): `centre`, `scale` (> 0), `counter` (True: differences are read),
    `side` (+1 up, -1 down, 0 both), `valid_low`, `valid_high`; `time_zone` is an IANA name.

    A metric that training hardly saw has an empty valid range (inf, -inf): nothing of it is judged.
    """

    centre: Floats
    scale: Floats
    counter: NDArray[np.bool_]
    side: Ints
    valid_low: Floats
    valid_high: Floats
    time_zone: str

    @property
    def known(self) -> NDArray[np.bool_]:
        """(m,): metrics that training saw enough of to judge them."""
        known: NDArray[np.bool_] = self.valid_low <= self.valid_high
        return known

    def readable(self, values: Floats) -> Floats:
        """Values (n, m) with the invalid ones missing and counters turned into increments.

        A counter's reset (a fall) is a missing increment, never a negative one.
        """
        out = values
        if (self.valid_low > -np.inf).any() or (self.valid_high < np.inf).any():
            with np.errstate(invalid="ignore"):
                out = np.where((out < self.valid_low) | (out > self.valid_high), np.nan, out)
        if self.counter.any():
            rise = np.vstack([np.full((1, out.shape[1]), np.nan), out[1:] - out[:-1]])
            with np.errstate(invalid="ignore"):
                rise = np.where(rise < 0, np.nan, rise)
            out = np.where(self.counter, rise, out)
        return out

    def read(self, frame: Frame) -> Frame:
        """The frame in the units that are scored and that people read."""
        return Frame(frame.times, self.readable(frame.values), frame.names, frame.step)

    @property
    def of_read(self) -> Scaling:
        """This scaling for frames that are read already: a valid range is one of raw values."""
        bounded = self.counter & (self.valid_low <= self.valid_high)
        return replace(
            self,
            counter=np.zeros_like(self.counter),
            valid_low=np.where(bounded, -np.inf, self.valid_low),
            valid_high=np.where(bounded, np.inf, self.valid_high),
        )

    def prepare(self, frame: Frame, first: int = 0) -> Prepared:
        z = np.clip((self.readable(frame.values) - self.centre) / self.scale, -CLIP, CLIP)
        slot, weekend = clock(frame.times, frame.step, self.time_zone)
        return Prepared(z, z, folded(z, self.side), slot, weekend, first, frame.step)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "centre": self.centre,
            "scale": self.scale,
            "counter": self.counter,
            "side": self.side,
            "valid_low": self.valid_low,
            "valid_high": self.valid_high,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]], time_zone: str) -> Scaling:
        return cls(**arrays, time_zone=time_zone)  # type: ignore[arg-type]


def learn_scaling(frame: Frame, metrics: Sequence[MetricSpec], time_zone: str) -> Scaling:
    """Median and IQR / 1.349 per metric of `frame`; see `spread` for metrics that hardly move.

    What has begun only lately, or hardly ever has a value, is not known (`MIN_KNOWN`).
    """
    low = [-np.inf if spec.valid_min is None else spec.valid_min for spec in metrics]
    high = [np.inf if spec.valid_max is None else spec.valid_max for spec in metrics]
    m = len(metrics)
    raw = Scaling(
        np.zeros(m),
        np.ones(m),
        np.array([looks_like_counter(frame.values[:, column]) for column in range(m)], dtype=bool),
        np.array([_SIDES[spec.direction] for spec in metrics], dtype=np.int64),
        np.array(low, dtype=np.float64),
        np.array(high, dtype=np.float64),
        time_zone,
    )
    values = raw.readable(frame.values)
    finite = np.isfinite(values)
    enough = finite.sum(axis=0) >= max(MIN_KNOWN, KNOWN_SHARE * int(finite.any(axis=1).sum()))
    centre, scale = np.zeros(m), np.ones(m)
    for column in np.flatnonzero(enough):
        present = values[finite[:, column], column]
        centre[column], scale[column] = np.median(present), spread(present)
    return replace(
        raw,
        centre=centre,
        scale=scale,
        valid_low=np.where(enough, raw.valid_low, np.inf),
        valid_high=np.where(enough, raw.valid_high, -np.inf),
    )


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


def looks_like_counter(values: Floats) -> bool:
    """A series that rarely falls, and then by more than half: a raw counter with resets.

    Where it falls more often than one window in 500, it must also begin again near zero, as a
    counter does and a gauge that is emptied does not.
    """
    present = values[np.isfinite(values)]
    if len(present) < 50:
        return False
    change = np.diff(present)
    falls, rises = change < 0, change[change > 0]
    if len(rises) < 0.5 * len(change) or falls.mean() > RESETS_NEAR_ZERO:
        return False
    before, after = present[:-1][falls], present[1:][falls]
    if falls.mean() > RESETS and (after > NEAR_ZERO * np.percentile(rises, 95)).any():
        return False
    return bool((after < 0.5 * before).all())


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


def trailing(values: Floats, width: int, first: int) -> Floats:
    """(n - first, m, width): the last `width` rows up to each row from `first` on.

    Before the first row stands the first; `values` holds no NaN.
    """
    head = values[max(first - width + 1, 0) :]
    short = len(values) - first + width - 1 - len(head)
    if short > 0:
        head = np.concatenate([np.repeat(head[:1], short, axis=0), head])
    # a view made by hand: numpy's own ways to it cost ten times as much, and a warm run has many
    head = np.ascontiguousarray(head)
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
