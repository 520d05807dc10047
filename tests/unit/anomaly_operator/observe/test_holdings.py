"""Which Anomaly objects take a namespace's room, and which closed ones would give way."""

from __future__ import annotations

from dataclasses import replace

from anomaly_operator.api import names
from anomaly_operator.observe.cache import Cache
from anomaly_operator.world.crowd import Crowd
from anomaly_operator.world.objects import AnomalyObject, Meta, ServiceObject

LIMIT = 10


def service(uid: str = "uid-1", namespace: str = "shop", version: int = 1) -> ServiceObject:
    return ServiceObject(
        Meta("v1", "AnomalyService", namespace, "checkout", uid, str(version)), None
    )


def anomaly(at: int, *, closed: int = 0, severity: str = "High", version: int = 1) -> AnomalyObject:
    name = names.anomaly_name("checkout", "9f2c1a7be01d", at)
    labels = {names.LABEL_SERVICE_UID: "uid-1"}
    meta = Meta(
        "v1", "Anomaly", "shop", name, f"uid-{at}", str(version), labels=labels, owners=("uid-1",)
    )
    return AnomalyObject(
        meta,
        "checkout",
        "9f2c1a7be01d",
        "Closed" if closed else "Open",
        closed=closed,
        severity=severity,
        first_seen=at,
    )


def crowd(*values: AnomalyObject | ServiceObject) -> Crowd:
    cache = Cache()
    for value in values:
        cache.put(value)
    return cache.holdings.crowd(LIMIT, "uid-1")


def test_only_objects_of_a_service_that_is_there_count_under_the_decided_name() -> None:
    one = anomaly(60)
    renamed = replace(one, meta=replace(one.meta, name="mine"))
    disowned = replace(one, meta=replace(one.meta, owners=()))
    unlabelled = replace(one, meta=replace(one.meta, labels={}))
    elsewhere = replace(one, meta=replace(one.meta, namespace="bank"))
    name = names.anomaly_name("payments", one.fingerprint, one.first_seen)
    of_another = replace(one, service="payments", meta=replace(one.meta, name=name))
    assert crowd(service(), one).held == {"shop": 1}
    assert crowd(one, service()).held == {"shop": 1}
    for other in (renamed, disowned, unlabelled, elsewhere, of_another):
        assert crowd(service(), other).held == {}
    assert crowd(one).held == {}


def test_a_closed_object_that_lost_a_mark_is_an_incident_but_takes_no_room() -> None:
    """It never gives way either, so it would take the room for good."""
    one = anomaly(60, closed=900)
    for marks in ({"owners": ()}, {"labels": {}}):
        cache = Cache()
        cache.put(service())
        cache.put(replace(one, meta=replace(one.meta, **marks)))
        assert [found.closed for found in cache.anomalies("uid-1")] == [900]
        assert cache.holdings.crowd(1).held == {}
        assert cache.holdings.crowd(1).closed == {}


def test_what_gives_way_is_listed_mildest_and_oldest_first() -> None:
    rows = [anomaly(60 * number) for number in range(1, 7)]
    over = [
        anomaly(600, closed=900, severity="Low"),
        anomaly(660, closed=800, severity="Critical"),
        anomaly(720, closed=850, severity="Low"),
        anomaly(780, closed=700, severity="Medium"),
    ]
    found = crowd(service(), *rows, *over)
    assert found.crowded
    assert [one.closed for one in found.closed["shop"]] == [850, 900, 700, 800]


def test_the_count_follows_every_change() -> None:
    cache = Cache()
    for value in (service(), anomaly(60), anomaly(120, closed=300)):
        cache.put(value)
    cache.put(anomaly(60, closed=400, version=2))
    cache.put(service(version=2))
    assert cache.holdings.crowd(2).held == {"shop": 2}
    assert len(cache.holdings.crowd(2).closed["shop"]) == 2
    cache.holdings.gave("uid-1")
    assert cache.holdings.crowd(2, "uid-1").gave
    cache.remove(anomaly(60).meta)
    assert cache.holdings.crowd(2).held == {"shop": 1}
    cache.remove(service().meta)
    after = cache.holdings.crowd(2, "uid-1")
    assert (after.held, after.namespaces, after.gave) == ({}, 0, False)
