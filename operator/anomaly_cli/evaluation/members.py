"""The members of a vote as `--members` names them, and as the runtime trains and scores them.

These are the detectors that read one row and nothing of its past: labelled rows have no times, so
`Auto` and the detectors that follow a series have nothing to learn from here. What a parameter may
be is what it may be in `spec.detector.members`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from anomaly_cli.refusal import ArgumentError
from anomaly_operator.api.fields import Fields
from anomaly_operator.api.problem import Problem
from anomaly_operator.spec.members import parse_members
from detector_runtime.contract.members import MemberName, MemberSpec
from detector_runtime.detectors.isolation_forest import IsolationForest
from detector_runtime.detectors.local_outlier_factor import LocalOutlierFactor
from detector_runtime.detectors.zscore import ZScore
from detector_runtime.series.frame import Floats

LEAST = 2
Z_SCORE = MemberName.Z_SCORE.value
PARAMETERS: Mapping[MemberName, tuple[str, ...]] = {
    MemberName.ISOLATION_FOREST: ("trees", "contamination"),
    MemberName.LOCAL_OUTLIER_FACTOR: ("neighbours", "contamination", "references"),
    MemberName.Z_SCORE: ("threshold",),
}
_WHOLE = frozenset({"trees", "neighbours", "references"})


class Trained(Protocol):
    """`score_samples` as in scikit-learn, lower is more unusual; `threshold`: a row is an outlier
    where minus its score is above it."""

    @property
    def threshold(self) -> float: ...

    def score_samples(self, table: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Member:
    """`text`: as `--members` has it."""

    spec: MemberSpec
    text: str

    @property
    def name(self) -> str:
        return self.spec.name.value

    @property
    def parameters(self) -> dict[str, float]:
        """All of them, defaults included."""
        return {key: getattr(self.spec, key) for key in PARAMETERS[self.spec.name]}

    def learn(self, rows: Floats, seed: int) -> Trained:
        """From rows (n, k) without holes. Raises ArgumentError where they are too few."""
        spec = self.spec
        if spec.name is MemberName.ISOLATION_FOREST:
            return IsolationForest.learn(
                rows, trees=spec.trees, contamination=spec.contamination, seed=seed
            )
        if spec.name is MemberName.Z_SCORE:
            return ZScore.learn(rows, threshold=spec.threshold)
        if len(rows) <= spec.neighbours:
            raise ArgumentError(
                f"--members {self.name}: {len(rows)} rows to compare with are not more than "
                f"{spec.neighbours} neighbours; give fewer neighbours or more rows"
            )
        return LocalOutlierFactor.learn(
            rows,
            neighbours=spec.neighbours,
            contamination=spec.contamination,
            references=spec.references,
            seed=seed,
        )


DEFAULT = tuple(Member(MemberSpec(name), name.value) for name in PARAMETERS)


def members(texts: Sequence[str]) -> tuple[Member, ...]:
    """NAME or NAME:parameter=value,... of each member. Raises ArgumentError."""
    if len(texts) < LEAST:
        raise ArgumentError(f"--members: {len(texts)} given; a vote has at least {LEAST} members")
    items = {"members": [_item(text) for text in texts]}
    specs = parse_members(Fields(items, "", _refused))
    return tuple(Member(spec, text) for spec, text in zip(specs, texts, strict=True))


def _item(text: str) -> dict[str, Any]:
    """A member as a manifest has it."""
    name, _, settings = text.partition(":")
    if name not in {one.value for one in PARAMETERS}:
        raise ArgumentError(
            f"--members: {name!r} is no member that reads single rows; "
            f"choose from {', '.join(PARAMETERS)}"
        )
    item: dict[str, Any] = {"name": name}
    for setting in filter(None, settings.split(",")):
        key, sign, value = setting.partition("=")
        if not sign or not value:
            raise ArgumentError(
                f"--members {name}: {setting!r} has no value; write for example ZScore:threshold=3"
            )
        item[key] = int(value) if key in _WHOLE and value.isdecimal() else value
    return item


def _refused(problem: Problem) -> ArgumentError:
    return ArgumentError(f"--{problem}")
