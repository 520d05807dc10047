"""A service's life on a real control plane: changed, paused, pinned, deleted and made again, while
the API server, the operator or a training is not there.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import (
    FILES,
    POLICY,
    SELDOM,
    SERVICE,
    Watched,
    manifest,
    namespace,
    operator_writes,
    running_operator,
    with_crds,
)
from watched.recordings import HISTORY, STEP, Recording

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(900)]

SERVICES = ("asked", "paused", "pinned", "reborn", "judged")


@dataclass(frozen=True)
class Shop:
    """Services that are trained. `doomed`: a namespace that will be deleted."""

    cluster: Sandbox
    watched: Watched
    doomed: Watched
    operator: LocalOperator


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with_crds(sandbox)
    with ExitStack() as stack:
        watched, doomed = (stack.enter_context(namespace(sandbox, n)) for n in ("life", "doomed"))
        calm = recording().csv()
        watched.files(calm=calm, reborn=calm)
        doomed.files(calm=calm)
        folder = tmp_path_factory.mktemp("life")
        settings = {"sources": {"files": FILES}}
        spaces = [watched.name, doomed.name]
        operator = stack.enter_context(running_operator(sandbox, folder, spaces, settings))
        watched.apply(manifest("SLOPolicy", "web", {**POLICY, **selecting("judged")}))
        for name in SERVICES:
            file = {"parameters": {"file": "reborn.csv"}} if name == "reborn" else {}
            spec = {**SERVICE, **SELDOM, **file}
            watched.apply(manifest("AnomalyService", name, spec, {"app": name}))
        doomed.service("checkout", **SELDOM)
        for name in SERVICES:
            watched.wait(lambda n=name: watched.serves(n), 240)
        yield Shop(sandbox, watched, doomed, operator)


def recording(slow_for: int = 0) -> Recording:
    """A history and an hour ahead, with trouble in the newest `slow_for` seconds
    before now and in the hour.
    """
    now = int(time.time()) // STEP * STEP
    slow_from = now - slow_for if slow_for else now + 7200
    return Recording(now - HISTORY, now + 3600, slow_from, now + 7200)


def selecting(app: str) -> dict[str, Any]:
    return {"serviceSelector": {"matchLabels": {"app": app}}}


def events(watched: Watched, service: str, reason: str) -> list[dict[str, Any]]:
    return [
        one
        for one in watched.cluster.list("events", watched.name)
        if one["reason"] == reason and one["involvedObject"]["name"] == service
    ]


@contextmanager
def frozen_training(watched: Watched, service: str) -> Iterator[dict[str, Any]]:
    """The first training of `service`, stopped in the middle and let go in the end."""

    def container() -> tuple[dict[str, Any], int] | None:
        for job in watched.trainings(service):
            labels = f"batch.kubernetes.io/job-name={job['metadata']['name']}"
            for pod in watched.cluster.list("pods", watched.name, labels=labels):
                name = pod["metadata"]["name"]
                for record in watched.cluster.containers(name, watched.name):
                    return job, record.pid
        return None

    job, pid = watched.wait(container, 180, "a container that trains")
    os.kill(pid, signal.SIGSTOP)
    yield job
    os.kill(pid, signal.SIGCONT)


def test_a_training_that_is_asked_for_is_done_once(shop: Shop) -> None:
    watched, request = shop.watched, "2026-11-23T10:00:00Z"
    old = watched.revision("asked")
    note = {"metadata": {"annotations": {names.ANNOTATION_TRAIN_REQUESTED: request}}}
    shop.cluster.api.patch("asvc", "asked", watched.name, note)
    watched.wait(lambda: watched.revision("asked") != old, 180, "another revision")
    assert watched.status("asked")["lastHandledTrainRequest"] == request
    shop.operator.kill()
    shop.operator.start().wait_until_leading()
    # The same words once more, beside something that is new.
    shop.cluster.api.patch("asvc", "asked", watched.name, note)
    watched.patch("asked", {"incidents": {"maxKept": 7}})
    generation = watched.get("asked")["metadata"]["generation"]
    watched.wait(lambda: watched.status("asked")["observedGeneration"] == generation)
    reasons = [
        job["metadata"]["annotations"][names.ANNOTATION_TRAIN_REASON]
        for job in watched.trainings("asked")
    ]
    assert reasons == ["FirstModel", "Requested"]


def test_an_unknown_pin_names_the_known_revisions_and_a_known_one_is_served(shop: Shop) -> None:
    watched = shop.watched
    first = watched.revision("pinned")
    watched.patch("pinned", {"modelRevision": "20200101-000000-abcdef"})
    seen = watched.await_condition("pinned", "Ready", "UnknownRevision")
    assert seen.status == "False"
    assert (
        "`spec.modelRevision` names 20200101-000000-abcdef, which is not on the volume"
        in seen.message
    )
    assert f"pin one of {first}" in seen.message
    assert watched.revision("pinned") == first
    watched.patch("pinned", {"modelRevision": first})
    assert watched.await_condition("pinned", "ModelReady", "Pinned").status == "True"
    # Trained anew, it still serves what the pin says; without the pin it serves the newest.
    note = {"metadata": {"annotations": {names.ANNOTATION_TRAIN_REQUESTED: "1"}}}
    shop.cluster.api.patch("asvc", "pinned", watched.name, note)
    watched.wait(lambda: len(watched.status("pinned")["training"]["revisions"]) == 2, 180)
    assert watched.revision("pinned") == first
    watched.patch("pinned", {"modelRevision": ""})
    watched.wait(lambda: watched.revision("pinned") != first)


def test_a_suspended_service_rests_and_a_resumed_one_goes_on(shop: Shop) -> None:
    watched = shop.watched
    watched.score("paused")
    watched.await_condition("paused", "Detecting", "Detecting")
    revision, through = watched.revision("paused"), watched.scored_through("paused")
    watched.patch("paused", {"suspend": True})
    watched.wait(lambda: watched.status("paused")["state"] == "Suspended")
    assert watched.condition("paused", "Ready").reason == "Suspended"
    cron_job = watched.status("paused")["references"]["inferenceCronJob"]
    live = shop.cluster.get("cronjobs", cron_job, watched.name)
    assert live is not None
    assert live["spec"]["suspend"] is True
    watched.patch("paused", {"suspend": False})
    watched.wait(lambda: watched.status("paused")["state"] == "Healthy")
    live = shop.cluster.get("cronjobs", cron_job, watched.name)
    assert live is not None
    assert live["spec"]["suspend"] is False
    watched.score_news("paused")
    assert watched.scored_through("paused") > through
    assert watched.revision("paused") == revision
    assert len(watched.trainings("paused")) == 1
    for reason in ("Suspended", "Resumed"):
        watched.wait(lambda r=reason: len(events(watched, "paused", r)) == 1)


def test_a_service_made_again_under_its_name_inherits_nothing(shop: Shop) -> None:
    watched = shop.watched
    watched.replace_file("reborn", recording(slow_for=180).csv())
    watched.open_incident("reborn")
    old, revision = watched.get("reborn"), watched.revision("reborn")
    cron_job = watched.status("reborn")["references"]["inferenceCronJob"]
    shop.cluster.kubectl("delete", "asvc", "reborn", "-n", watched.name, check=True)
    watched.replace_file("reborn", recording().csv())
    watched.service("reborn", parameters={"file": "reborn.csv"}, **SELDOM)
    watched.wait(lambda: watched.revision("reborn"), 180, "a model of its own")
    new = watched.get("reborn")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert watched.revision("reborn") != revision
    status = watched.status("reborn")
    assert status["incidents"]["open"] == 0
    assert status["incidents"].get("tracked", []) == []
    assert "detection" not in status
    assert len(status["training"]["revisions"]) == 1
    watched.wait(lambda: not watched.anomalies("reborn"), what="the old incident is gone")
    watched.wait(lambda: shop.cluster.get("cronjobs", cron_job, watched.name) is None)
    watched.score("reborn")
    watched.wait(lambda: watched.status("reborn")["state"] == "Healthy")


def test_a_policy_that_changes_reaches_the_service(shop: Shop) -> None:
    watched = shop.watched
    watched.score("judged")
    watched.await_condition("judged", "SLOMet", "WithinObjectives")
    strict = {"latency": {"acceptable": "10ms", "warning": "20ms", "critical": "50ms"}}
    config = watched.status("judged")["references"]["config"]
    shop.cluster.api.patch("slop", "web", watched.name, {"spec": {"thresholds": strict}})
    watched.wait(lambda: watched.status("judged")["references"]["config"] != config)
    watched.score_news("judged")
    seen = watched.await_condition("judged", "SLOMet", "ObjectivesBreached")
    assert seen.status == "False"


def test_of_two_policies_the_older_holds_and_both_are_told(shop: Shop) -> None:
    watched = shop.watched
    watched.apply(manifest("SLOPolicy", "rival", {**POLICY, **selecting("judged")}))
    seen = watched.await_condition("judged", "SLOMet", "PolicyConflict")
    assert "SLOPolicy web applies because it is the oldest; rival select" in seen.message
    watched.wait(lambda: len(events(watched, "judged", "PolicyConflict")) == 1)

    def rival() -> str:
        found = shop.cluster.get("slop", "rival", watched.name) or {}
        listed = found.get("status", {}).get("conditions", [])
        return "".join(one["message"] for one in listed if one["reason"] == "PolicyConflict")

    assert "An older policy also selects judged" in watched.wait(rival)
    watched.patch("judged", {"sloPolicyRef": {"name": "rival"}})
    watched.wait(lambda: watched.status("judged")["slo"]["policy"] == "rival")
    assert watched.condition("judged", "SLOMet").reason != "PolicyConflict"


def test_a_spec_that_changes_while_it_trains_is_trained_for(shop: Shop) -> None:
    watched = shop.watched
    watched.service("hurried", **SELDOM)
    with frozen_training(watched, "hurried") as first:
        two = SERVICE["metrics"][:2]
        watched.patch("hurried", {"metrics": two})
        generation = watched.get("hurried")["metadata"]["generation"]
        watched.wait(lambda: watched.status("hurried")["observedGeneration"] == generation)
        assert len(watched.trainings("hurried")) == 1
    watched.wait(lambda: len(watched.trainings("hurried")) == 2, 180, "a second training")
    second = watched.trainings("hurried")[1]
    notes = second["metadata"]["annotations"]
    assert notes[names.ANNOTATION_TRAIN_REASON] == "SpecChange"
    inputs = notes[names.ANNOTATION_TRAIN_INPUTS]
    assert inputs != first["metadata"]["annotations"][names.ANNOTATION_TRAIN_INPUTS]
    watched.wait(lambda: watched.status("hurried").get("model", {}).get("inputs") == inputs, 180)
    watched.score("hurried")
    watched.await_condition("hurried", "Detecting", "Detecting")


def test_an_api_server_that_restarts_while_it_trains_costs_nothing(shop: Shop) -> None:
    watched = shop.watched
    watched.service("patient", **SELDOM)
    with frozen_training(watched, "patient"):
        shop.cluster.restart_apiserver(pause=2.0)
    watched.wait(lambda: watched.revision("patient"), 180, "a model")
    assert len(watched.trainings("patient")) == 1
    assert shop.operator.alive()
    watched.wait(lambda: watched.serves("patient"))
    watched.score("patient")
    watched.await_condition("patient", "Detecting", "Detecting")


def test_a_namespace_that_went_while_the_operator_was_down_is_forgotten(shop: Shop) -> None:
    shop.doomed.wait(lambda: shop.doomed.revision("checkout"), 180, "a model")
    shop.operator.kill()
    shop.cluster.api.delete("namespaces", shop.doomed.name)
    shop.cluster.wait_for(lambda: shop.cluster.get("namespaces", shop.doomed.name) is None, 180)
    log = shop.cluster.audit().since_now()
    shop.operator.start().wait_until_leading()
    shop.watched.patch("paused", {"suspend": True})
    shop.watched.wait(lambda: shop.watched.status("paused")["state"] == "Suspended")
    assert operator_writes(log, shop.doomed.name) == []
    errors = [line for line in shop.operator.lines() if line["level"] == "ERROR"]
    assert errors == []
