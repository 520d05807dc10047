"""A model that answers requests: its objects, its revision, and what the status says of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from anomaly_operator.api.names import LABEL_COMPONENT, LABEL_SERVICE_UID, serving_name
from anomaly_operator.api.text import to_text
from anomaly_operator.settings.serving import ServingSettings
from anomaly_operator.world.refusal import Withheld, refusal
from detector_runtime.contract.serving import SERVED_FILE
from pretend.cluster import SETTINGS, Cluster, serving, trained

ON = replace(SETTINGS, serving=ServingSettings(enabled=True))
WANTED = {"enabled": True}


def served(**plan: Any) -> Cluster:
    """A service with a model, whose Deployment has been made."""
    return serving(Cluster(settings=ON), serving={**WANTED, **plan})


def only(cluster: Cluster, kind: str) -> Any:
    (found,) = cluster.of_kind(kind)
    return found


def told(cluster: Cluster) -> Any:
    """What the pods are told."""
    (config,) = [one for one in cluster.of_kind("ConfigMap") if SERVED_FILE in one["data"]]
    return json.loads(config["data"][SERVED_FILE])


def come_up(cluster: Cluster, available: int = 1) -> None:
    """The Deployment's controller and the pods do their part."""
    deployment = only(cluster, "Deployment")
    wanted = deployment["spec"]["replicas"]
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": wanted,
        "updatedReplicas": wanted,
        "availableReplicas": available,
    }
    cluster.put("Deployment", deployment["metadata"]["name"], status=status)
    cluster.settle()


def promote(cluster: Cluster, number: int) -> str:
    """The revision of a training that went well."""
    cluster.now += 60
    cluster.put(
        "AnomalyService",
        "checkout",
        annotations={"anomaly-operator.dev/train-requested-at": str(number)},
    )
    cluster.settle()
    report = trained(cluster, number)
    cluster.end_training(report)
    cluster.settle()
    return report.revision


def test_a_service_that_does_not_ask_for_it_is_not_served() -> None:
    cluster = serving(Cluster(settings=ON))
    assert cluster.of_kind("Deployment") == [] == cluster.of_kind("Service")
    assert "serving" not in cluster.status()
    assert "Serving" not in [one["type"] for one in cluster.status()["conditions"]]


def test_while_the_administrator_has_it_off_the_condition_says_so() -> None:
    cluster = serving(Cluster(), serving=WANTED)
    assert cluster.of_kind("Deployment") == []
    found = cluster.condition("Serving")
    assert (found["status"], found["reason"]) == ("False", "ServingDisabled")
    assert "`serving.enabled` of the chart" in found["message"]
    assert cluster.condition("Ready")["status"] == "True"


def test_without_a_model_nothing_is_made_and_the_condition_says_why() -> None:
    cluster = Cluster(settings=ON)
    cluster.service(serving=WANTED)
    cluster.settle()
    assert cluster.of_kind("Deployment") == []
    assert cluster.condition("Serving")["reason"] == "NoModel"


def test_a_model_is_served_as_soon_as_a_pod_is_available() -> None:
    cluster = served()
    found = cluster.condition("Serving")
    assert (found["status"], found["reason"]) == ("Unknown", "RollingOut")
    assert 0 < (cluster.requeue_after or 0) <= 30
    come_up(cluster)
    found = cluster.condition("Serving")
    assert (found["status"], found["reason"]) == ("True", "Available")
    revision, name = cluster.status()["model"]["revision"], only(cluster, "Service")["metadata"]
    assert cluster.status()["serving"] == {
        "revision": revision,
        "endpoint": f"http://{name['name']}.shop.svc",
        "replicas": 1,
    }
    assert told(cluster)["revision"] == revision
    assert cluster.plan().actions == ()


def test_a_promotion_changes_what_the_pods_are_told_and_not_the_pods() -> None:
    cluster = served()
    come_up(cluster)
    before, deployment = told(cluster), only(cluster, "Deployment")["spec"]
    revision = promote(cluster, 2)
    assert told(cluster)["revision"] == revision != before["revision"]
    assert told(cluster)["since"] == to_text(cluster.now)
    assert only(cluster, "Deployment")["spec"] == deployment
    assert cluster.status()["serving"]["revision"] == revision


def test_the_time_of_a_promotion_stays() -> None:
    cluster = served()
    come_up(cluster)
    since = told(cluster)["since"]
    cluster.now += 3600
    cluster.restart()
    cluster.settle()
    assert told(cluster)["since"] == since


def test_a_pin_is_what_is_served() -> None:
    cluster = served()
    first = told(cluster)["revision"]
    promote(cluster, 2)
    cluster.service(serving=WANTED, modelRevision=first)
    cluster.settle()
    assert told(cluster)["revision"] == first


def test_a_suspended_service_has_no_replicas_and_gets_them_back() -> None:
    cluster = served(replicas=2)
    come_up(cluster, 2)
    cluster.service(serving={**WANTED, "replicas": 2}, suspend=True)
    cluster.settle()
    assert only(cluster, "Deployment")["spec"]["replicas"] == 0
    assert cluster.condition("Serving")["reason"] == "Suspended"
    cluster.service(serving={**WANTED, "replicas": 2}, suspend=False)
    cluster.settle()
    assert only(cluster, "Deployment")["spec"]["replicas"] == 2


def test_more_replicas_than_the_administrator_allows_are_told() -> None:
    cluster = served(replicas=9)
    come_up(cluster, 3)
    assert only(cluster, "Deployment")["spec"]["replicas"] == 3
    assert "`spec.serving.replicas` asks for 9" in cluster.condition("Serving")["message"]


