"""Circles of dependsOn: who is in one, and who only leads into one."""

from __future__ import annotations

import pytest

from anomaly_operator.reconcile.dependencies import dependency_cycle
from anomaly_operator.world.objects import Sibling
from pretend.cluster import Cluster

NAMESPACE = tuple(
    Sibling(name, name, targets)
    for name, targets in (
        ("shop", ("cart", "gone")),
        ("cart", ("payments",)),
        ("payments", ("bank", "cart")),
        ("bank", ("payments",)),
        ("alone", ()),
    )
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cart", ("cart", "payments", "cart")),
        ("bank", ("bank", "payments", "bank")),
        ("shop", ()),
        ("alone", ()),
        ("unknown", ()),
    ],
)
def test_the_shortest_circle_through_a_service(name: str, found: tuple[str, ...]) -> None:
    assert dependency_cycle(name, NAMESPACE) == found


def test_a_circle_shows_in_one_condition_and_nowhere_else() -> None:
    cluster = Cluster()
    cluster.service("cart", dependsOn=[{"name": "checkout"}])
    cluster.service(dependsOn=[{"name": "cart"}])
    cluster.settle()
    found = cluster.condition("DependenciesResolved")
    assert (found["status"], found["reason"]) == ("False", "DependencyCycle")
    assert "checkout -> cart -> checkout" in found["message"]
    assert cluster.condition("Ready")["reason"] == "Training"
