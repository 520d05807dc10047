"""Whoever depends on whom, and whoever falls ill: all who are concerned are told, then silence."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api.resources import SERVICE
from anomaly_operator.api.text import to_text
from anomaly_operator.controller.routing import wishes
from anomaly_operator.reconcile.dependencies import dependencies
from anomaly_operator.world.objects import Sibling
from detector_runtime.contract.codec import encode
from pretend.cluster import Cluster

SERVICES = ("a", "b", "c", "d")
STEP = 120


class Namespace:
    """Services that are reconciled when the controller's routing says so, and only then."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.waiting: list[str] = []
        self.cluster.listen(self._heard)
        for name in SERVICES:
            self.cluster.service(name)
        self.run()

    def _heard(self, change: Any) -> None:
        for (kind, _, name), _ in wishes(change, self.cluster.cache):
            if kind == SERVICE.kind and name not in self.waiting:
                self.waiting.append(name)

    def run(self) -> None:
        for _ in range(200):
            if not self.waiting:
                return
            self.cluster.reconcile(self.waiting.pop(0))
        raise AssertionError(f"it does not settle: {self.waiting}")

    def happen(self, what: tuple[Any, ...]) -> None:
        match what:
            case ("depends", name, targets):
                others = sorted(set(targets) - {name})
                self.cluster.service(name, dependsOn=[{"name": one} for one in others])
            case ("judged", name, severity):
                self.windows(name, severity)
        self.run()

    def windows(self, name: str, severity: str) -> None:
        """Four windows of that severity; None: all of them were Normal."""
        begin = self.cluster.now - self.cluster.now % STEP
        self.cluster.now = end = begin + 4 * STEP
        listed = [
            {"end": to_text(at), "verdict": "Anomalous", "severity": severity, "score": "7"}
            for at in range(begin + STEP, end + 1, STEP)
            if severity != "None"
        ]
        span = {"scoredFrom": to_text(begin), "scoredThrough": to_text(end)}
        self.cluster.detect(name, windows=listed, **span)


HAPPENINGS = st.one_of(
    st.tuples(
        st.just("depends"), st.sampled_from(SERVICES), st.sets(st.sampled_from([*SERVICES, "gone"]))
    ),
    st.tuples(
        st.just("judged"), st.sampled_from(SERVICES), st.sampled_from(["None", "Low", "High"])
    ),
)


@settings(max_examples=25)
@given(history=st.lists(HAPPENINGS, max_size=10))
def test_every_status_says_how_the_services_below_stand_and_nothing_is_written_twice(
    history: list[tuple[Any, ...]],
) -> None:
    found = Namespace()
    for what in history:
        found.happen(what)
    siblings = [
        Sibling(one.meta.name, one.meta.uid, targets(one), one.severity, one.judged)
        for one in found.cluster.cache.services("shop")
    ]
    for name in SERVICES:
        below = dependencies(name, siblings)
        wanted = encode(below) if below.known else None
        assert found.cluster.status(name).get("dependencies") == wanted
    for name in SERVICES:
        found.cluster.settle(name)  # what time alone has changed since
    found.run()
    assert [found.cluster.plan(name).actions for name in SERVICES] == [()] * len(SERVICES)


def targets(service: Any) -> tuple[str, ...]:
    return tuple(one.name for one in service.spec.depends_on)
