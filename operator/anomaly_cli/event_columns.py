"""Which columns of a recording hold the events that an objective counts.

A query cannot be run on a file, so it is read for names alone: a column called
`<objective>_<field>` is what the query of that field would have found, and else the one column that
the query names. What is not certain is not guessed: two columns, or one for both sides, are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from anomaly_operator.manifests.metric_queries import PLACEHOLDER
from detector_runtime.contract.objectives import ObjectiveSpec
from detector_runtime.objectives.queries import sides

_SUFFIX = {"errors": "errors", "good": "good", "total": "total", "errorRatio": "error_ratio"}
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*")
_SELECTOR = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


@dataclass(frozen=True, slots=True)
class EventColumns:
    """`columns`: by the field of the query (`errors`, `good`, `total`, `errorRatio`) the column
    that stands for it; empty where `problem` says why the objective cannot be evaluated."""

    objective: ObjectiveSpec
    columns: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def own(self, side: str) -> bool:
        """Whether the column of a field is there for this objective alone."""
        return self.columns.get(side) == own_column(self.objective, side)


def own_column(objective: ObjectiveSpec, side: str) -> str:
    """The name of the column that stands for a query, whatever the query says."""
    return f"{objective.name}_{_SUFFIX[side]}"


def event_columns(
    objectives: Sequence[ObjectiveSpec], columns: Sequence[str], values: Mapping[str, str]
) -> tuple[EventColumns, ...]:
    """`columns`: of the recording; `values`: of the placeholders in the queries, by name."""
    return tuple(_of(one, columns, values) for one in objectives)


def _of(one: ObjectiveSpec, columns: Sequence[str], values: Mapping[str, str]) -> EventColumns:
    found: dict[str, str] = {}
    for side, query in sides(one).items():
        own = own_column(one, side)
        named = (own,) if own in columns else tuple(_named(query, columns, values))
        if len(named) != 1:
            several = f"its query for {side} names the columns {' and '.join(named)}"
            none = f"no column holds its {side}"
            return EventColumns(one, problem=f"{several if named else none}; {_add(one)}")
        found[side] = named[0]
    if len(set(found.values())) < len(found):
        (column,) = set(found.values())
        both = " and ".join(found)
        return EventColumns(one, problem=f"{both} both name the column {column!r}; {_add(one)}")
    return EventColumns(one, found)


def _add(one: ObjectiveSpec) -> str:
    """The next step: what the recording needs."""
    names = [own_column(one, side) for side in sides(one)]
    if len(names) == 1:
        return f"record its share of bad events as column {names[0]}"
    return f"record its events as columns {' and '.join(names)}"


def _named(query: str, columns: Sequence[str], values: Mapping[str, str]) -> Iterator[str]:
    """The columns that a query names outside of its labels and texts."""
    filled = PLACEHOLDER.sub(lambda match: values.get(match[1], ""), query)
    words = set(_WORD.findall(_SELECTOR.sub("", _QUOTED.sub("", filled))))
    return (column for column in columns if column in words)
