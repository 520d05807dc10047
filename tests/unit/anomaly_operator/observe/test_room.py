"""One namespace's objects get no more room than its services need, and no service suffers."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly_operator.api import names
from anomaly_operator.observe.bare import LEAN
from anomaly_operator.observe.cache import Cache
from anomaly_operator.observe.crowded import PERIOD, Crowded
from anomaly_operator.observe.intake import Intake
from anomaly_operator.observe.read import MAX_LABELS, metadata
from anomaly_operator.observe.room import EACH, FIRST, OURS, size
from anomaly_operator.telemetry.metrics import Metrics
from anomaly_operator.world.objects import Child, JobState, Meta

Json = dict[str, Any]
MOST = FIRST + EACH
"""Bytes of a namespace with one service."""
FILL = 20_000
"""Characters of a label's worth of data that an editor adds to each object."""


def service(name: str = "checkout", namespace: str = "shop") -> Json:
    metadata = {"namespace": namespace, "name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"apiVersion": names.API_VERSION, "kind": "AnomalyService", "metadata": metadata}


PADDING = {f"{number:0300}/{number:063}": "v" * 63 for number in range(MAX_LABELS)}


def child(
    name: str, version: int = 5, *, kind: str = "ConfigMap", filled: bool = False, **more: Any
) -> Json:
    ours = {names.LABEL_WATCHED: "true", names.LABEL_SERVICE_UID: "uid-checkout"}
    metadata = {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-of-{name}",
        "resourceVersion": str(version),
        "labels": ours | (PADDING if filled else {}),
        "annotations": {names.ANNOTATION_CONFIG: "x" * (FILL if filled else 10)},
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


class Namespace:
    """One with a service; `left_out` counts the kinds that found no room."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.changes: list[Any] = []
        self.left_out: Counter[str] = Counter()
        self.intake = Intake(
            self.cache, self.changes.append, lambda meta: self.left_out.update([meta.kind])
        )
        self.watched(service())

    def watched(self, raw: Json) -> None:
        """It comes with a watch or a list."""
        value = self.intake.read(raw)
        if value is not None:
            self.intake.put(value)

    @property
    def held(self) -> int:
        return self.cache.room.held("shop")

    def kept(self) -> dict[tuple[str, str], Child]:
        return self.cache.children("shop", "uid-checkout")

    def fill(self) -> None:
        number = 0
        while not self.left_out:
            self.watched(child(f"filler-{number}", filled=True))
            number += 1


@pytest.mark.parametrize("kind", ["ConfigMap", "Job"])
def test_objects_with_the_uid_of_a_service_take_no_more_than_its_namespace_has(kind: str) -> None:
    found = Namespace()
    for number in range(1000):
        found.watched(child(f"filler-{number}", kind=kind, filled=True))
    assert found.held <= MOST
    assert found.left_out[kind] > 800
    assert found.held == sum(size(one) for one in found.kept().values())


def test_what_grows_once_it_is_known_finds_no_more_room_and_stays_known() -> None:
    found = Namespace()
    for number in range(400):
        found.watched(child(f"job-{number}", kind="Job"))
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    for number in range(400):
        found.watched(child(f"job-{number}", 6, kind="Job", filled=True, status=done))
    assert not found.left_out
    assert found.held <= MOST
    kept = found.kept()
    assert len(kept) == 400
    assert all(isinstance(one.state, JobState) and one.state.succeeded for one in kept.values())
    assert {one.meta.resource_version for one in kept.values()} == {"6"}
    labels = [one.meta.labels for one in kept.values()]
    assert any(len(one) == MAX_LABELS for one in labels)
    assert any(len(one) == 2 for one in labels)


def test_what_the_operator_has_written_finds_room_as_it_was_rendered() -> None:
    found = Namespace()
    found.fill()
    rendered = {"data": {"run.json": "x" * 3000}}
    found.intake.take(child("checkout-run-0", **rendered))
    assert b"xxx" in found.kept()["ConfigMap", "checkout-run-0"].body
    assert size(found.kept()["ConfigMap", "checkout-run-0"]) <= OURS
    found.intake.take(child("checkout-run-1", filled=True, **rendered))
    assert found.kept()["ConfigMap", "checkout-run-1"].body == LEAN


def test_what_was_cut_is_read_in_full_once_there_is_room() -> None:
    found = Namespace()
    found.watched(child("checkout-run-0", data={"run.json": "{}"}))
    found.fill()
    filled = child("checkout-run-0", 6, filled=True, data={"run.json": "{}"})
    found.watched(filled)
    assert found.kept()["ConfigMap", "checkout-run-0"].body == LEAN
    before = len(found.changes)
    found.watched(filled)
    assert len(found.changes) == before, "nothing new without room"
    for (kind, name), one in found.kept().items():
        if name.startswith("filler"):
            found.intake.remove(one.meta)
            assert (kind, name) not in found.kept()
    found.watched(filled)
    body = json.loads(found.kept()["ConfigMap", "checkout-run-0"].body)
    assert body["data"] == {"run.json": "{}"}
    assert found.held < EACH + size(found.kept()["ConfigMap", "checkout-run-0"])


def test_each_service_brings_room_and_no_other_namespace_has_less() -> None:
    found = Namespace()
    found.fill()
    full = len(found.kept())
    found.watched(service("cart"))
    found.watched(child("one-more", filled=True))
    assert len(found.kept()) == full + 1
    found.watched(service("basket", namespace="bank"))
    other = child("basket-run-0", data={"run.json": "{}"})
    other["metadata"] |= {
        "namespace": "bank",
        "labels": {names.LABEL_SERVICE_UID: "uid-basket", names.LABEL_WATCHED: "true"},
    }
    found.watched(other)
    assert found.cache.children("bank", "uid-basket")


def test_an_older_version_after_a_restore_takes_no_more_room_either() -> None:
    found = Namespace()
    found.watched(child("checkout-run-0", 9))
    found.fill()
    found.intake.rewind(child("checkout-run-0", 3, filled=True))
    kept = found.kept()["ConfigMap", "checkout-run-0"]
    assert (kept.body, kept.meta.resource_version) == (LEAN, "3")
    assert found.held <= MOST


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "put", "remove", "disown", "leave"]),
            st.integers(0, 80),
            st.booleans(),
        ),
        min_size=60,
        max_size=200,
    )
)
def test_whatever_happens_the_bound_holds_and_the_sum_is_that_of_what_is_kept(
    steps: list[tuple[str, int, bool]],
) -> None:
    found = Namespace()
    for number in range(60):
        found.watched(child(f"one-{number}", filled=True))
    assert found.left_out
    for version, (step, number, filled) in enumerate(steps, start=10):
        raw = child(f"one-{number}", version, filled=filled)
        match step:
            case "put":
                found.watched(raw)
            case "disown":
                raw["metadata"]["labels"] = {names.LABEL_WATCHED: names.WATCHED}
                found.watched(raw)
            case "remove":
                found.intake.remove(metadata(raw))
            case "leave":
                found.watched(service() if filled else service("cart"))
        assert found.held <= MOST + EACH
    kept = [found.cache.get(("ConfigMap", "shop", f"one-{number}")) for number in range(81)]
    assert found.held == sum(size(one) for one in kept if isinstance(one, Child))


def test_a_crowded_namespace_is_told_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    now, metrics = 0.0, Metrics("1.2.3")
    crowded = Crowded(metrics, lambda: now)
    with caplog.at_level(logging.WARNING):
        for namespace in ("shop", "bank"):
            for number in range(50):
                crowded(Meta("v1", "ConfigMap", namespace, f"filler-{number}", "", ""))
        assert len(caplog.records) == 2
        now = PERIOD
        crowded(Meta("v1", "ConfigMap", "shop", "filler", "", ""))
    assert len(caplog.records) == 3
    labels = {"kind": "ConfigMap"}
    value = metrics.registry.get_sample_value("anomaly_operator_objects_left_out_total", labels)
    assert value == 101
