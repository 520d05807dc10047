"""Which changes are found in what was read of a workload, their order, and their words."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from anomaly_operator.anomalies.changes.change import (
    MAX_CHANGES,
    MAX_OF_KIND,
    TEXT_BYTES,
    Change,
    ChangeKind,
    Start,
    leading,
    ranked,
    read_changes,
)
from anomaly_operator.anomalies.changes.find import changes_of
from anomaly_operator.anomalies.changes.rollouts import RESTARTED, sides
from anomaly_operator.anomalies.changes.words import explained, worded
from anomaly_operator.world.workload import (
    ContainerEnd,
    NodeTrouble,
    Revision,
    Scaling,
    Workload,
)
from detector_runtime.contract.codec import encode
from detector_runtime.contract.vocabulary import MAX_ACTIONS

NOW = 1_795_000_020
START = Start(NOW - 120, NOW)
HOUR = 3600
OLD = Revision(41, "payments-aaa", NOW - 9 * HOUR, (("app", "ghcr.io/shop/payments:1.8.3"),))
NEW = Revision(42, "payments-bbb", START.begin - 180, (("app", "ghcr.io/shop/payments:1.9.0"),))


def found(**parts: object) -> tuple[Change, ...]:
    workload = replace(Workload("Deployment", "payments"), **parts)  # type: ignore[arg-type]
    changes = changes_of(workload, "shop", START.begin - HOUR)
    return worded(ranked(changes, START), START)


def texts(**parts: object) -> list[str]:
    return [one.text for one in found(**parts)]


def test_a_rollout_names_its_images_and_its_distance() -> None:
    assert texts(revisions=(NEW, OLD)) == [
        "Rollout 42 of Deployment shop/payments (image 1.8.3 -> 1.9.0), 3 min before the start"
    ]


@pytest.mark.parametrize(
    ("parts", "kind", "detail"),
    [
        ((("env LOG_LEVEL", "b"),), ChangeKind.CONFIG, "env LOG_LEVEL"),
        ((("ConfigMap payments", "x"), ("env LOG_LEVEL", "a")), ChangeKind.CONFIG, None),
        (((RESTARTED, "1"), ("env LOG_LEVEL", "a")), ChangeKind.CONFIG, "restart by kubectl"),
        (((RESTARTED, "1"), ("env LOG_LEVEL", "b")), ChangeKind.CONFIG, "env LOG_LEVEL"),
        ((), ChangeKind.CONFIG, "env LOG_LEVEL"),
        ((("env LOG_LEVEL", "a"),), ChangeKind.ROLLOUT, ""),
    ],
)
def test_a_rollout_of_the_same_images_names_what_else_changed(
    parts: tuple[tuple[str, str], ...], kind: ChangeKind, detail: str | None
) -> None:
    before = replace(OLD, parts=(("env LOG_LEVEL", "a"),))
    after = replace(NEW, images=OLD.images, parts=parts)
    (one,) = found(revisions=(before, after))
    assert (one.kind, one.subject, one.before, one.after) == (kind, "42", "", "")
    assert one.detail == ("ConfigMap payments" if detail is None else detail)


def test_many_changed_parts_are_counted() -> None:
    after = replace(NEW, parts=tuple((f"env V{n}", "a") for n in range(6)))
    (one,) = found(revisions=(OLD, after))
    assert one.detail == "env V0, env V1, env V2 and 3 more"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("shop/a:1", "shop/a:2", ("1", "2")),
        ("shop/a", "shop/a:2", ("latest", "2")),
        ("localhost:5000/a:1", "localhost:5000/a:2", ("1", "2")),
        ("shop/a:1", "shop/b:1", ("shop/a:1", "shop/b:1")),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "1" * 64, ("0" * 12, "1" * 12)),
        (
            "a:v1@sha256:" + "0" * 64,
            "a:v1@sha256:" + "1" * 64,
            (f"v1@{'0' * 12}", f"v1@{'1' * 12}"),
        ),
        ("", "shop/a:2", ("", "2")),
    ],
)
def test_images_are_shown_by_what_differs(before: str, after: str, shown: tuple[str, str]) -> None:
    assert sides(before, after) == shown


def test_an_undo_begins_when_the_old_replica_set_is_scaled_up_again() -> None:
    bad = replace(NEW, created=START.begin - 30 * 60)
    undone = replace(OLD, number=43)
    up, down = Scaling(OLD.name, START.begin - 60, 0, 3), Scaling(NEW.name, START.begin - 50, 3, 0)
    changes = found(revisions=(undone, bad), scalings=(up, down))
    assert [(one.subject, one.before, one.after, one.at) for one in changes] == [
        ("43", "1.9.0", "1.8.3", up.at),
        ("42", "", "1.9.0", bad.created),
    ]
    assert [one.subject for one in found(revisions=(undone, bad))] == ["42"]


def test_the_first_revision_has_nothing_to_be_compared_with() -> None:
    assert [(one.before, one.after, one.detail) for one in found(revisions=(NEW,))] == [
        ("", "1.9.0", "")
    ]


def test_restarts_are_one_a_container_and_the_closest_to_the_start() -> None:
    ends = (
        ContainerEnd("p1", "app", START.begin - 1200, "Error", 1),
        ContainerEnd("p2", "app", START.begin - 240, "Error", 2),
        ContainerEnd("p3", "app", START.begin - 60, "OOMKilled", 137),
        ContainerEnd("p1", "proxy", START.end + 300, "Completed", 0),
        ContainerEnd("p9", "app", START.begin - 2 * HOUR, "Error", 9),
    )
    whose = "of Deployment shop/payments"
    assert texts(ends=ends) == [
        f"An out-of-memory kill of container app {whose} (1 pod), 1 min before the start",
        f"A restart of container app {whose} (2 pods, exit code 2), 4 min before the start",
        f"A restart of container proxy {whose} (1 pod, exit code 0), 7 min after the start",
    ]


def test_a_scaling_counts_and_a_rolling_update_is_none() -> None:
    scaled = Scaling(OLD.name, START.begin - 1800, 3, 5)
    rolling = (Scaling(NEW.name, NEW.created + 90, 1, 2), Scaling(OLD.name, NEW.created + 95, 5, 4))
    born = Scaling("payments-ccc", START.begin - 3000, 0, 3)
    young = replace(OLD, name="payments-ccc", created=born.at - 5)
    assert texts(scalings=(scaled, *rolling)) == [
        "Scaling of Deployment shop/payments (3 -> 5 replicas), 30 min before the start"
    ]
    kinds = [one.kind for one in found(revisions=(young,), scalings=(born,))]
    assert kinds == [ChangeKind.ROLLOUT]


def test_trouble_of_a_node_names_it() -> None:
    nodes = (
        NodeTrouble("n1", "MemoryPressure", START.begin + 30),
        NodeTrouble("n2", "NotReady", 5),
    )
    assert texts(nodes=nodes) == [
        (
            "Trouble of node n1, which runs pods of Deployment shop/payments (MemoryPressure), "
            "at the start"
        )
    ]


def scaling(at: int) -> Change:
    return Change(at, ChangeKind.SCALED, "Deployment shop/a", before="1", after="2")


def rollout(at: int, subject: str) -> Change:
    return Change(at, ChangeKind.ROLLOUT, "Deployment shop/a", subject)


def test_an_autoscaler_and_crashing_containers_do_not_crowd_out_the_rollout() -> None:
    early = rollout(START.begin - 3000, "42")
    noise = [scaling(START.begin - 60 * n) for n in range(1, 20)]
    kinds = (ChangeKind.RESTART, ChangeKind.OOM_KILLED, ChangeKind.NODE)
    noise += [
        Change(START.begin - 90 * n, kind, "Deployment shop/a", f"c{n}")
        for kind in kinds
        for n in range(1, 9)
    ]
    chosen = ranked([*noise, early], START)
    assert len(chosen) == MAX_CHANGES
    assert chosen[-1] == early
    assert leading(chosen, START) == early
    assert max(Counter(one.kind for one in chosen).values()) == MAX_OF_KIND
    assert ranked([*chosen, *noise], START) == chosen


def test_those_before_the_start_come_first_the_closest_at_the_head_and_eight_at_most() -> None:
    minutes = (-9, -1, 4, 2, -3, 8, -20, 30, 31)
    changes = [rollout(START.begin + 60 * n, str(n)) for n in minutes]
    order = [(one.at - START.begin) // 60 for one in ranked(changes, START)]
    assert order == [-1, -3, -9, -20, 2, 4, 8, 30]
    assert len(order) == MAX_CHANGES


def test_the_order_of_what_was_read_is_nothing() -> None:
    some = [scaling(START.begin - n) for n in (1, 2)]
    some += [replace(some[0], kind=kind, subject="42") for kind in ChangeKind if kind.deployed]
    results = {ranked(order, START) for order in itertools.permutations(some)}
    assert len(results) == 1


def test_what_was_named_once_stays_when_its_pod_is_gone() -> None:
    before = found(ends=(ContainerEnd("p1", "app", START.begin - 60, "OOMKilled", 137),))
    again = ranked(
        [*read_changes({"changes": encode(before)}), *found(revisions=(OLD, NEW))], START
    )
    assert [one.kind for one in again] == [ChangeKind.OOM_KILLED, ChangeKind.ROLLOUT]
    assert ranked([*again, *again], START) == again


def test_what_cannot_be_read_is_left_out() -> None:
    good = encode(found(revisions=(OLD, NEW)))
    assert len(read_changes({"changes": [*good, {"kind": "Rollout"}, "x", {"at": 1}]})) == 1
    assert read_changes({"changes": "none"}) == ()


EXPLANATION = {"summary": "Latency is 812 ms.", "recommendedActions": ["look"] * MAX_ACTIONS}


def test_the_explanation_names_the_rollout_and_how_to_undo_it() -> None:
    said = explained(EXPLANATION, found(revisions=(OLD, NEW)), START)
    assert said["summary"] == (
        "Latency is 812 ms. It began 3 min after rollout 42 of Deployment shop/payments "
        "(image 1.8.3 -> 1.9.0)."
    )
    assert said["recommendedActions"] == [
        (
            "Compare or undo rollout 42 of Deployment shop/payments: "
            "kubectl rollout undo deployment/payments -n shop"
        ),
        *["look"] * (MAX_ACTIONS - 1),
    ]


def test_the_rollout_comes_before_the_kill_that_follows_from_it() -> None:
    ends = (ContainerEnd("p1", "app", START.begin - 60, "OOMKilled", 137),)
    lead = leading(found(revisions=(OLD, NEW), ends=ends), START)
    assert lead is not None
    assert lead.kind is ChangeKind.ROLLOUT


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (ChangeKind.RESTART, "kubectl logs deployment/payments -c app --previous -n shop"),
        (ChangeKind.OOM_KILLED, "memory limit of container app of Deployment shop/payments"),
        (ChangeKind.SCALED, "Check that 5 replicas of Deployment shop/payments are enough"),
        (ChangeKind.NODE, "kubectl describe node app"),
    ],
)
def test_each_kind_has_its_action(kind: ChangeKind, action: str) -> None:
    workload = "Deployment shop/payments"
    one = Change(START.begin - 60, kind, workload, subject="app", before="3", after="5")
    assert action in explained(EXPLANATION, (one,), START)["recommendedActions"][0]


def test_an_argo_rollout_is_undone_by_its_own_plugin() -> None:
    one = Change(START.begin, ChangeKind.ROLLOUT, "Rollout shop/payments", subject="7", after="2")
    said = explained(EXPLANATION, (one,), START)
    assert said["recommendedActions"][0].endswith("kubectl argo rollouts undo payments -n shop")
    assert "It began with rollout 7 of Rollout shop/payments (image 2)." in said["summary"]


def test_a_change_after_the_start_explains_nothing() -> None:
    assert explained(EXPLANATION, (scaling(START.end),), START) == EXPLANATION
    assert explained(EXPLANATION, (), START) == EXPLANATION


def test_long_names_are_cut_to_what_the_schema_takes() -> None:
    image = "registry.example/" + "x" * 200
    moved = replace(NEW, images=(("app", f"{image}:1"),), parts=(("env " + "y" * 300, "a"),))
    (one,) = found(revisions=(OLD, moved))
    assert len(one.before) <= 96
    assert len(one.after) <= 96
    assert len(one.detail) <= 128
    assert len(one.text) <= TEXT_BYTES
    said = explained({**EXPLANATION, "summary": "z" * 1000}, (one,), START)
    assert len(said["summary"]) <= 512
    assert all(len(action) <= 320 for action in said["recommendedActions"])
