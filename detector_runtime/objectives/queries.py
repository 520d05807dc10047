"""One expression for the events of many objectives over many windows.

The parts are joined with `or`, each marked by a label of its own, so that one request answers for
all. Only functions that every dialect of PromQL has: `sum` is the user's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detector_runtime.contract.objectives import ObjectiveSpec, over, window_text

LABEL = "anomaly_operator_events"


@dataclass(frozen=True, slots=True)
class Ask:
    """The events of one objective over the last `seconds`."""

    objective: ObjectiveSpec
    seconds: int

    @property
    def key(self) -> tuple[str, int]:
        return self.objective.name, self.seconds


def sides(objective: ObjectiveSpec) -> dict[str, str]:
    """The objective's queries by the names of their fields."""
    if objective.error_ratio:
        return {"errorRatio": objective.error_ratio}
    bad = {"errors": objective.errors} if objective.errors else {"good": objective.good}
    return {**bad, "total": objective.total}


def mark(objective: ObjectiveSpec, side: str, seconds: int) -> str:
    """The value of LABEL for one part: `availability/errors/5m`."""
    return f"{objective.name}/{side}/{window_text(seconds)}"


def joined(asks: Iterable[Ask]) -> str:
    """The expression for all of `asks`."""
    return "\nor\n".join(
        _marked(over(query, ask.seconds), mark(ask.objective, side, ask.seconds))
        for ask in asks
        for side, query in sides(ask.objective).items()
    )


def _marked(query: str, value: str) -> str:
    # A comment at the end of the query must not swallow what follows, hence a line of its own. The
    # label is absent in the query's result, so `.*` matches and the replacement is taken.
    return f'label_replace(\n{query}\n, "{LABEL}", "{value}", "{LABEL}", ".*")'
