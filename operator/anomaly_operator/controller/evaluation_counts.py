"""What users made of their incidents, by namespace, for the metrics.

Kept as changes come in and computed when somebody asks for the first time after a change: a service
name as a label would give a series for each of thousands of services.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from anomaly_operator.evaluation.figures import Evaluation, evaluated, last_moment
from anomaly_operator.evaluation.outcome import Outcome, outcome
from anomaly_operator.observe.cache import Change, Key
from anomaly_operator.world.objects import AnomalyObject

AddGauge = Callable[..., None]
ByLabels = dict[tuple[str, ...], float]


class EvaluationCounts:
    """`wall`: the time in unix seconds."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._outcomes: dict[Key, Outcome] = {}
        self._figures: dict[str, Evaluation] = {}
        self._of_day: int | None = None

    def take(self, change: Change) -> None:
        new = change.new
        found = outcome(new) if isinstance(new, AnomalyObject) else None
        if found == self._outcomes.get(change.meta.key):
            return
        self._of_day = None
        if found is None:
            del self._outcomes[change.meta.key]
        else:
            self._outcomes[change.meta.key] = found

    def add_gauges(self, add: AddGauge) -> None:
        days = "opened in the last 30 full days"
        add(
            "evaluation_incidents",
            f"Incidents by what users made of them, {days}",
            self.incidents,
            "namespace",
            "judgement",
        )
        add(
            "evaluation_precision_ratio",
            f"Confirmed incidents among those confirmed or called FalsePositive, {days}",
            self.precision,
            "namespace",
        )
        add(
            "evaluation_median_seconds",
            f"Median time until incidents were detected, acknowledged and closed, {days}",
            self.medians,
            "namespace",
            "stage",
        )

    def incidents(self) -> ByLabels:
        return {
            (namespace, judgement): float(count)
            for namespace, found in self._evaluations()
            for judgement, count in (
                ("Confirmed", found.confirmed),
                ("FalsePositive", found.false),
                ("Expected", found.dismissed - found.false),
                ("Ignored", found.ignored),
                ("Pending", found.pending),
            )
        }

    def precision(self) -> dict[str, float]:
        return {
            namespace: found.precision
            for namespace, found in self._evaluations()
            if found.precision is not None
        }

    def medians(self) -> ByLabels:
        return {
            (namespace, stage): float(seconds)
            for namespace, found in self._evaluations()
            for stage, seconds in (
                ("Detect", found.detect),
                ("Acknowledge", found.acknowledge),
                ("Close", found.close),
            )
            if seconds is not None
        }

    def _evaluations(self) -> Iterator[tuple[str, Evaluation]]:
        now = int(self._wall())
        if self._of_day != last_moment(now):
            of_namespace: defaultdict[str, list[Outcome]] = defaultdict(list)
            for (_, namespace, _), found in self._outcomes.items():
                of_namespace[namespace].append(found)
            self._figures = {name: evaluated(all_, now) for name, all_ in of_namespace.items()}
            self._of_day = last_moment(now)
        yield from self._figures.items()
