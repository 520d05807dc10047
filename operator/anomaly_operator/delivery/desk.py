"""What is to be told to one receiver of one incident, from the cache and the ledger as they are.

It decides nothing by itself: it puts an incident, its service and its root together for `notify`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_operator.api.resources import ANOMALY, SERVICE
from anomaly_operator.delivery.ledger import Ledger
from anomaly_operator.incidents.state import IncidentPhase
from anomaly_operator.notify.edges import Edge, Mark
from anomaly_operator.notify.grouping import waits_until, withheld_until
from anomaly_operator.notify.message import Message, compose
from anomaly_operator.notify.owed import edge_key, owed
from anomaly_operator.notify.routes import wanted_by
from anomaly_operator.notify.subject import ServiceFacts, Subject, service_facts, subject_of
from anomaly_operator.observe.cache import Cache, Key
from anomaly_operator.settings.values import Settings
from anomaly_operator.status.scoring import read_scoring
from anomaly_operator.world.objects import AnomalyObject, ServiceObject


@dataclass(frozen=True, slots=True)
class Item:
    """`edge` None: the receiver was told of it and it goes on. `not_before`: unix seconds, 0 = now;
    infinite: not as long as nothing changes.
    """

    key: Key
    anomaly: AnomalyObject
    subject: Subject
    mark: Mark | None
    edge: Edge | None
    idempotency: str
    not_before: float = 0.0


class Desk:
    """Reads the cache anew each time."""

    def __init__(self, cache: Cache, settings: Settings, ledger: Ledger) -> None:
        self._cache, self._settings, self._ledger = cache, settings, ledger

    def unfinished(self) -> Iterator[Key]:
        """Incidents that somebody may have to be told of; the first look after a start."""
        for service in list(self._cache.services()):
            for anomaly in self._cache.anomalies(service.meta.uid):
                if self._open(anomaly):
                    yield anomaly.meta.key

    def _open(self, anomaly: AnomalyObject) -> bool:
        if anomaly.state != IncidentPhase.CLOSED.value or anomaly.undelivered:
            return True
        marks = self._ledger.marks(anomaly).values()
        return any(mark.edge not in {None, Edge.CLOSED} for mark in marks)

    def item(self, key: Key, receiver: str) -> Item | None:
        """None when there is nothing to tell, now or later."""
        anomaly = self._cache.get(key)
        if not isinstance(anomaly, AnomalyObject) or not anomaly.status or anomaly.meta.deleting:
            return None
        settings = self._settings.notifications
        found = subject_of(anomaly, self._facts(anomaly))
        mark = self._ledger.marks(anomaly).get(receiver)
        told = mark is not None and mark.edge is not None
        wanted = receiver in wanted_by(found, settings)
        held = self._held(found, receiver) if wanted else 0.0
        edge = owed(found, mark, wanted=wanted and (told or held != math.inf))
        if edge is None:
            active = told and found.running and mark is not None and mark.edge is not Edge.CLOSED
            return Item(key, anomaly, found, mark, None, "") if active else None
        wait = 0.0
        if not told:
            wait = max(held, waits_until(found, settings) if edge is Edge.OPENED else 0.0)
        return Item(key, anomaly, found, mark, edge, edge_key(found, edge, receiver), wait)

    def message(self, item: Item, now: int, *, reports: bool) -> Message:
        """`now` in unix seconds; `reports`: with the service's newest window, which costs reading
        its whole detection.
        """
        service = self._service(item.anomaly) if reports else None
        detection = read_scoring(service.detection).detection if service else None
        report = detection.report if detection else None
        settings = self._settings.notifications
        return compose(item.subject, item.edge, item.idempotency, settings, now=now, report=report)

    def symptoms(self, anomaly: AnomalyObject) -> list[Key]:
        """Incidents that wait for what becomes of this one."""
        found = subject_of(anomaly, ServiceFacts(anomaly.service))
        listed = found.status.get("symptoms")
        return [
            (ANOMALY.kind, str(one.get("namespace") or found.namespace), str(one.get("anomaly")))
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict)
        ]

    def _held(self, found: Subject, receiver: str) -> float:
        if found.symptom_of is None:
            return 0.0
        root = self._cache.get((ANOMALY.kind, *found.symptom_of))
        if not isinstance(root, AnomalyObject):
            return 0.0
        cause = subject_of(root, self._facts(root))
        wanted = receiver in wanted_by(cause, self._settings.notifications)
        return withheld_until(found, cause, self._ledger.marks(root).get(receiver), wanted=wanted)

    def _facts(self, anomaly: AnomalyObject) -> ServiceFacts:
        service = self._service(anomaly)
        namespace, spec = anomaly.meta.namespace, service.spec if service else None
        depended_on = any(self._cache.callers(namespace, anomaly.service))
        return service_facts(anomaly.service, spec, self._settings, depended_on=depended_on)

    def _service(self, anomaly: AnomalyObject) -> ServiceObject | None:
        found = self._cache.get((SERVICE.kind, anomaly.meta.namespace, anomaly.service))
        return found if isinstance(found, ServiceObject) else None
