"""What the operator made is deleted, edited, or in the way of somebody else's object."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import (
    FILES,
    SELDOM,
    SERVICE,
    Seen,
    Watched,
    manifest,
    namespace,
    operator_writes,
    reconciles,
    running_operator,
    with_crds,
)
from watched.recordings import HISTORY, STEP, Recording

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SERVICES = ("mended", "newer", "repeated")


@dataclass(frozen=True)
class Shop:
    """Services that are trained. `taken`: a namespace where names are taken by somebody else."""

    cluster: Sandbox
    watched: Watched
    taken: Watched
    operator: LocalOperator

    def looked_at(self, *services: str) -> None:
        """Return when the operator has looked at `services` once more."""
        before = reconciles(self.operator)
        for service in services:
            meta = {"metadata": {"annotations": {"look": str(time.monotonic())}}}
            self.cluster.api.patch("asvc", service, self.watched.name, meta)
        self.cluster.wait_for(lambda: reconciles(self.operator) >= before + len(services), 90)

    def child(self, kind: str, service: str = "mended") -> dict[str, Any]:
        """The child of a kind that serves `service` now."""
        found = self.find(kind, service)
        assert found is not None, f"no {kind} of {service}"
        return found

    def find(self, kind: str, service: str = "mended") -> dict[str, Any] | None:
        references = self.watched.status(service)["references"]
        own = {"cronjobs": "inferenceCronJob", "configmaps": "config"}
        name = references[own[kind]] if kind in own else names.RUNNER
        return self.cluster.get(kind, name, self.watched.name)


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with_crds(sandbox)
    with ExitStack() as stack:
        watched, taken = (stack.enter_context(namespace(sandbox, n)) for n in ("mended", "taken"))
        now = int(time.time()) // STEP * STEP
        for space in (watched, taken):
            space.files(calm=Recording(now - HISTORY, now + 3600).csv())
        spaces = [watched.name, taken.name]
        folder = tmp_path_factory.mktemp("children")
        settings = {"sources": {"files": FILES}}
        for name in SERVICES:
            watched.quiet_service(name)
        operator = stack.enter_context(running_operator(sandbox, folder, spaces, settings))
        for name in SERVICES:
            watched.wait(lambda n=name: watched.serves(n), 180)
        watched.settle(*SERVICES)
        yield Shop(sandbox, watched, taken, operator)


@pytest.mark.parametrize(
    "kind", ["cronjobs", "configmaps", "serviceaccounts", "roles", "rolebindings"]
)
def test_a_deleted_child_is_made_again(shop: Shop, kind: str) -> None:
    old = shop.child(kind)
    shop.cluster.api.delete(kind, old["metadata"]["name"], shop.watched.name)
    new = shop.watched.wait(lambda: shop.find(kind), what=f"another of {kind}")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    for part in ("spec", "data", "rules", "roleRef", "subjects"):
        assert new.get(part) == old.get(part)


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("cronjobs", {"spec": {"suspend": True, "schedule": "0 0 1 1 *"}}),
        ("roles", {"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]}),
        ("rolebindings", {"subjects": None}),
        ("serviceaccounts", {"automountServiceAccountToken": True}),
    ],
    ids=["schedule", "rights", "subjects", "token"],
)
def test_an_edited_child_is_as_it_was_before(shop: Shop, kind: str, edit: dict[str, Any]) -> None:
    old = shop.child(kind)
    shop.cluster.api.patch(kind, old["metadata"]["name"], shop.watched.name, edit)

    def repaired() -> bool:
        now = shop.child(kind)
        parts = ("spec", "rules", "subjects", "automountServiceAccountToken")
        return all(now.get(part) == old.get(part) for part in parts)

    shop.watched.wait(repaired, what=f"{kind} is repaired")
    assert shop.child(kind)["metadata"]["uid"] == old["metadata"]["uid"]


def test_a_child_that_was_disowned_is_not_fought_over(shop: Shop) -> None:
    old = shop.child("cronjobs")["metadata"]
    disowned = {"metadata": {"ownerReferences": None}}
    shop.cluster.api.patch("cronjobs", old["name"], shop.watched.name, disowned)
    seen = shop.watched.await_condition("mended", "Ready", "NameConflict")
    assert f"CronJob {old['name']}" in seen.message
    shop.cluster.api.delete("cronjobs", old["name"], shop.watched.name)
    shop.watched.await_condition("mended", "Ready", "Ready")
    assert shop.child("cronjobs")["metadata"]["uid"] != old["uid"]


def test_what_others_add_to_a_child_stays(shop: Shop) -> None:
    job = shop.child("cronjobs")["metadata"]["name"]
    mark = {"metadata": {"annotations": {"team": "payments"}, "labels": {"cost": "low"}}}
    log = shop.cluster.audit().since_now()
    shop.cluster.api.patch("cronjobs", job, shop.watched.name, mark)
    shop.looked_at("mended")
    assert operator_writes(log, shop.watched.name) == []
    assert shop.child("cronjobs")["metadata"]["labels"]["cost"] == "low"


def test_a_training_that_was_taken_in_may_be_deleted(shop: Shop) -> None:
    (job,) = shop.watched.trainings("mended")
    shop.cluster.api.delete("jobs", job["metadata"]["name"], shop.watched.name)
    shop.watched.wait(lambda: not shop.watched.trainings("mended"))
    shop.looked_at("mended")
    assert shop.watched.trainings("mended") == []
    assert shop.watched.condition("mended", "ModelReady").status == "True"


def test_an_object_of_somebody_else_is_named_and_left_alone(shop: Shop) -> None:
    taken = shop.taken
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    account = {"metadata": {"name": names.RUNNER, "labels": labels}}
    storage = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    claim = {"metadata": {"name": names.MODELS_CLAIM}, "spec": storage}
    foreign = {
        "serviceaccounts": shop.cluster.api.create("serviceaccounts", account, taken.name),
        "persistentvolumeclaims": shop.cluster.api.create(
            "persistentvolumeclaims", claim, taken.name
        ),
    }
    taken.service("checkout", **SELDOM)
    seen = taken.await_condition("checkout", "Ready", "NameConflict")
    assert seen.status == "False"
    assert f"ServiceAccount {names.RUNNER}" in seen.message
    assert f"PersistentVolumeClaim {names.MODELS_CLAIM}" in seen.message
    assert "rename or delete them" in seen.message
    assert taken.trainings("checkout") == []
    for kind, before in foreign.items():
        after = shop.cluster.get(kind, before["metadata"]["name"], taken.name)
        assert after is not None
        assert after["metadata"].get("ownerReferences") is None
        assert after["metadata"].get("labels") == before["metadata"].get("labels")

    def told() -> list[dict[str, Any]]:
        events = shop.cluster.list("events", taken.name)
        return [one for one in events if one["reason"] == "NameConflict"]

    # The Event follows the status.
    assert len(taken.wait(told)) == 1


def test_it_goes_on_when_the_name_is_free(shop: Shop) -> None:
    taken = shop.taken
    for kind, name in (
        ("serviceaccounts", names.RUNNER),
        ("persistentvolumeclaims", names.MODELS_CLAIM),
    ):
        shop.cluster.api.delete(kind, name, taken.name)
    # It would look again by itself within half a minute.
    look = {"metadata": {"annotations": {"look": "again"}}}
    shop.cluster.api.patch("asvc", "checkout", taken.name, look)
    taken.wait(lambda: taken.revision("checkout"), 240, "a model")
    assert taken.condition("checkout", "Stalled") == Seen("False", "Steady", "No action required.")


def test_a_status_of_a_newer_format_is_left_alone(shop: Shop) -> None:
    watched = shop.watched
    newer = {"status": {"formatVersion": names.STATUS_FORMAT_VERSION + 1}}
    shop.cluster.api.patch("asvc", "newer", watched.name, newer, sub="status")
    before = watched.status("newer")
    log = shop.cluster.audit().since_now()
    shop.cluster.api.delete("cronjobs", before["references"]["inferenceCronJob"], watched.name)
    watched.patch("newer", {"suspend": True})
    shop.looked_at("newer")
    assert operator_writes(log, watched.name) == []
    assert watched.status("newer") == before
    older = {"status": {"formatVersion": names.STATUS_FORMAT_VERSION}}
    shop.cluster.api.patch("asvc", "newer", watched.name, older, sub="status")
    watched.wait(lambda: watched.status("newer")["state"] == "Suspended")
    assert shop.child("cronjobs", "newer")["spec"]["suspend"] is True


def test_the_same_manifest_by_another_manager_changes_nothing(shop: Shop) -> None:
    watched = shop.watched
    spec = {**SERVICE, **SELDOM}
    text = yaml.safe_dump(manifest("AnomalyService", "repeated", spec))
    log = shop.cluster.audit().since_now()
    before = watched.get("repeated")
    other = ("--server-side", "--field-manager=gitops", "-n", watched.name, "-f", "-")
    for command in (("diff", "-n", watched.name, "-f", "-"), ("diff", *other)):
        done = shop.cluster.kubectl(*command, input=text)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    shop.cluster.kubectl("apply", *other, input=text, check=True)
    once = watched.get("repeated")
    assert once["metadata"]["generation"] == before["metadata"]["generation"]
    assert once["spec"] == before["spec"]
    shop.looked_at("repeated")
    shop.cluster.kubectl("apply", *other, input=text, check=True)
    done = shop.cluster.kubectl("diff", *other, input=text)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert watched.get("repeated")["status"] == before["status"]
    assert operator_writes(log, watched.name) == []


def test_an_operator_that_starts_again_writes_nothing(shop: Shop) -> None:
    shop.taken.wait(lambda: shop.taken.serves("checkout"))
    shop.taken.settle("checkout")
    log = shop.cluster.audit().since_now()
    shop.operator.kill()
    shop.operator.start().wait_until_leading()
    shop.cluster.wait_for(lambda: reconciles(shop.operator) >= len(SERVICES) + 1, 90)
    for space in (shop.watched, shop.taken):
        assert operator_writes(log, space.name) == []
