"""`kubectl-anomaly patterns list` and `show`: the patterns as one writes them in a spec.

What `show` prints can be pasted into `spec.patterns` and changed there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from detector_runtime.contract.pattern_names import BUILT_IN
from detector_runtime.contract.patterns import LevelCondition, PatternSpec, RatioCondition
from detector_runtime.contract.text import decimal
from detector_runtime.contract.vocabulary import Role
from detector_runtime.patterns.assemble import assembled

JSON = dict[str, Any]
Row = tuple[str, ...]
HEADS = ("NAME", "SEVERITY", "ALERTS", "FROM", "WHEN")


@dataclass(frozen=True, slots=True)
class Known:
    """The patterns of a service: `own` stand in its spec, `shared` in the operator's settings;
    `quiet`: the names in `spec.nonAlertingPatterns`."""

    own: tuple[PatternSpec, ...] = ()
    shared: tuple[PatternSpec, ...] = ()
    quiet: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[PatternSpec, ...]:
        """As they hold, in the order in which they are tried."""
        return assembled((*self.shared, *self.own), self.quiet)

    def origin(self, name: str) -> str:
        """Where the pattern of that name is from."""
        places = {
            "spec": {one.name for one in self.own},
            "settings": {one.name for one in self.shared},
            "built in": BUILT_IN,
        }
        first, *others = (place for place, names in places.items() if name in names)
        return f"{first}, replaces {others[0]}" if others else first


def listed(known: Known) -> list[Row]:
    """The table of `patterns list`, under HEADS."""
    return [
        (
            spec.name,
            spec.severity.value if spec.locked else f"up to {spec.severity.value}",
            "yes" if spec.alerting else "no",
            known.origin(spec.name),
            "; ".join(conditions(spec)),
        )
        for spec in known.all
    ]


def shown(spec: PatternSpec) -> str:
    """A pattern as it is written in `spec.patterns`."""
    return yaml.safe_dump([written(spec)], sort_keys=False, allow_unicode=True, width=100)


def written(spec: PatternSpec) -> JSON:
    """The entry of `spec.patterns` that stands for a pattern."""
    found: JSON = {"name": spec.name, "severity": spec.severity.value}
    found["when"] = [
        {**_subject(one.role, one.metric), "level": [level.value for level in one.levels]}
        for one in spec.when
    ]
    found["ratios"] = [
        {
            **_subject(one.role, one.metric),
            "of": _subject(one.of_role, one.of_metric),
            "above": decimal(one.above),
        }
        for one in spec.ratios
    ]
    found["circumstances"] = [one.value for one in spec.circumstances]
    found |= {"message": spec.message, "impact": spec.impact, "actions": list(spec.actions)}
    kept = {key: value for key, value in found.items() if value not in ("", [])}
    return kept if spec.alerting else {**kept, "alerting": False}


def conditions(spec: PatternSpec) -> Iterator[str]:
    """The conditions of a pattern, each in a few words."""
    for one in spec.when:
        yield _level(one)
    for ratio in spec.ratios:
        yield _ratio(ratio)
    for circumstance in spec.circumstances:
        yield circumstance.value


def _level(one: LevelCondition) -> str:
    return f"{one.metric or one.role} is {' or '.join(one.levels)}"


def _ratio(one: RatioCondition) -> str:
    return f"{one.metric or one.role} / {one.of_metric or one.of_role} > {decimal(one.above)}"


def _subject(role: Role | None, metric: str) -> JSON:
    return {"metric": metric} if metric else {"role": role.value if role else ""}
