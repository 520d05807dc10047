"""The rendered objects, as files that a reviewer can read.

`GOLDEN=update pytest tests/unit/anomaly_operator/manifests/test_golden.py` writes them anew.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from anomaly_operator.api import names
from anomaly_operator.manifests.jobs import Attempt, config_map, inference_cron_job, training_job
from anomaly_operator.manifests.metadata import Component, service_labels
from anomaly_operator.manifests.namespace import (
    models_claim,
    role,
    role_binding,
    service_account,
)
from anomaly_operator.manifests.run_config import (
    Resolved,
    following_config,
    resolve,
    scoring_config,
    training_config,
)
from anomaly_operator.manifests.serving import (
    served_config,
    serving_deployment,
    serving_service,
)
from anomaly_operator.settings.pods import PodSettings
from anomaly_operator.settings.serving import ServingSettings
from anomaly_operator.settings.values import (
    AccessMode,
    ImageSettings,
    MetricsSource,
    Settings,
    StorageSettings,
)
from anomaly_operator.settings.yaml_text import load_all
from anomaly_operator.slo.objectives import service_objectives
from anomaly_operator.spec.policy_parse import parse_policy
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.run_config import Interval, ModelRef
from detector_runtime.contract.serving import Served
from detector_runtime.contract.training_run import Trainer, TrainerKind
from detector_runtime.contract.vocabulary import AuthType, SourceType

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[4] / "operator" / "examples"
META = Meta(
    api_version=names.API_VERSION,
    kind="AnomalyService",
    namespace="shop",
    name="checkout",
    uid="0b8f7a52-6d0e-4f2a-9a53-1c1d5f0e7b11",
    resource_version="1",
    generation=3,
    labels={"argocd.argoproj.io/instance": "shop", "team": "payments"},
)
MODEL = ModelRef("20261122-021500-3f2a9c", "sha256:" + "ab" * 32)
PROMETHEUS = Settings(
    sources={
        "default": MetricsSource(
            "default",
            SourceType.PROMETHEUS,
            url="https://prometheus:9090",
            auth=AuthType.BEARER,
            secret_name="metrics-auth",
            ca_config_map="metrics-ca",
        )
    },
    images=ImageSettings(pull_secrets=("registry",)),
    pods=PodSettings(
        node_selector={"pool": "batch"},
        tolerations=({"key": "batch", "operator": "Exists"},),
        priority_class_name="low",
    ),
)
FILES = Settings(
    sources={"default": MetricsSource("default", SourceType.CSV, config_map="metrics-files")},
    storage=StorageSettings(access_mode=AccessMode.READ_WRITE_MANY, storage_class_name="nfs"),
)


def resolved(settings: Settings, **spec: Any) -> Resolved:
    metrics = [
        {
            "name": "latency",
            "role": "Latency",
            "unit": "Seconds",
            "query": 'avg(latency{service="$(service)"})',
        }
    ]
    found, problems = parse_service({"metrics": metrics, "step": "1m", **spec})
    assert found is not None, problems
    return resolve(META, found, settings, 0)


def prometheus_run(kind: str) -> dict[str, Any]:
    about = resolved(
        PROMETHEUS,
        inference={"interval": "5m"},
        resources={"training": {"limits": {"memory": "4Gi"}, "requests": {"cpu": "1"}}},
    )
    train = training_config(
        about,
        incidents=[Interval(1795132800, 1795136400, "metric_latency")],
        live_services=["uid-b", "uid-a"],
        serving=MODEL,
        keep_revisions=3,
    )
    if kind == "training-config":
        return config_map(META, train)
    if kind == "training-job":
        attempt = Attempt("checkout-train-0123456789", "FirstModel", "0123456789abcdef")
        name = config_map(META, train)["metadata"]["name"]
        return training_job(about, PROMETHEUS, name, attempt)
    score = config_map(META, scoring_config(about, None, MODEL))
    if kind == "scoring-config":
        return score
    return inference_cron_job(about, PROMETHEUS, score["metadata"]["name"])


def run_with_objectives() -> dict[str, Any]:
    """The example's objectives as the pod gets them."""
    about = resolved(PROMETHEUS)
    (document,) = load_all((EXAMPLES / "slo-objectives.yaml").read_text())
    policy, problems = parse_policy(document["spec"])
    assert policy is not None, problems
    found = service_objectives(policy.objectives, about)
    assert found.problems == {}
    return config_map(META, scoring_config(about, None, MODEL, objectives=found.specs))


SERVED = Served(MODEL.revision, MODEL.digest, "2026-11-22T02:20:00Z")