def test_what_served_is_removed_when_nobody_asks_for_it_any_more() -> None:
    cluster = served()
    come_up(cluster)
    cluster.service(serving={"enabled": False})
    cluster.settle()
    assert cluster.of_kind("Deployment") == [] == cluster.of_kind("Service")
    assert [one for one in cluster.of_kind("ConfigMap") if SERVED_FILE in one["data"]] == []
    assert "serving" not in cluster.status()
    assert "Serving" not in [one["type"] for one in cluster.status()["conditions"]]
    assert cluster.condition("Ready")["status"] == "True"


def test_a_crash_in_the_middle_of_the_removal_leaves_nothing_behind() -> None:
    for writes in range(5):
        cluster = served()
        come_up(cluster)
        cluster.service(serving={"enabled": False})
        plan = cluster.plan()
        cluster.carry_out(replace(plan, actions=plan.actions[:writes]))
        cluster.restart()
        cluster.settle()
        assert cluster.of_kind("Deployment") == [] == cluster.of_kind("Service")
        assert "serving" not in cluster.status()


def test_what_is_left_after_the_administrator_turned_it_off_is_named() -> None:
    cluster = served()
    come_up(cluster)
    cluster.settings = SETTINGS
    for spec in (WANTED, {"enabled": False}):
        cluster.service(serving=spec)
        cluster.settle()
        found = cluster.condition("Serving")
        assert found["reason"] == "ServingDisabled"
        name = only(cluster, "Deployment")["metadata"]["name"]
        assert f"kubectl delete deployment,service {name} -n shop" in found["message"]
    cluster.settings = ON
    cluster.settle()
    assert cluster.of_kind("Deployment") == []


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_a_foreign_object_is_left_alone_and_detection_goes_on(kind: str) -> None:
    cluster = Cluster(settings=ON)
    cluster.service(serving=WANTED)
    cluster.settle()
    name = serving_name("checkout", only(cluster, "AnomalyService")["metadata"]["uid"])
    cluster.put(kind, name, spec={"mine": True}, labels={})
    cluster.end_training(trained(cluster))
    cluster.settle()
    assert cluster.get(kind, name)["spec"] == {"mine": True}
    found = cluster.condition("Serving")
    assert (found["status"], found["reason"]) == ("False", "NameConflict")
    assert f"{kind} {name}" in found["message"]
    assert cluster.condition("Ready")["status"] == "True"
    assert len(cluster.of_kind("CronJob")) == 1
    cluster.service(serving={"enabled": False})
    cluster.settle()
    assert cluster.get(kind, name)["spec"] == {"mine": True}


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_an_edited_or_deleted_object_is_put_right(kind: str) -> None:
    cluster = served()
    come_up(cluster)
    made = only(cluster, kind)
    name, spec = made["metadata"]["name"], made["spec"]
    edited = {"replicas": 7} if kind == "Deployment" else {"selector": {"app": "other"}}
    cluster.put(kind, name, spec={**spec, **edited})
    cluster.settle()
    assert only(cluster, kind)["spec"] == spec
    cluster.remove(kind, name)
    cluster.settle()
    assert only(cluster, kind)["spec"] == spec


def test_a_refused_deployment_is_told_and_neither_training_nor_detection_waits() -> None:
    cluster = Cluster(settings=ON)
    cluster.service(serving=WANTED)
    cluster.settle()
    cluster.end_training(trained(cluster))
    uid = only(cluster, "AnomalyService")["metadata"]["uid"]
    refused = refusal("Deployment", serving_name("checkout", uid), 403, "exceeded quota: pods")
    cluster.withheld = Withheld((refused,))
    cluster.settle()
    assert cluster.of_kind("Deployment") == []
    assert cluster.condition("Serving")["reason"] == "QuotaExceeded"
    assert cluster.condition("Ready")["status"] == "True"
    assert len(cluster.of_kind("CronJob")) == 1
    assert promote(cluster, 2) == cluster.status()["model"]["revision"]


def test_a_pod_that_does_not_start_is_told_in_the_condition() -> None:
    cluster = served()
    template = only(cluster, "Deployment")["spec"]["template"]["metadata"]["labels"]
    waiting = {"reason": "ErrImagePull", "message": "no such image"}
    pod = cluster._new("v1", "Pod", "shop", "checkout-api-1")
    pod["metadata"]["labels"] = {key: template[key] for key in (LABEL_COMPONENT, LABEL_SERVICE_UID)}
    pod["status"] = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waiting}}]}
    cluster.objects["Pod", "shop", "checkout-api-1"] = pod
    cluster.settle()
    found = cluster.condition("Serving")
    assert (found["status"], found["reason"]) == ("False", "ImageUnavailable")


def test_token_reviews_need_an_account_of_the_administrator() -> None:
    cluster = served(auth="TokenReview")
    assert cluster.of_kind("Deployment") == []
    assert cluster.condition("Serving")["reason"] == "AccountNotSet"
    cluster.settings = replace(ON, serving=replace(ON.serving, account="anomaly-server"))
    cluster.settle()
    pod = only(cluster, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "anomaly-server"


def test_a_training_run_has_no_model_to_serve() -> None:
    cluster = Cluster(settings=ON)
    cluster.service(
        profile="TrainingRun",
        trainingRun={"log": {"claim": "run", "path": "log.jsonl"}},
        serving=WANTED,
    )
    cluster.settle()
    assert "serving" in cluster.condition("Ready")["message"]
