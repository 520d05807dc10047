"""The fitted model: everything that scoring needs, immutable, as plain arrays and plain JSON.

Reading a model checks every array's presence, type, shape and finiteness before it is used, so a
damaged or foreign file is refused with a reason and never scored with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector_runtime.contract.run_config import (
    DetectorSpec,
    IncidentSpec,
    Interval,
    MetricSpec,
    PeriodSpec,
)
from detector_runtime.contract.vocabulary import Category
from detector_runtime.detectors.registry import DETECTORS
from detector_runtime.detectors.seasonal import Seasonal
from detector_runtime.model.calibrate import Tails
from detector_runtime.model.drift import BLOCK_SECONDS, DriftBaseline
from detector_runtime.model.ensemble import Ensemble, MinDeviation
from detector_runtime.model.gate_checks import Check, Validation
from detector_runtime.model.level_borders import LevelBorders
from detector_runtime.model.severity_levels import SeverityLevels
from detector_runtime.model.smoothing import kernel
from detector_runtime.model.special_days import SpecialDays
from detector_runtime.model.vote import Vote
from detector_runtime.series.features import CARRY, Scaling
from detector_runtime.series.presence import Presence
from detector_runtime.series.statistics import Statistics

LOOKBACK_SECONDS = BLOCK_SECONDS
"""How far back an anomaly is followed to where it began: no further than drift is read."""
LAYOUT = 4
"""Version of the arrays' layout; another one is refused."""
VOTING_LAYOUT = 5
"""Of a model whose members vote: a release that knows no votes must not add them up."""

Arrays = dict[str, NDArray[np.generic]]


class ModelError(ValueError):
    """Arrays or meta data that are not a model of this version. The message names what is wrong."""


