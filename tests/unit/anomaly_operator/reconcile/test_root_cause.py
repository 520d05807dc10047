"""What Anomaly objects say of one another: one root, its symptoms, few writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from anomaly_operator.reconcile import service
from anomaly_operator.reconcile.root_cause import MAX_SYMPTOMS
from anomaly_operator.settings.values import DependencySettings
from pretend.cluster import SETTINGS
from pretend.graph import STEP, Graph, detection

THREE: Mapping[str, Sequence[str]] = {
    "gateway": ["checkout"],
    "checkout": ["payments"],
    "payments": [],
}
CHAIN: Mapping[str, Sequence[str]] = {"web": ["gateway"], **THREE}
ONE_FAULT = {"gateway": "waits", "checkout": "waits", "payments": "slow"}


@dataclass(frozen=True)
class Scenario:
    """`fault`: what the windows of which service show. `roots`: whom each incident names."""

    calls: Mapping[str, Sequence[str]]
    fault: Mapping[str, str]
    roots: Mapping[str, str]
    stores: Sequence[str] = field(default=())


SCENARIOS = {
    "a chain of four": Scenario(
        CHAIN,
        {"web": "waits", **ONE_FAULT},
        {"web": "payments", "gateway": "payments", "checkout": "payments", "payments": ""},
    ),
    "a cushioned dependency": Scenario(CHAIN, {"payments": "slow"}, {"payments": ""}),
    "a shared database": Scenario(
        {"orders": ["orders-db"], "stock": ["orders-db"], "orders-db": []},
        {"orders": "database", "stock": "database", "orders-db": "store"},
        {"orders": "orders-db", "stock": "orders-db", "orders-db": ""},
        stores=("orders-db",),
    ),
    "two independent faults": Scenario(
        CHAIN,
        {"checkout": "database", "payments": "slow"},
        {"checkout": "", "payments": ""},
    ),
    "a target without data": Scenario(
        CHAIN,
        {"gateway": "waits", "checkout": "waits"},
        {"gateway": "checkout", "checkout": ""},
    ),
}


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_cascade_has_its_root_in_whatever_order_it_is_looked_at(
    name: str, seed: int | None
) -> None:
    scenario = SCENARIOS[name]
    shop = Graph(scenario.calls, scenario.stores, seed)
    shop.windows(4, **scenario.fault)
    assert shop.roots() == scenario.roots
    for root in scenario.roots:
        symptoms = sorted(one for one, of in scenario.roots.items() if of == root)
        assert shop.symptoms(root) == symptoms
        assert shop.said(root).get("symptomCount", 0) == len(symptoms)


@pytest.mark.parametrize("seed", range(8))
def test_a_circle_has_one_root_and_the_others_are_its_symptoms(seed: int) -> None:
    shop = Graph({"a": ["b"], "b": ["c"], "c": ["a"]}, seed=seed)
    shop.windows(5, a="waits", b="waits", c="waits")
    roots = shop.roots()
    (root,) = {name for name, of in roots.items() if not of}
    assert {of for of in roots.values() if of} == {root}
    assert shop.symptoms(root) == sorted(set("abc") - {root})


@pytest.mark.parametrize(("often", "seldom"), [("ads", "payments"), ("payments", "ads")])
def test_of_two_slow_dependencies_the_one_that_is_called_often_is_the_root(
    often: str, seldom: str
) -> None:
    calls: Mapping[str, Sequence[str]] = {
        "checkout": ["ads", "payments"],
        "ads": [],
        "payments": [],
    }
    rates = {"checkout": 100.0, often: 90.0, seldom: 2.0}
    shop = Graph(calls, rates=rates)
    shop.windows(4, checkout="waits", ads="slow", payments="slow")
    assert shop.roots() == {"checkout": often, "ads": "", "payments": ""}


def test_root_and_symptom_name_one_another_in_full() -> None:
    shop = Graph(THREE)
    shop.windows(4, **ONE_FAULT)
    payments, gateway = shop.anomaly("payments"), shop.said("gateway")
    assert gateway["rootCause"] == {
        "service": "payments",
        "namespace": "shop",
        "anomaly": payments["metadata"]["name"],
        "confidence": "90%",
        "path": ["gateway", "checkout", "payments"],
        "verdict": "ChainDegraded",
    }
    assert gateway["symptomOf"] == payments["metadata"]["name"]
    assert payments["status"]["symptoms"][0] == {
        "service": "checkout",
        "namespace": "shop",
        "anomaly": shop.anomaly("checkout")["metadata"]["name"],
        "severity": "High",
    }
    assert "rootCause" not in payments["status"]


def test_a_service_whose_dependencies_are_well_says_so() -> None:
    shop = Graph({"checkout": ["payments"], "payments": []})
    shop.window(checkout="slow")
    status = shop.cluster.status("payments")
    shop.cluster.put("AnomalyService", "payments", status={**status, "state": "Healthy"})
    shop.cluster.now += STEP
    shop.cluster.detect("checkout", **detection(shop.cluster.now, ["slow", "slow"]))
    shop.cluster.settle("checkout")
    assert shop.said("checkout")["rootCause"] == {"verdict": "DependenciesHealthy"}
    shop.work()


def test_windows_of_a_dependency_wake_its_callers_only_when_the_answer_can_change() -> None:
    shop = Graph(THREE)
    woken: list[set[str]] = []
    for kind in ("slow", "slow", "slow", "slow", "", "", "", ""):
        shop.cluster.now += STEP
        shop.cluster.detect("payments", **detection(shop.cluster.now, [kind]))
        assert shop.waiting == ["payments"]
        while "payments" in shop.waiting:
            shop.waiting.remove("payments")
            shop.cluster.reconcile("payments")
        woken.append(set(shop.waiting))
        shop.work()
    opened = closed = {"checkout", "gateway"}
    assert woken == [set(), opened, set(), set(), set(), set(), closed, set()]


def writes_of(seed: int | None) -> int:
    shop = Graph(THREE, seed=seed)
    before = shop.cluster.writes
    shop.windows(6, **ONE_FAULT)
    shop.windows(5)
    assert {raw["status"]["state"] for raw in shop.cluster.of_kind("Anomaly")} == {"Closed"}
    return shop.cluster.writes - before


@pytest.mark.parametrize("seed", [None, *range(6)])
def test_one_fault_in_three_services_costs_three_writes_more_at_most(
    seed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = writes_of(seed)
    monkeypatch.setattr(service, "parts", lambda _: ())
    assert found - writes_of(seed) <= 3


def test_a_root_that_closes_first_stays_the_root_until_the_last_has_closed() -> None:
    shop = Graph(THREE)
    shop.windows(3, **ONE_FAULT)
    shop.windows(4, gateway="waits", checkout="waits")
    assert shop.said("payments")["state"] == "Closed"
    assert shop.roots() == {"gateway": "payments", "checkout": "payments", "payments": ""}
    shop.windows(5)
    assert {raw["status"]["state"] for raw in shop.cluster.of_kind("Anomaly")} == {"Closed"}
    assert shop.roots() == {"gateway": "payments", "checkout": "payments", "payments": ""}
    assert shop.symptoms("payments") == ["checkout", "gateway"]
    for name in shop.names:
        assert shop.cluster.settle(name) == 0


def test_a_deleted_root_is_still_named() -> None:
    shop = Graph(THREE)
    shop.windows(3, **ONE_FAULT)
    shop.cluster.remove("AnomalyService", "payments")
    shop.names = ("gateway", "checkout")
    shop.waiting = [one for one in shop.waiting if one != "payments"]
    shop.windows(3, gateway="waits", checkout="waits")
    assert shop.roots() == {"gateway": "payments", "checkout": "payments"}


def test_a_better_root_of_a_later_window_takes_over_with_one_event() -> None:
    """checkout is found first, and payments, where it comes from, two windows later."""
    shop = Graph(THREE)
    shop.windows(2, gateway="waits", checkout="waits")
    assert shop.roots() == {"gateway": "checkout", "checkout": ""}
    assert shop.symptoms("checkout") == []
    shop.window(**ONE_FAULT)
    assert shop.symptoms("checkout") == ["gateway"]
    shop.windows(3, **ONE_FAULT)
    assert shop.roots() == {"gateway": "payments", "checkout": "payments", "payments": ""}
    assert shop.symptoms("checkout") == []
    told = [one for one in shop.cluster.events if one.reason == "RootCauseChanged"]
    moved = [one.message for one in told if "instead of checkout" in one.message]
    payments = shop.anomaly("payments")["metadata"]["name"]
    gateway = shop.anomaly("gateway")["metadata"]["name"]
    assert moved == [
        f"Anomaly {gateway} is now traced to Anomaly {payments} of payments instead of checkout."
    ]


def test_a_spec_that_becomes_unusable_keeps_what_was_said() -> None:
    shop = Graph(THREE)
    shop.windows(3, **ONE_FAULT)
    spec = shop.cluster.get("AnomalyService", "gateway")["spec"]
    shop.cluster.put("AnomalyService", "gateway", spec={**spec, "timeZone": "Nowhere"})
    shop.windows(2, **ONE_FAULT)
    assert shop.roots()["gateway"] == "payments"


def test_many_symptoms_are_counted_and_the_worst_listed() -> None:
    callers = [f"s{number:02}" for number in range(MAX_SYMPTOMS + 1)]
    shop = Graph({**{name: ["payments"] for name in callers}, "payments": []})
    shop.windows(3, payments="slow", **dict.fromkeys(callers, "waits"))
    said = shop.said("payments")
    assert (len(said["symptoms"]), said["symptomCount"]) == (MAX_SYMPTOMS, len(callers))


@pytest.mark.parametrize("after", range(0, 14, 2))
def test_killed_between_any_two_writes_it_names_the_same_root(after: int) -> None:
    undisturbed = Graph(THREE)
    undisturbed.windows(5, **ONE_FAULT)
    shop = Graph(THREE)
    shop.cluster.kill_after = shop.cluster.writes + after
    shop.windows(5, **ONE_FAULT)
    assert shop.roots() == undisturbed.roots()
    assert shop.symptoms("payments") == undisturbed.symptoms("payments")


OPEN = frozenset({"platform"})


def across(allowed: frozenset[str]) -> Graph:
    """checkout of the namespace shop depends on ledger of the namespace platform."""
    settings = SETTINGS.__class__(
        sources=SETTINGS.sources, dependencies=DependencySettings(allowed)
    )
    return Graph({"checkout": ["platform/ledger"]}, settings=settings)


def test_a_dependency_in_a_namespace_that_is_not_open_is_a_condition() -> None:
    shop = across(frozenset())
    found = shop.cluster.condition("DependenciesResolved")
    assert (found["status"], found["reason"]) == ("False", "DependencyNotAllowed")
    assert "platform/ledger" in found["message"]
    assert shop.cluster.condition("Ready")["reason"] == "Training"


def test_a_dependency_that_is_missing_in_another_namespace_is_a_condition() -> None:
    shop = across(OPEN)
    found = shop.cluster.condition("DependenciesResolved")
    assert (found["status"], found["reason"]) == ("False", "DependencyMissing")
    shop.cluster.put(
        "AnomalyService", "ledger", "platform", spec={"preset": "OpenTelemetrySpanMetrics"}
    )
    shop.work()
    found = shop.cluster.condition("DependenciesResolved")
    assert (found["status"], found["reason"]) == ("True", "Resolved")


def test_a_root_in_another_namespace_is_named_with_it() -> None:
    shop = across(OPEN)
    ill = Graph({"ledger": []})
    ill.cluster.now = shop.cluster.now
    ill.windows(3, ledger="slow")
    there = ill.cluster.get("AnomalyService", "ledger")
    shop.cluster.put(
        "AnomalyService", "ledger", "platform", spec=there["spec"], status=there["status"]
    )
    shop.windows(3, checkout="waits")
    said = shop.said("checkout")
    ledger = ill.anomaly("ledger")["metadata"]["name"]
    assert said["rootCause"]["service"] == "ledger"
    assert said["rootCause"]["namespace"] == "platform"
    assert said["rootCause"]["path"] == ["checkout", "platform/ledger"]
    assert said["symptomOf"] == f"platform/{ledger}"
    unhealthy = shop.cluster.status("checkout")["dependencies"]["unhealthy"]
    assert [one["name"] for one in unhealthy] == ["platform/ledger"]
    assert [one.meta.name for one in shop.cluster.cache.symptoms("platform", ledger)] == [
        shop.anomaly("checkout")["metadata"]["name"]
    ]
