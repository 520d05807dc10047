"""The chart as helm renders it, and the pods that the operator makes with its settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Protocol

import pytest
import yaml

from anomaly_operator.manifests import jobs as manifests_run
from anomaly_operator.manifests.run_config import resolve
from anomaly_operator.settings.file import parse_settings
from anomaly_operator.settings.values import Settings
from anomaly_operator.spec.service_parse import parse_service
from anomaly_operator.world.objects import Meta
from anomaly_sandbox.cluster import Sandbox
from watched.helm import CHART
from watched.helm import helm as run_helm

NAMESPACE = "anomaly-system"

Json = dict[str, Any]
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Render(Protocol):
    def __call__(self, values: Json | None = None, *arguments: str) -> list[Json]: ...


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs helm without a cluster; returns the finished process."""
    return partial(run_helm, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def render(helm: Callable[..., Any]) -> Render:
    """The objects of the chart with these values; helm runs once for each set of them."""

    @cache
    def text(values: str, *arguments: str) -> str:
        command = ("template", "anomaly-operator", str(CHART), "--namespace", NAMESPACE)
        done = helm(*command, *arguments, values=json.loads(values))
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def rendered(values: Json | None = None, *arguments: str) -> list[Json]:
        documents = yaml.load_all(text(json.dumps(values or {}), *arguments), Loader=Loader)
        return [document for document in documents if document]

    return rendered


def one(objects: list[Json], kind: str, name: str | None = None) -> Json:
    """The only object of a kind (and name)."""
    found = [
        item
        for item in objects
        if item["kind"] == kind and name in {None, item["metadata"]["name"]}
    ]
    assert len(found) == 1, f"{len(found)} objects of kind {kind} {name or ''}"
    return found[0]


@pytest.fixture(scope="session")
def only() -> Callable[..., Json]:
    return one


@pytest.fixture(scope="session")
def operator_settings(render: Render) -> Settings:
    """What the operator reads from the chart's ConfigMap."""
    config = one(render(), "ConfigMap")
    return parse_settings(config["data"]["settings.yaml"])


@pytest.fixture(scope="session")
def workloads(operator_settings: Settings) -> dict[str, Json]:
    """A training Job and an inference CronJob as the operator makes them."""
    return runs(operator_settings)


@pytest.fixture(scope="session")
def make_workloads() -> Callable[..., dict[str, Json]]:
    """The same with other settings, and with a source of that name."""
    return runs


def runs(settings: Settings, source: str = "default") -> dict[str, Json]:
    metric = {"name": "latency", "role": "Latency", "query": "latency", "unit": "Seconds"}
    asked: Json = {"preset": "OpenTelemetrySpanMetrics"}
    if source == "run-log":
        run = {"log": {"claim": "llama-run", "path": "logs/train.jsonl"}}
        asked = {"profile": "TrainingRun", "trainingRun": run}
    elif source != "default":
        asked = {"source": {"name": source}, "metrics": [{**metric, "direction": "Up"}]}
    spec, problems = parse_service(asked)
    assert spec is not None, problems
    meta = Meta(
        api_version="anomaly-operator.dev/v1alpha1",
        kind="AnomalyService",
        namespace="shop",
        name="checkout",
        uid="6f1c1bb0-8a43-4b0e-9f43-3c1f0a6ad001",
        resource_version="1",
        generation=1,
    )
    resolved = resolve(meta, spec, settings, 0)
    config = "checkout-run-0123456789"
    attempt = manifests_run.Attempt(job="checkout-train-1", reason="FirstModel", inputs="0123")
    return {
        "Job": manifests_run.training_job(resolved, settings, config, attempt),
        "CronJob": manifests_run.inference_cron_job(resolved, settings, config),
    }


@pytest.fixture(scope="session")
def cluster(sandbox: Sandbox) -> Sandbox:
    """A control plane with the namespace of the release."""
    if sandbox.get("namespaces", NAMESPACE) is None:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        sandbox.api.create("namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    sandbox.wait_for(lambda: sandbox.get("serviceaccounts", "default", NAMESPACE), 120)
    return sandbox
