"""What a service is told of those that it depends on: circles, and whose incidents."""

from __future__ import annotations

import pytest

from anomaly_operator.api.text import to_text
from anomaly_operator.observe.read import JUDGED
from anomaly_operator.reconcile.dependencies import dependencies, dependency_cycle
from anomaly_operator.status.readiness import State
from anomaly_operator.world.objects import Sibling
from detector_runtime.contract.codec import decode
from detector_runtime.contract.dependencies import (
    MAX_UNHEALTHY,
    Dependencies,
    UnhealthyDependency,
)
from detector_runtime.contract.vocabulary import Severity
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


def chain(length: int, **severities: Severity) -> list[Sibling]:
    """s0 calls s1, which calls s2, and so on; all of them are judged."""
    return [
        Sibling(f"s{n}", f"s{n}", (f"s{n + 1}",), severities.get(f"s{n}", Severity.NONE), True)
        for n in range(length)
    ]


def test_the_nearest_and_then_the_worst_come_first_and_five_steps_are_seen() -> None:
    services = chain(8, s1=Severity.MEDIUM, s4=Severity.CRITICAL, s6=Severity.CRITICAL)
    assert dependencies("s0", services) == Dependencies(
        known=5,
        unhealthy=(
            UnhealthyDependency("s1", Severity.MEDIUM, 1),
            UnhealthyDependency("s4", Severity.CRITICAL, 4),
        ),
    )
    assert dependencies("s7", services) == Dependencies()


def test_what_tells_nobody_and_what_is_not_judged_yet_is_neither_ill_nor_well() -> None:
    services = [
        Sibling("shop", "a", ("cart", "bank", "gone")),
        Sibling("cart", "b", (), Severity.LOW, judged=True),
        Sibling("bank", "c"),
    ]
    assert dependencies("shop", services) == Dependencies(known=1)


def test_a_circle_ends_and_names_the_service_itself_not_at_all() -> None:
    circle = [
        Sibling("a", "a", ("b",), Severity.HIGH, judged=True),
        Sibling("b", "b", ("a",), Severity.HIGH, judged=True),
    ]
    found = dependencies("a", circle)
    assert (found.known, [one.name for one in found.unhealthy]) == (1, ["b"])


def test_the_list_has_an_end() -> None:
    below = [Sibling(f"s{n:02}", "x", (), Severity.HIGH, judged=True) for n in range(20)]
    shop = Sibling("shop", "a", tuple(one.name for one in below))
    found = dependencies("shop", [shop, *below])
    assert (found.known, len(found.unhealthy)) == (20, MAX_UNHEALTHY)


def test_the_states_in_which_windows_are_judged_are_states() -> None:
    assert {one.value for one in State} > JUDGED


def ill(cluster: Cluster, name: str) -> None:
    """Two anomalous windows open an incident."""
    end = cluster.now - cluster.now % 120
    windows = [
        {"end": to_text(end - 120 * ago), "verdict": "Anomalous", "severity": "High", "score": "7"}
        for ago in (1, 0)
    ]
    span = {"scoredFrom": to_text(end - 360), "scoredThrough": to_text(end)}
    cluster.detect(name, windows=windows, **span)
    cluster.settle(name)


def test_an_incident_below_stands_in_the_status_that_the_scoring_pod_reads() -> None:
    cluster = Cluster()
    cluster.service("bank")
    cluster.service("cart", dependsOn=[{"name": "bank"}])
    cluster.service(dependsOn=[{"name": "cart"}])
    cluster.settle()
    assert "dependencies" not in cluster.status()
    ill(cluster, "bank")
    assert cluster.settle() == 1
    assert cluster.settle() == 0
    assert decode(Dependencies, cluster.status()["dependencies"]) == Dependencies(
        1, (UnhealthyDependency("bank", Severity.HIGH, 2),)
    )


def test_a_spec_that_cannot_be_used_leaves_no_old_news_of_others() -> None:
    cluster = Cluster()
    cluster.service("bank")
    cluster.service(dependsOn=[{"name": "bank"}])
    ill(cluster, "bank")
    cluster.settle()
    cluster.service(dependsOn=[{"name": "bank"}], source={"name": "gone"})
    cluster.settle()
    assert cluster.status()["dependencies"]["unhealthy"][0]["name"] == "bank"
    cluster.service(dependsOn=[{"name": "bank"}], timeZone="Nowhere")
    cluster.settle()
    assert "dependencies" not in cluster.status()
