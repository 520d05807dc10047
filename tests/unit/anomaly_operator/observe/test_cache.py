"""The cache, and the routing of its changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.controller import routing
from anomaly_operator.controller.workqueue import Priority
from anomaly_operator.observe.cache import Cache, Change
from anomaly_operator.observe.read import service_object
from anomaly_operator.world.objects import (
    AnomalyObject,
    Child,
    ClaimState,
    JobState,
    Meta,
    PolicyObject,
    ServiceObject,
)


def meta(kind: str, name: str, version: int = 1, namespace: str = "shop", **more: Any) -> Meta:
    uid = more.pop("uid", f"uid-{name}")
    return Meta("v1", kind, namespace, name, uid, str(version), **more)


def service(name: str = "checkout", version: int = 1, **more: Any) -> ServiceObject:
    detection = more.pop("detection", b"")
    return ServiceObject(meta("AnomalyService", name, version, **more), None, detection=detection)


def policy(name: str = "web", version: int = 1, **more: Any) -> PolicyObject:
    return PolicyObject(meta("SLOPolicy", name, version, **more), None)


def job(name: str, owner: str, version: int = 1, **state: Any) -> Child:
    return Child(meta("Job", name, version, owners=(owner,)), b"", JobState(**state))


def child(name: str, *owners: str, version: int = 1, kind: str = "ConfigMap") -> Child:
    return Child(meta(kind, name, version, owners=owners), b"")


def keys(change: Change, cache: Cache) -> dict[str, Priority]:
    return {key[2]: priority for key, priority in routing.wishes(change, cache)}


def test_older_news_do_not_replace_newer_ones() -> None:
    cache = Cache()
    cache.put(service(version=5))
    assert cache.put(service(version=4)) is None
    assert cache.put(service(version=5)) is None
    assert cache.put(service(version=6)) is not None


def test_a_late_delete_of_a_namesake_spares_the_new_one() -> None:
    cache = Cache()
    cache.put(service(version=9, uid="new"))
    assert cache.remove(meta("AnomalyService", "checkout", 8, uid="old")) is None
    assert cache.service("shop", "checkout") is not None


def test_children_are_found_by_owner_by_label_and_as_shared() -> None:
    cache = Cache()
    cache.put(child("owned", "uid-checkout"))
    labelled = child("labelled")
    label = {names.LABEL_SERVICE_UID: "uid-checkout"}
    cache.put(replace(labelled, meta=replace(labelled.meta, labels=label)))
    cache.put(child(names.MODELS_CLAIM, "uid-other", kind="PersistentVolumeClaim"))
    cache.put(child("foreign", "uid-other"))
    found = cache.children("shop", "uid-checkout")
    assert set(found) == {
        ("ConfigMap", "owned"),
        ("ConfigMap", "labelled"),
        ("PersistentVolumeClaim", names.MODELS_CLAIM),
    }


def test_a_child_that_changes_its_owner_moves() -> None:
    cache = Cache()
    cache.put(child("one", "uid-a"))
    cache.put(child("one", "uid-b", version=2))
    assert cache.children("shop", "uid-a") == {}
    assert ("ConfigMap", "one") in cache.children("shop", "uid-b")


def test_a_sweep_removes_what_was_neither_listed_nor_heard_of() -> None:
    cache = Cache()
    cache.put(service("ghost"))
    cache.put(service("listed"))
    sweep = cache.begin_sweep("AnomalyService")
    sweep.seen.add(("AnomalyService", "shop", "listed"))
    cache.put(service("fresh", version=7))
    gone = cache.finish_sweep(sweep)
    assert [change.meta.name for change in gone] == ["ghost"]
    assert {item.meta.name for item in cache.services()} == {"listed", "fresh"}


def test_what_is_deleted_during_a_list_does_not_come_back_from_a_late_page() -> None:
    cache = Cache()
    cache.put(service("a", version=3))
    sweep = cache.begin_sweep("AnomalyService")
    cache.remove(meta("AnomalyService", "a", 4))
    assert cache.put(service("a", version=3)) is None
    cache.finish_sweep(sweep)
    assert cache.service("shop", "a") is None


def test_a_sweep_of_one_namespace_spares_the_others() -> None:
    cache = Cache()
    cache.put(service("here"))
    cache.put(service("there", namespace="billing"))
    gone = cache.finish_sweep(cache.begin_sweep("AnomalyService", ["shop"]))
    assert [change.meta.name for change in gone] == ["here"]


events = st.lists(
    st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from("ab"), st.integers(1, 8)),
    max_size=30,
)


@given(events)
def test_indexes_hold_exactly_what_the_cache_holds(steps: list[tuple[str, str, int]]) -> None:
    cache = Cache()
    for verb, name, version in steps:
        value = child(name, f"uid-{version % 3}", version=version)
        cache.put(value) if verb == "put" else cache.remove(value.meta)
    held = list(cache._objects.values())
    assert cache.count("ConfigMap") == len(held)
    for uid in ("uid-0", "uid-1", "uid-2"):
        expected = {value.meta.name for value in held if uid in value.meta.owners}
        assert {name for _, name in cache.children("shop", uid)} == expected


def test_a_new_detection_is_urgent_and_another_change_is_not() -> None:
    cache = Cache()
    old = service()
    detected = Change(old, service(version=2, detection=b"{}"))
    assert keys(detected, cache)["checkout"] is Priority.DETECTION
    assert keys(Change(old, service(version=2)), cache)["checkout"] is Priority.CHANGE
    assert keys(Change(None, service(detection=b"{}")), cache)["checkout"] is Priority.CHANGE


def test_a_policy_concerns_the_services_of_its_namespace_when_its_terms_change() -> None:
    cache = Cache()
    for item in (service("a"), service("b"), service("c", namespace="billing"), policy()):
        cache.put(item)
    changed = Change(policy(generation=1), policy(version=2, generation=2))
    assert set(keys(changed, cache)) == {"web", "a", "b"}
    status_only = Change(policy(generation=2), policy(version=3, generation=2))
    assert set(keys(status_only, cache)) == {"web"}


def test_a_service_that_comes_or_goes_concerns_the_policies() -> None:
    cache = Cache()
    cache.put(policy())
    assert set(keys(Change(None, service()), cache)) == {"checkout", "web"}
    assert set(keys(Change(service(), None), cache)) == {"checkout", "web", ""}, "and its namespace"
    assert set(keys(Change(service(), service(version=2)), cache)) == {"checkout"}


def test_a_service_that_comes_or_goes_concerns_those_that_depend_on_it() -> None:
    """Also in a circle, as services call one another; a change of it concerns nobody else."""
    cache = Cache()
    shop, stock = (_calling("shop", "stock"), _calling("stock", "shop"))
    cache.put(shop)
    assert keys(Change(None, stock), cache) == {"shop": Priority.RESYNC, "stock": Priority.CHANGE}
    cache.put(stock)
    assert set(keys(Change(stock, replace(stock, detection=b"{}")), cache)) == {"stock"}
    going = replace(stock, meta=replace(stock.meta, deleting=True))
    assert set(keys(Change(stock, going), cache)) == {"shop", "stock"}
    assert set(keys(Change(stock, None), cache)) == {"shop", "stock"}


def _calling(name: str, other: str) -> ServiceObject:
    spec = {"preset": "OpenTelemetrySpanMetrics", "dependsOn": [{"name": other}]}
    metadata = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
    kind = {"apiVersion": names.API_VERSION, "kind": SERVICE.kind}
    found = service_object({**kind, "metadata": metadata, "spec": spec})
    assert found.spec is not None
    return found


def test_a_child_concerns_its_owners_before_and_after() -> None:
    cache = Cache()
    cache.put(service("a"))
    cache.put(service("b"))
    change = Change(child("one", "uid-a"), child("one", "uid-b", version=2))
    assert set(keys(change, cache)) == {"a", "b"}


def test_an_edit_of_what_all_share_wakes_a_few_and_a_lost_claim_wakes_all() -> None:
    cache = Cache()
    for number in range(20):
        cache.put(_calling(f"s{number:02}", "none"))
    old = child("anomaly-models", kind="PersistentVolumeClaim")
    few = {f"s{number:02}" for number in range(routing.MENDERS)}
    assert set(keys(Change(old, replace(old, body=b"{}")), cache)) == few
    assert set(keys(Change(old, None), cache)) == few
    assert len(keys(Change(old, replace(old, state=ClaimState("Lost"))), cache)) == 20
    assert set(keys(Change(old, None), Cache())) == {""}, "its namespace, where no service is left"


def test_an_incident_concerns_the_service_that_it_names() -> None:
    cache = Cache()
    incident = AnomalyObject(meta("Anomaly", "i"), "checkout", "f", "Open")
    assert keys(Change(incident, None), cache) == {"checkout": Priority.CHANGE}
