"""A courier with its cluster, its ledger and clocks that a test moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from anomaly_operator.delivery.courier import Courier, Office
from anomaly_operator.delivery.desk import Desk
from anomaly_operator.delivery.ledger import Ledger
from anomaly_operator.delivery.post import Poster
from anomaly_operator.settings.notifications import NotificationSettings, Receiver
from anomaly_operator.telemetry.metrics import Metrics
from loopback.server import Answer, Asked, LoopbackServer
from pretend.told import BEGAN, anomaly
from tests.pretend.api_server import Json
from tests.pretend.cluster import SETTINGS, Cluster
from tests.pretend.loop import PretendKube


@dataclass
class Inbox:
    """What a receiver got, and what it answers: `script` first, then `answer`."""

    answer: Answer = field(default_factory=Answer)
    script: list[Answer] = field(default_factory=list)
    got: list[Asked] = field(default_factory=list)

    def respond(self, asked: Asked) -> Answer:
        self.got.append(asked)
        return self.script.pop(0) if self.script else self.answer

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(one.body) for one in self.got]


class Stage:
    """One receiver. `now` is the wall clock and the other clock as well."""

    def __init__(self, receiver: Receiver, **settings: Any) -> None:
        self.now = float(BEGAN + 3600)
        told = replace(NotificationSettings(receivers=(receiver,)), **settings)
        self.cluster = Cluster(settings=replace(SETTINGS, notifications=told), now=BEGAN)
        self.kube = PretendKube(self.cluster)
        intake = self.cluster.listen(self._changed)
        self.metrics = Metrics("1")
        cache = self.cluster.cache
        self.ledger = Ledger(self.kube, cache, intake, [receiver.name])  # type: ignore[arg-type]
        self.desk = Desk(cache, self.cluster.settings, self.ledger)
        office = Office(
            settings=told,
            desk=self.desk,
            ledger=self.ledger,
            poster=Poster(lambda: self.now),
            metrics=self.metrics,
            wall=lambda: self.now,
            clock=lambda: self.now,
            chance=lambda: 1.0,
        )
        self.courier = Courier(receiver, office)
        self._office = office

    def _changed(self, change: Any) -> None:
        if change.meta.kind == "Anomaly":
            self.courier.look(change.meta.key)

    def restart(self) -> None:
        """A new process: nothing is left but the objects."""
        receiver = self.courier._receiver
        old = self.cluster
        self.__init__(receiver)  # type: ignore[misc]
        self.cluster.objects = old.objects
        self.cluster._versions = old._versions
        for raw in list(old.objects.values()):
            self.cluster._intake.take(raw)

    def service(self, name: str = "checkout", **spec: Any) -> None:
        self.cluster.service(name, **spec)

    def incident(self, name: str = "checkout-9f2c1a7be01d-mi5k2x", **changes: Any) -> Json:
        """Make an Anomaly, or change its status."""
        raw = anomaly(name, **changes)
        known = self.cluster.objects.get(("Anomaly", raw["metadata"]["namespace"], name))
        if known:
            raw["metadata"] = known["metadata"]
            marks = known["status"].get("notifications")
            raw["status"] |= {"notifications": marks} if marks else {}
        return self.cluster._store(raw)

    def marks(self, name: str = "checkout-9f2c1a7be01d-mi5k2x") -> list[Json]:
        found: list[Json] = self.cluster.get("Anomaly", name)["status"].get("notifications", [])
        return found

    async def deliver(self) -> float:
        """Look, send, and write the marks; seconds until the next look without news."""
        wait = await self.courier.step()
        await self.ledger.flush()
        return wait

    def count(self, result: str) -> float:
        labels = {"receiver": self.courier.name, "result": result}
        return (
            self.metrics.registry.get_sample_value("anomaly_operator_notifications_total", labels)
            or 0.0
        )


def inbox(box: Inbox) -> LoopbackServer:
    """A server that puts requests into `box`."""
    return LoopbackServer(box.respond)
