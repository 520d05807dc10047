"""Raw objects of a workload as values, and that no secret value passes."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.observe import workload as observe
from anomaly_operator.world.workload import ContainerEnd, NodeTrouble, Revision, Scaling

Json = dict[str, Any]
AT = "2026-11-18T11:00:00Z"
AT_SECONDS = 1_794_999_600


def replica_set(template: Json, number: str = "42", owner: str = "uid-1", **meta: Any) -> Json:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": "payments-bbb",
            "creationTimestamp": AT,
            "annotations": {"deployment.kubernetes.io/revision": number},
            "ownerReferences": [{"uid": owner}],
            **meta,
        },
        "spec": {"template": template},
    }


def container(**fields: Any) -> Json:
    return {"name": "app", "image": "shop/payments:1.9.0", **fields}


def parts(template: Json) -> dict[str, str]:
    found = observe.revision(replica_set(template), "uid-1")
    assert found is not None
    return dict(found.parts)


def test_a_replica_set_is_a_revision_of_its_owner_alone() -> None:
    raw = replica_set({"spec": {"containers": [container()]}})
    assert observe.revision(raw, "uid-1") == Revision(
        42, "payments-bbb", AT_SECONDS, (("app", "shop/payments:1.9.0"),)
    )
    assert observe.revision(raw, "uid-2") is None
    assert observe.revision(replica_set({}, number="x"), "uid-1") is None


def test_a_controller_revision_has_its_template_in_data() -> None:
    raw = {
        "metadata": {"name": "db-1", "creationTimestamp": AT, "ownerReferences": [{"uid": "u"}]},
        "revision": 7,
        "data": {"spec": {"template": {"spec": {"containers": [container()]}}}},
    }
    found = observe.revision(raw, "u")
    assert found is not None
    assert (found.number, found.images) == (7, (("app", "shop/payments:1.9.0"),))


def test_parts_have_names_and_no_values() -> None:
    template = {
        "metadata": {
            "annotations": {"checksum/config": "s3cret"},
            "labels": {"pod-template-hash": "bbb", "tier": "s3cret"},
        },
        "spec": {
            "serviceAccountName": "s3cret",
            "volumes": [{"name": "config", "configMap": {"name": "s3cret"}}],
            "containers": [
                container(
                    args=["--password=s3cret"],
                    env=[{"name": "TOKEN", "value": "s3cret"}],
                    envFrom=[{"configMapRef": {"name": "shared"}}, {"secretRef": {"name": "keys"}}],
                )
            ],
        },
    }
    found = parts(template)
    assert set(found) == {
        "annotation checksum/config",
        "label tier",
        "serviceAccountName",
        "volume config",
        "args",
        "env TOKEN",
        "ConfigMap shared",
        "Secret keys",
    }
    assert "s3cret" not in str(observe.revision(replica_set(template), "uid-1"))


def test_a_changed_value_is_another_digest_and_several_containers_are_told_apart() -> None:
    def of(value: str) -> dict[str, str]:
        env = [{"name": "LEVEL", "value": value}]
        both = [container(env=env), {"name": "proxy", "image": "p", "env": env}]
        return parts({"spec": {"containers": both}})

    assert set(of("a")) == {"env LEVEL of app", "env LEVEL of proxy"}
    assert of("a") == of("a")
    assert of("a") != of("b")


def test_the_last_end_of_a_container_counts_and_a_running_one_has_none() -> None:
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": AT}}
    pod = {
        "metadata": {"name": "p1"},
        "status": {
            "containerStatuses": [
                {"name": "app", "lastState": ended, "state": {"running": {}}},
                {"name": "job", "state": ended},
                {"name": "proxy", "state": {"running": {}}, "lastState": {}},
            ]
        },
    }
    assert list(observe.container_ends(pod)) == [
        ContainerEnd("p1", name, AT_SECONDS, "OOMKilled", 137) for name in ("app", "job")
    ]


@pytest.mark.parametrize(
    ("note", "before", "after"),
    [
        ("Scaled up replica set payments-bbb from 3 to 5", 3, 5),
        ("Scaled down replica set payments-bbb to 3 from 5", 5, 3),
        ("Scaled up replica set payments-bbb to 1", 0, 1),
        ("Scaled up ReplicaSet payments-bbb from 1 to 2", 1, 2),
    ],
)
def test_events_of_all_releases_tell_a_scaling(note: str, before: int, after: int) -> None:
    event = {"reason": "ScalingReplicaSet", "note": note, "deprecatedLastTimestamp": AT}
    assert observe.scaling(event) == Scaling("payments-bbb", AT_SECONDS, before, after)


@pytest.mark.parametrize(
    "event", [{"reason": "Other", "note": "Scaled up replica set a to 1"}, {"note": None}, {}]
)
def test_other_events_are_no_scaling(event: Json) -> None:
    assert observe.scaling(event) is None


def test_a_node_is_in_trouble_when_it_is_not_ready_or_under_pressure() -> None:
    conditions = [
        {"type": "Ready", "status": "Unknown", "lastTransitionTime": AT},
        {"type": "MemoryPressure", "status": "True", "lastTransitionTime": AT},
        {"type": "DiskPressure", "status": "False", "lastTransitionTime": AT},
    ]
    raw = {"metadata": {"name": "n1"}, "status": {"conditions": conditions}}
    assert list(observe.node_trouble(raw)) == [
        NodeTrouble("n1", "NotReady", AT_SECONDS),
        NodeTrouble("n1", "MemoryPressure", AT_SECONDS),
    ]


def test_a_selector_of_expressions_is_asked_for_as_it_is() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "track", "operator": "NotIn", "values": ["canary"]},
        {"key": "live", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    selector = {"matchLabels": {"app": "payments"}, "matchExpressions": expressions}
    text = "app=payments,tier in (a,b),track notin (canary),live,!old"
    assert observe.selector_text({"spec": {"selector": selector}}) == text


@pytest.mark.parametrize("odd", [None, 5, "x", [], {"spec": 3, "status": [], "metadata": None}])
def test_odd_objects_fail_nothing(odd: Any) -> None:
    raw = odd if isinstance(odd, dict) else {"spec": odd, "status": odd, "data": odd}
    assert observe.revision(raw, "u") is None
    assert list(observe.container_ends(raw)) == []
    assert list(observe.node_trouble(raw)) == []
    assert observe.selector_text(raw) == ""
    assert observe.node_name(raw) == ""
