"""Symptoms under their root, and what the caller may not see unnamed."""

from __future__ import annotations

from anomaly_dashboard.views.filters import Filter
from anomaly_dashboard.views.open_roots import ROOTS, OpenRoots, open_roots
from anomaly_dashboard.watched.rows import IncidentRow
from anomaly_dashboard.watched.sight import Scope
from detector_runtime.contract.vocabulary import Severity
from unit.anomaly_dashboard.views.rows import a_service, an_incident

ALL = Scope(everywhere=True)
SHOP = Scope(namespaces=frozenset({"shop"}))


def roots(*rows: IncidentRow, scope: Scope = ALL, chosen: Filter | None = None) -> OpenRoots:
    return open_roots(rows, {}, scope, chosen or Filter())


def test_symptoms_stand_under_the_root_however_deep() -> None:
    found = roots(
        an_incident("gateway", symptom_of="checkout-1"),
        an_incident("checkout", symptom_of="bank/payments-1", severity=Severity.CRITICAL),
        an_incident("payments", "bank"),
    )
    assert [one.incident.service for one in found.shown] == ["payments"]
    assert [one.service for one in found.shown[0].symptoms] == ["checkout", "gateway"]
    assert (found.total, found.incidents) == (1, 3)


def test_a_root_that_the_caller_may_not_see_is_another_service() -> None:
    hidden = an_incident("checkout", root=("bank", "payments"), symptom_of="bank/payments-1")
    unnamed = an_incident("cart", symptom_of="bank/payments-1")
    found = roots(hidden, unnamed, scope=SHOP)
    assert {one.cause for one in found.shown} == {"another service"}
    assert roots(hidden).shown[0].cause == "bank/payments"


def test_incidents_that_name_one_another_are_all_shown() -> None:
    found = roots(an_incident("a", symptom_of="b-1"), an_incident("b", symptom_of="a-1"),
                  an_incident("c", symptom_of="c-1"))  # fmt: skip
    assert sorted(one.incident.service for one in found.shown) == ["a", "b", "c"]


def test_the_most_urgent_comes_first() -> None:
    found = roots(
        an_incident("late", missed=True, priority=10),
        an_incident("high", priority=50),
        an_incident("critical", severity=Severity.CRITICAL),
        an_incident("old", priority=50, since=1),
    )
    order = [one.incident.service for one in found.shown]
    assert order == ["critical", "late", "old", "high"]


def test_a_root_is_wanted_for_its_symptom() -> None:
    services = {("web", "gateway"): a_service("gateway", "web", category="Core")}
    rows = [an_incident("gateway", "web", symptom_of="bank/payments-1"),
            an_incident("payments", "bank"), an_incident("other", "bank")]  # fmt: skip
    for chosen in (Filter(namespace="web"), Filter(text="gate"), Filter(category="Core")):
        found = open_roots(rows, services, ALL, chosen)
        assert [one.incident.service for one in found.shown] == ["payments"]


def test_two_hundred_are_bounded_until_all_are_asked_for() -> None:
    rows = [an_incident(f"s{number}") for number in range(200)]
    found = roots(*rows)
    assert (len(found.shown), found.total) == (ROOTS, 200)
    assert len(roots(*rows, chosen=Filter(whole="incidents")).shown) == 200
