"""Counts of events for objectives, as a Prometheus would answer one joined expression."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from detector_runtime.contract.objectives import (
    TIERS,
    BurnTier,
    ObjectiveSpec,
    ObjectiveType,
    scaled,
)
from detector_runtime.errors import RunError
from detector_runtime.objectives.queries import LABEL

Count = Callable[[str, str, str, int], float | None]
"""Objective, query (`errors`, `total` ..), window (`5m`), time -> value; None is no sample."""
MARK = re.compile(rf'"{LABEL}", "([^"/]+)/([^"/]+)/([^"/]+)"')
MONTH = 30 * 86_400


def objective(name: str = "availability", window: int = MONTH, **changes: object) -> ObjectiveSpec:
    """99.9 % over 30 days by errors and total, with all tiers."""
    fields: dict[str, object] = {
        "name": name,
        "type": ObjectiveType.AVAILABILITY,
        "target": 0.999,
        "window_seconds": window,
        "tiers": tiers(window),
        "errors": f"sum(increase({name}_errors[$(window)]))",
        "total": f"sum(increase({name}_total[$(window)]))",
    }
    return ObjectiveSpec(**(fields | changes))  # type: ignore[arg-type]


def tiers(window: int = MONTH) -> tuple[BurnTier, ...]:
    return tuple(scaled(tier, window) for tier in TIERS)


def answered(query: str, first: int, last: int, step: int, count: Count) -> dict[str, dict]:
    """By mark and time."""
    return {
        f"{name}/{side}/{window}": {
            moment: value
            for moment in range(first, last + 1, step)
            if (value := count(name, side, window, moment)) is not None
        }
        for name, side, window in MARK.findall(query)
    }


def series(found: Mapping[str, Mapping[int, float]]) -> list[dict]:
    """As the API writes it."""
    return [
        {
            "metric": {LABEL: mark},
            "values": [[at, "NaN" if math.isnan(v) else repr(v)] for at, v in values.items()],
        }
        for mark, values in found.items()
        if values
    ]


class Counted:
    """An `EventSource` that keeps what it was asked. `refuse` gives an error for a query."""

    def __init__(
        self, count: Count, refuse: Callable[[str], RunError | None] = lambda query: None
    ) -> None:
        self.count, self.refuse = count, refuse
        self.asked: list[str] = []

    def values(self, query: str, first: int, last: int, step: int) -> dict[str, dict[int, float]]:
        self.asked.append(query)
        error = self.refuse(query)
        if error is not None:
            raise error
        return answered(query, first, last, step, self.count)

    @property
    def windows(self) -> list[set[str]]:
        """The windows that each request asked for."""
        return [{window for _, _, window in MARK.findall(query)} for query in self.asked]
