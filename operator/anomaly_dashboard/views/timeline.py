"""What happened to an incident, in order, with each moment's distance from the first suspicion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly_cli.incident_report.timeline import Moment
from anomaly_operator.api.text import span_text

_KINDS = {
    "Change": "change",
    "First suspicion": "start",
    "Opened": "open",
    "Reopened": "open",
    "Escalated": "worse",
    "Worst window": "worse",
    "Relapsed": "worse",
    "Deadline missed": "worse",
    "Closed": "end",
    "Resolved": "end",
}
_MARKS = {"change": "△", "start": "○", "open": "●", "worse": "▲", "end": "■"}


@dataclass(frozen=True, slots=True)
class Stage:
    """`at`: unix seconds. `away`: `12m before`, `3m after`, empty at the first suspicion.
    `kind`: a class of the style sheet; `mark`: the same as a symbol."""

    at: int
    away: str
    what: str
    why: str
    who: str
    kind: str
    mark: str


def stages(moments: Sequence[Moment], start: int) -> tuple[Stage, ...]:
    """`start`: of the incident, in unix seconds."""
    return tuple(_stage(one, start) for one in moments)


def _stage(one: Moment, start: int) -> Stage:
    kind = _KINDS.get(one.what, "said" if one.who else "other")
    away = one.at - start
    text = f"{span_text(abs(away))} {'after' if away > 0 else 'before'}" if away and start else ""
    return Stage(one.at, text, one.what, one.why, one.who, kind, _MARKS.get(kind, "·"))