def serving(**spec: Any) -> dict[str, Any]:
    settings = replace(PROMETHEUS, serving=ServingSettings(enabled=True, account="anomaly-server"))
    return serving_deployment(resolved(settings, serving={"enabled": True, **spec}), settings)


RUNS = Settings(
    sources={
        "default": MetricsSource(
            "default", SourceType.MLFLOW, url="https://mlflow:5000", auth=AuthType.BASIC,
            secret_name="mlflow-auth",
        )
    }
)  # fmt: skip


def training_run(kind: str, **run: Any) -> dict[str, Any]:
    spec, problems = parse_service({"profile": "TrainingRun", "trainingRun": run})
    assert spec is not None, problems
    about = resolve(META, spec, RUNS, 0)
    config = config_map(META, following_config(about))
    if kind == "config":
        return config
    return inference_cron_job(about, RUNS, config["metadata"]["name"])


RUN_LOG = {"claim": "llama-run", "path": "logs/train.jsonl"}
LLAMA = {"kind": "Job", "name": "llama"}
CASES = {
    "following-config": lambda: training_run(
        "config", log=RUN_LOG, trainer=LLAMA, checkpoints="checkpoints/checkpoint-{step}"
    ),
    "following-cronjob": lambda: training_run("cron job", log=RUN_LOG, trainer=LLAMA),
    "following-cronjob-read-only": lambda: training_run(
        "cron job", log=RUN_LOG, snapshots={"enabled": False}
    ),
    "following-cronjob-mlflow": lambda: training_run(
        "cron job", mlflow={"runId": "abc"}, trainer={"kind": "TrainJob", "name": "llama"}
    ),
    "runner-role-trainers": lambda: role(
        "shop", [Trainer(TrainerKind.JOB, "llama"), Trainer(TrainerKind.TRAIN_JOB, "bert")]
    ),
    "scoring-config-objectives": run_with_objectives,
    "training-config": lambda: prometheus_run("training-config"),
    "scoring-config": lambda: prometheus_run("scoring-config"),
    "training-job": lambda: prometheus_run("training-job"),
    "inference-cronjob": lambda: prometheus_run("inference-cronjob"),
    "inference-cronjob-files": lambda: inference_cron_job(
        resolved(FILES, suspend=True), FILES, "checkout-run-0123456789"
    ),
    "claim": lambda: models_claim("shop", PROMETHEUS.storage, None),
    "claim-retained": lambda: models_claim(
        "shop", StorageSettings(retain=True, storage_class_name="fast"), None
    ),
    "served-config": lambda: served_config(META, SERVED),
    "serving-deployment": serving,
    "serving-deployment-token": lambda: serving(auth="Token", replicas=2),
    "serving-deployment-token-review": lambda: serving(
        auth="TokenReview", resources={"limits": {"memory": "1Gi"}}
    ),
    "serving-service": lambda: serving_service(META),
    "runner-account": lambda: service_account("shop"),
    "runner-role": lambda: role("shop"),
    "runner-binding": lambda: role_binding("shop"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_manifest_is_the_one_that_was_reviewed(name: str) -> None:
    rendered = CASES[name]()
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("GOLDEN") == "update":
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(rendered, sort_keys=False, width=100))
    assert yaml.safe_load(path.read_text()) == rendered


@pytest.mark.parametrize("name", CASES)
def test_labels_of_users_are_never_copied(name: str) -> None:
    assert set(META.labels).isdisjoint(str(key) for key in CASES[name]()["metadata"]["labels"])


def test_a_claim_keeps_class_and_mode_and_never_shrinks() -> None:
    live = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "old",
        "resources": {"requests": {"storage": "8Gi"}},
    }
    spec = models_claim("shop", StorageSettings(size="5Gi"), live)["spec"]
    assert spec == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "8Gi"}},
    }
    grown = models_claim("shop", StorageSettings(size="9Gi"), live)["spec"]
    assert grown["resources"]["requests"]["storage"] == "9Gi"


def test_the_service_finds_the_pods_of_its_deployment_and_their_port() -> None:
    deployment, service = serving(), serving_service(META)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (port,) = service["spec"]["ports"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert [port["targetPort"]] == [one["name"] for one in container["ports"]]
    assert str(container["ports"][0]["containerPort"]) in container["args"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == port["targetPort"]


@pytest.mark.parametrize("component", [one for one in Component if one is not Component.SERVING])
def test_the_service_sends_nothing_to_pods_of_runs(component: Component) -> None:
    selector = serving_service(META)["spec"]["selector"]
    assert not selector.items() <= service_labels(META, component).items()
