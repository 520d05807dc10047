"""The Anomaly objects that a cluster would hold: the operator's folding and writing, without one.

Windows are folded as they would come, and what the operator would write is kept in memory, so that
it finds its own objects again. No rule of incidents or of their objects stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from anomaly_operator.anomalies.folding import Folded, Terms, fold_detection
from anomaly_operator.api.text import to_text
from anomaly_operator.incidents.state import Incident, IncidentState
from anomaly_operator.incidents.transitions import Transition
from anomaly_operator.observe.read import anomaly_object
from anomaly_operator.spec.service import IncidentPlan
from anomaly_operator.world.objects import Meta, ServiceObject
from anomaly_operator.world.plan import Apply, ApplyStatus, Delete, Lookup
from anomaly_operator.world.view import Answer, ServiceView
from detector_runtime.commands.span import Scored, Span, joined
from detector_runtime.contract.detection import Detection, RunStatus, WindowReport
from detector_runtime.contract.text import unix
from detector_runtime.contract.vocabulary import MAX_WINDOWS, RunOutcome, Verdict

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lived:
    """All `transitions` in the order of time, the objects that are there at the end in the order of
    their making, and each confirmed one of the `incidents` as it was last, by its object's name."""

    transitions: tuple[Transition, ...]
    objects: tuple[Raw, ...]
    incidents: Mapping[str, Incident]


def lived(
    reports: Mapping[int, WindowReport], service: Meta, plan: IncidentPlan, step: int
) -> Lived:
    """The incidents of `service` over the windows in `reports` by row, each of `step` seconds."""
    cluster = _Cluster(service, Terms(plan, step))
    rows = sorted(reports)
    at = 0
    while at < len(rows):
        # What changes an incident comes window by window, as it does in a cluster, so that each
        # change has its own time; quiet stretches come as one run that catches up.
        count = 1 if cluster.running else _quiet(rows[at : at + MAX_WINDOWS], reports)
        windows = tuple(reports[row] for row in rows[at : at + count])
        cluster.take(_document(windows, step))
        at += count
    return Lived(tuple(cluster.transitions), tuple(cluster.objects.values()), cluster.incidents)


def _quiet(rows: list[int], reports: Mapping[int, WindowReport]) -> int:
    """How many windows from the first on are Normal and without a gap; 1 where not even that is."""
    count = 0
    for row in rows:
        if row != rows[0] + count or reports[row].verdict is not Verdict.NORMAL:
            break
        count += 1
    return max(count, 1)


def _document(windows: tuple[WindowReport, ...], step: int) -> Detection:
    span = Span(unix(windows[0].end) - step, unix(windows[-1].end), step)
    scored = Scored(span, windows, RunOutcome.SUCCEEDED)
    return joined(None, scored, "backtest", RunStatus(scored.outcome))


class _Cluster:
    """What an API server would keep of one service and its Anomaly objects."""

    def __init__(self, service: Meta, terms: Terms) -> None:
        self._terms = terms
        self._state = IncidentState()
        self._view = ServiceView(ServiceObject(service, None, incidents=terms.plan))
        self._version = 0
        self.transitions: list[Transition] = []
        self.objects: dict[str, Raw] = {}
        self.incidents: dict[str, Incident] = {}

    @property
    def running(self) -> bool:
        return self._state.running is not None

    def take(self, detection: Detection) -> None:
        now = unix(detection.scored_through)
        wrote = True
        while wrote:
            # Again after each write, as its own objects reach the operator by the watch: room for
            # a further incident is made only when the object of an old one says that it is over.
            folded = self._folded(detection, now)
            self._state = folded.state or self._state
            self.incidents.update(
                {one.anomaly: one for one in self._state.tracked if one.confirmed}
            )
            self.transitions.extend(folded.transitions)
            wrote = self._carry_out(folded, now)

    def _folded(self, detection: Detection, now: int) -> Folded:
        folded = fold_detection(self._view, self._state, detection, self._terms, now)
        if not folded.anomalies.lookups:
            return folded
        # nothing foreign is there
        answers: dict[Lookup, Answer] = dict.fromkeys(folded.anomalies.lookups)
        return fold_detection(
            replace(self._view, lookups=answers), self._state, detection, self._terms, now
        )

    def _carry_out(self, folded: Folded, now: int) -> bool:
        for action in folded.anomalies.actions:
            match action:
                case Apply():
                    self._make(dict(action.manifest), now)
                case ApplyStatus():
                    self.objects[action.target.name]["status"] = dict(action.status)
                case Delete():
                    self.objects.pop(action.target.name, None)
        if folded.anomalies.actions:
            seen = tuple(anomaly_object(one) for one in self.objects.values())
            self._view = replace(self._view, anomalies=seen)
        return bool(folded.anomalies.actions)

    def _make(self, manifest: Raw, now: int) -> None:
        metadata = dict(manifest["metadata"])
        name = str(metadata["name"])
        metadata |= {"creationTimestamp": to_text(now), "generation": 1}
        self.objects[name] = {**manifest, "metadata": metadata}


def document(objects: tuple[Raw, ...]) -> Raw:
    """Anomaly objects as `kubectl get anomalies -o json` prints them."""
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}
