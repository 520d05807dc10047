"""The members of a vote as `--members` names them, and as the runtime trains and scores them.

These are the detectors that read one row and nothing of its past: labelled rows have no times, so
`Auto` and the detectors that follow a series have nothing to learn from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from anomaly_cli.refusal import ArgumentError
from detector_runtime.contract.members import MemberName, MemberSpec
from detector_runtime.detectors.isolation_forest import IsolationForest
from detector_runtime.detectors.local_outlier_factor import LocalOutlierFactor
from detector_runtime.detectors.zscore import ZScore
from detector_runtime.series.frame import Floats

LEAST = 2
Z_SCORE = MemberName.Z_SCORE.value


class Trained(Protocol):
    """`score_samples` as in scikit-learn, lower is more unusual; `threshold`: a row is an outlier
    where minus its score is above it."""

    @property
    def threshold(self) -> float: ...

    def score_samples(self, table: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Parameter:
    low: float
    high: float
    whole: bool = True


_SHARE = Parameter(0.001, 0.5, whole=False)
PARAMETERS: Mapping[MemberName, Mapping[str, Parameter]] = {
    MemberName.ISOLATION_FOREST: {"trees": Parameter(10, 1000), "contamination": _SHARE},
    MemberName.LOCAL_OUTLIER_FACTOR: {
        "neighbours": Parameter(1, 1000),
        "contamination": _SHARE,
        "references": Parameter(100, 10_000),
    },
    MemberName.Z_SCORE: {"threshold": Parameter(0.1, 100, whole=False)},
}
"""Of each member, as in `spec.detector.members`."""


@dataclass(frozen=True, slots=True)
class Member:
    """`given`: the parameters that were named, as text of `--members` has them."""

    spec: MemberSpec
    given: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.spec.name.value

    @property
    def parameters(self) -> dict[str, float]:
        """All of them, defaults included."""
        return {key: getattr(self.spec, key) for key in PARAMETERS[self.spec.name]}

    @property
    def text(self) -> str:
        """As `--members` takes it."""
        settings = ",".join(f"{key}={self.parameters[key]:g}" for key in self.given)
        return f"{self.name}:{settings}" if settings else self.name

    def learn(self, rows: Floats, seed: int) -> Trained:
        """From rows (n, k) without holes. Raises ArgumentError where they are too few."""
        spec = self.spec
        if spec.name is MemberName.ISOLATION_FOREST:
            return IsolationForest.learn(
                rows, trees=spec.trees, contamination=spec.contamination, seed=seed
            )
        if spec.name is MemberName.Z_SCORE:
            return ZScore.learn(rows, threshold=spec.threshold)
        kept = min(len(rows), spec.references)
        if kept <= spec.neighbours:
            raise ArgumentError(
                f"--members {self.name}: {kept} rows to compare with are not more than "
                f"{spec.neighbours} neighbours; give fewer neighbours or more rows"
            )
        return LocalOutlierFactor.learn(
            rows,
            neighbours=spec.neighbours,
            contamination=spec.contamination,
            references=spec.references,
            seed=seed,
        )


DEFAULT = tuple(Member(MemberSpec(name)) for name in PARAMETERS)


def members(texts: Sequence[str]) -> tuple[Member, ...]:
    """NAME or NAME:parameter=value,... of each member. Raises ArgumentError."""
    found = tuple(_member(text) for text in texts)
    if len(found) < LEAST:
        raise ArgumentError(f"--members: {len(found)} given; a vote has at least {LEAST} members")
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"--members: {name} is given twice; give each member once")
    return found


def _member(text: str) -> Member:
    written, _, settings = text.partition(":")
    name = next((one for one in PARAMETERS if one.value == written), None)
    if name is None:
        raise ArgumentError(
            f"--members: {written!r} is no member that reads single rows; "
            f"choose from {', '.join(PARAMETERS)}"
        )
    spec = MemberSpec(name)
    given: list[str] = []
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        parameter = PARAMETERS[name].get(key)
        if parameter is None:
            raise ArgumentError(
                f"--members {name}: {key!r} is no parameter; it has {', '.join(PARAMETERS[name])}"
            )
        changed: Any = {key: _value(f"--members {name}: {key}", value, parameter)}
        spec = replace(spec, **changed)
        given.append(key)
    return Member(spec, tuple(given))


def _value(place: str, text: str, parameter: Parameter) -> float:
    number, scale = (text[:-1], 100.0) if text.endswith("%") else (text, 1.0)
    try:
        value = float(number) / scale
    except ValueError:
        value = float("nan")
    if not parameter.low <= value <= parameter.high or (parameter.whole and value % 1):
        kind = "a whole number" if parameter.whole else "a number"
        raise ArgumentError(
            f"{place}: {text!r} is not {kind} from {parameter.low:g} to {parameter.high:g}"
        )
    return int(value) if parameter.whole else value