class NotEnoughHistory(Exception):  # noqa: N818 - a state of the data, not a fault
    """Fewer usable training rows than a model needs."""

    def __init__(self, samples: int, needed: int) -> None:
        super().__init__(f"{samples} usable windows of {needed} needed")
        self.samples = samples
        self.needed = needed


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What is known of a service before its data.

    `min_*`: windows of the look-back that hold a value and are not excluded; `incidents`: when
    windows become an incident, by which the alert level counts; `special`: days with a usual of
    their own.
    """

    metrics: tuple[MetricSpec, ...]
    step_seconds: int
    time_zone: str
    periods: tuple[PeriodSpec, ...]
    category: Category
    detector: DetectorSpec
    min_univariate: int
    min_multivariate: int
    incidents: IncidentSpec = field(default_factory=IncidentSpec)
    special: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """One service's model. `counter` (m,): metrics that training read as counters, so that scoring
    reads them alike; `presence`: what it means that one has no value; `detectors`: what serves and
    why, for people; `levels`: the scores from which
    a window is anomalous and how bad; `expected_per_week` (9, 2): score level, false incidents a
    week to expect at it, this setting in the middle row; `expected_by_severity` (4,): false
    incidents a week to expect at this setting, all of them, Medium and above, High and above,
    Critical; `borders`: from where on a value is low or high, which names patterns.
    """

    names: tuple[str, ...]
    step: int
    samples: int
    counter: NDArray[np.bool_]
    presence: Presence
    detectors: tuple[str, ...]
    validation: Validation
    provisional: bool
    levels: SeverityLevels
    ensemble: Ensemble
    final: Tails
    statistics: Statistics
    borders: LevelBorders
    drift: DriftBaseline
    expected_per_week: NDArray[np.float64]
    expected_by_severity: NDArray[np.float64]
    level_shift: str = ""
    """A lasting level shift to be taken as the new baseline by a person, in one line; or empty."""

    @property
    def alert_threshold(self) -> float:
        """Score from which a window is anomalous, as trained."""
        return self.levels.alert

    @property
    def multivariate(self) -> bool:
        """Whether a detector that reads several metrics together serves."""
        read_together = any(member.multivariate for member in self.ensemble.members)
        return read_together and len(self.names) > 1

    @property
    def smoothing(self) -> int:
        """Windows whose evidence makes one score."""
        return len(kernel(self.step, len(self.names)))

    @property
    def lookback(self) -> int:
        """Windows before one whose scores say since when it has been building."""
        return max(LOOKBACK_SECONDS // self.step, 1)

    @property
    def history_windows(self) -> int:
        """Windows before the first scored one that `score` reads, so that each window is scored as
        it would be alone; fewer only cost accuracy. The first score that is looked back on has a
        past, too, and a counter's first increment a window before it."""
        return self.lookback + self.smoothing + self.ensemble.history + CARRY

    def on_days(self, spans: tuple[Interval, ...]) -> FittedModel:
        """The model with `spans` as its days with a usual of their own, if it has learned them."""
        if self.ensemble.special is None:
            return self
        special = replace(self.ensemble.special, spans=spans)
        return replace(self, ensemble=replace(self.ensemble, special=special))

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """Arrays by name (`part/field`) and the JSON meta data of the manifest."""
        parts: dict[str, Mapping[str, NDArray[np.generic]]] = {
            "reading": {"counter": self.counter},
            "presence": self.presence.to_arrays(),
            "scaling": self.ensemble.scaling.to_arrays(),
            "tails": self.ensemble.tails.to_arrays(),
            "baseline": self.ensemble.baseline.to_arrays(),
            "final": self.final.to_arrays(),
            "statistics": self.statistics.to_arrays(),
            "borders": self.borders.to_arrays(),
            "drift": self.drift.to_arrays(),
            "expected": {
                "per_week": self.expected_per_week,
                "by_severity": self.expected_by_severity,
            },
            "minimum": {
                "absolute": self.ensemble.minimum.absolute,
                "relative": self.ensemble.minimum.relative,
            },
        }
        if self.ensemble.special is not None:
            parts["special"] = self.ensemble.special.to_arrays()
        vote = self.ensemble.vote
        if vote is not None:
            parts["vote"] = vote.to_arrays()
        for member in self.ensemble.members:
            parts[f"member.{member.name}"] = member.to_arrays()
        arrays = {f"{part}/{key}": v for part, fields in parts.items() for key, v in fields.items()}
        meta = {
            "layout": LAYOUT,
            "names": list(self.names),
            "step": self.step,
            "samples": self.samples,
            "detectors": list(self.detectors),
            "members": [member.name for member in self.ensemble.members],
            "checks": [asdict(check) for check in self.validation.checks],
            "provisional": self.provisional,
            "levels": asdict(self.levels),
            "timeZone": self.ensemble.scaling.time_zone,
            "levelShift": self.level_shift,
        }
        if vote is not None:
            meta |= {"layout": VOTING_LAYOUT, "vote": vote.rule.value}
        return arrays, meta

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, Any]
    ) -> Self:
        """Raise ModelError for anything but what `to_arrays` of this layout gave."""
        layout = meta.get("layout")
        if layout != (VOTING_LAYOUT if "vote" in meta else LAYOUT):
            raise ModelError(f"model layout is {layout!r}, this version reads {LAYOUT}")
        try:
            return cls._read(_Parts(arrays), meta)
        except ModelError:
            raise
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelError(f"model cannot be read: {error}") from error

    @classmethod
    def _read(cls, parts: _Parts, meta: Mapping[str, Any]) -> Self:
        names = tuple(str(name) for name in meta["names"])
        m = len(names)
        scaling = Scaling.from_arrays(parts.of("scaling"), str(meta["timeZone"]))
        if scaling.centre.shape != (m,) or not (scaling.scale > 0).all():
            raise ModelError(f"scaling has shape {scaling.centre.shape}, want ({m},), scale > 0")
        counter = np.asarray(parts.of("reading")["counter"], dtype=bool)
        if counter.shape != (m,) or scaling.known.shape != (m,):
            raise ModelError(
                f"counter and known have shapes {counter.shape} and {scaling.known.shape}, "
                f"want ({m},)"
            )
        unknown = [name for name in meta["members"] if name not in DETECTORS]
        if unknown:
            raise ModelError(f"detector {unknown[0]!r} is unknown to this version")
        members = tuple(
            DETECTORS[name].from_arrays(parts.of(f"member.{name}")) for name in meta["members"]
        )
        tails = Tails.from_arrays(parts.of("tails"))
        channels = sum(1 if member.joint else m for member in members)
        if tails.knots.shape[0] != channels:
            raise ModelError(f"tails cover {tails.knots.shape[0]} channels, want {channels}")
        minimum = MinDeviation(**parts.of("minimum"))  # type: ignore[arg-type]
        baseline = Seasonal.from_arrays(parts.of("baseline"))
        return cls(
            names,
            int(meta["step"]),
            int(meta["samples"]),
            counter,
            Presence.from_arrays(parts.of("presence")),
            tuple(str(line) for line in meta["detectors"]),
            Validation(tuple(Check(**check) for check in meta["checks"])),
            bool(meta["provisional"]),
            SeverityLevels.read(meta["levels"]),
            Ensemble(
                scaling,
                members,
                tails,
                baseline,
                minimum,
                _special(parts),
                _vote(parts, meta, len(members)),
            ),
            Tails.from_arrays(parts.of("final")),
            Statistics.from_arrays(parts.of("statistics")),
            _borders(parts, m),
            DriftBaseline.from_arrays(parts.of("drift")),
            np.asarray(parts.of("expected")["per_week"], dtype=np.float64),
            np.asarray(parts.of("expected")["by_severity"], dtype=np.float64),
            str(meta["levelShift"]),
        )


def _borders(parts: _Parts, m: int) -> LevelBorders:
    borders = LevelBorders.from_arrays(parts.of("borders"))
    if borders.middle.shape[1] != m:
        raise ModelError(f"level borders of {borders.middle.shape[1]} metrics, want {m}")
    return borders


def _special(parts: _Parts) -> SpecialDays | None:
    """Only a model that was trained with a calendar, and with enough of its days, has them."""
    arrays = parts.of("special")
    return SpecialDays.from_arrays(arrays) if arrays else None


def _vote(parts: _Parts, meta: Mapping[str, Any], members: int) -> Vote | None:
    """Only a model of members that people named has one."""
    if "vote" not in meta:
        return None
    return Vote.from_arrays(parts.of("vote"), str(meta["vote"]), members)


class _Parts:
    """Arrays grouped by the part before the slash, each checked for type and finiteness."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self._parts: dict[str, Arrays] = {}
        for key, array in arrays.items():
            part, _, field = key.partition("/")
            if array.dtype.kind not in "biuf":
                raise ModelError(f"array {key} has type {array.dtype}, want numbers")
            # a tree's unused nodes have an infinite threshold
            unbounded = field == "threshold"
            if array.dtype.kind == "f" and not unbounded and not np.isfinite(array).all():
                raise ModelError(f"array {key} holds values that are not finite")
            self._parts.setdefault(part, {})[field] = array

    def of(self, part: str) -> Arrays:
        return self._parts.get(part, {})
