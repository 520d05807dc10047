"""What others put on objects of their own costs the operator no memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.manifests.containment import contained
from anomaly_operator.observe.bare import is_bare
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.read import MAX_BODY, MAX_LABELS, child_object, service_object
from anomaly_operator.world.objects import Child

Json = dict[str, Any]
LARGE = "x" * 1_000_000
KEY = ("ConfigMap", "shop", "large")


def service() -> Json:
    metadata = {"namespace": "shop", "name": "checkout", "uid": "uid-1", "resourceVersion": "1"}
    return {"apiVersion": names.API_VERSION, "kind": "AnomalyService", "metadata": metadata}


def config_map(uid: str = "", namespace: str = "shop", **more: Any) -> Json:
    labels = {names.LABEL_WATCHED: "true"} | ({names.LABEL_SERVICE_UID: uid} if uid else {})
    metadata = {"namespace": namespace, "name": "large", "resourceVersion": "5", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata | more}


@pytest.mark.parametrize(("uid", "namespace"), [("", "shop"), ("uid-9", "shop"), ("uid-1", "x")])
def test_of_a_child_of_no_service_of_its_namespace_nothing_is_kept(
    uid: str, namespace: str
) -> None:
    intake = Intake(cache := Cache(), lambda _change: None)
    intake.take(service())
    owners = [{"uid": uid}] if uid else []
    labels = {f"example.com/{number}": "v" for number in range(5000)}
    raw = config_map(uid, namespace, ownerReferences=owners)
    raw["metadata"]["labels"] |= labels
    intake.take(raw | {"data": {"a": LARGE}})
    assert len(cache) == 1
    assert not cache.children("shop", "uid-1")


def test_of_a_child_that_is_nobodys_any_more_only_the_identity_is_kept() -> None:
    intake = Intake(cache := Cache(), lambda _change: None)
    intake.take(service())
    intake.take(config_map("uid-1"))
    assert cache.children("shop", "uid-1")
    disowned = config_map("uid-9") | {"data": {"a": LARGE}}
    disowned["metadata"]["resourceVersion"] = "6"
    intake.take(disowned)
    found = cache.get(KEY)
    assert is_bare(found)
    assert found is not None
    assert not found.meta.labels
    assert not found.meta.owners
    assert not cache.children("shop", "uid-1")


def test_a_child_that_came_before_its_service_is_filled_in_later() -> None:
    intake = Intake(cache := Cache(), lambda _change: None)
    raw = config_map("uid-1") | {"data": {"run.json": "b"}}
    intake.take(raw)
    assert cache.get(KEY) is None
    intake.take(service())
    intake.take(raw)
    found = cache.get(KEY)
    assert isinstance(found, Child)
    assert b'"run.json":"b"' in found.body
    assert intake.read(raw) is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("CronJob", "another"),
        ("ServiceAccount", "another"),
        ("Role", "another"),
        ("RoleBinding", "another"),
        ("PersistentVolumeClaim", "another"),
    ],
)
def test_of_a_kind_with_one_name_for_a_service_no_other_name_is_kept(kind: str, name: str) -> None:
    intake = Intake(cache := Cache(), lambda _change: None)
    intake.take(service())
    metadata = config_map("uid-1")["metadata"] | {"name": name}
    intake.take({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": {"a": LARGE}})
    assert cache.get((kind, "shop", name)) is None


def test_the_cronjob_of_a_service_is_kept() -> None:
    intake = Intake(cache := Cache(), lambda _change: None)
    intake.take(service())
    name = names.cron_job_name("checkout", "uid-1")
    metadata = config_map("uid-1")["metadata"] | {"name": name}
    intake.take({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata})
    assert list(cache.children("shop", "uid-1")) == [("CronJob", name)]


def test_a_child_of_ours_keeps_no_body_that_we_would_not_render() -> None:
    raw = config_map("uid-1", annotations={"note": LARGE, names.ANNOTATION_CONFIG: "c"})
    more = {"binaryData": {"a": LARGE}, "data": {"a": LARGE, "run.json": LARGE}}
    body = child_object(raw | more).body
    assert names.ANNOTATION_CONFIG.encode() in body
    assert len(body) < 1000


def test_a_config_map_that_others_pad_is_still_as_rendered_and_an_edit_of_ours_is_seen() -> None:
    rendered = config_map() | {"data": {"run.json": "x" * 10_000, "served.json": "{}"}}
    live = config_map("uid-1") | {"data": rendered["data"] | {"a": LARGE}}

    def as_rendered(**data: str) -> bool:
        body = child_object(live | {"data": live["data"] | data}).body
        return contained(rendered, json.loads(body), ())

    assert as_rendered()
    assert as_rendered(more="b")
    assert not as_rendered(**{"run.json": "x" * 10_001})
    assert not as_rendered(**{"served.json": "{ }"})
    digest = json.loads(child_object(live).body)["data"]["run.json"]
    assert not as_rendered(**{"run.json": json.dumps(digest)})


def test_a_body_too_large_to_keep_is_neither_bare_nor_as_rendered() -> None:
    rendered = {
        **config_map("uid-1"),
        "kind": "ServiceAccount",
        "automountServiceAccountToken": False,
    }
    found = child_object(rendered | {"secrets": [{"name": "x" * MAX_BODY}]})
    assert not is_bare(found)
    assert not contained(rendered, json.loads(found.body), ())
    assert len(found.body) < 1000


def test_labels_and_owners_of_a_service_are_bounded_and_ours_come_first() -> None:
    raw = service()
    others = {f"a{number}": "v" for number in range(5000)}
    raw["metadata"] |= {
        "labels": others | {names.LABEL_SERVICE_UID: "u"},
        "ownerReferences": [{"uid": str(number)} for number in range(9000)],
    }
    meta = service_object(raw).meta
    assert len(meta.labels) == MAX_LABELS
    assert meta.labels[names.LABEL_SERVICE_UID] == "u"
    assert len(meta.owners) == 16
