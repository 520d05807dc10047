"""Training and scoring against a real Prometheus and a real API server, as the pods do it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from anomaly_sandbox import remote_write
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.commands.kubernetes_api import ChangedMeanwhileError, KubernetesAPI
from detector_runtime.contract.codec import decode, dumps, loads
from detector_runtime.contract.detection import Detection
from detector_runtime.contract.record import shown_detection, whole_detection
from detector_runtime.contract.run_config import MetricSpec, ModelRef, RunConfig, ServiceIdentity
from detector_runtime.contract.text import iso
from detector_runtime.contract.train_report import TrainReport
from detector_runtime.contract.vocabulary import ExitCode, RunKind
from detector_runtime.errors import ApiRefusedError, RunError, ServiceGoneError
from detector_runtime.sources.opening import open_source
from loopback.settings import STEP, ending, prometheus_source, run_config
from loopback.shop import this_week

pytestmark = pytest.mark.controlplane

HOURS = 44
FAULT_WINDOWS = 4


@pytest.fixture(scope="module")
def metrics(prometheus_url: str) -> tuple[str, int]:
    """Two days of the shop, the last windows slow: (address, newest window end)."""
    newest, shop = this_week(time.time())
    moments = list(range(newest - HOURS * 3600, newest + 1, STEP))
    series = []
    for name, value in shop.items():
        values = [value(moment) for moment in moments]
        if name == "latency":
            values[-FAULT_WINDOWS:] = [8 * old for old in values[-FAULT_WINDOWS:]]
        labels = {"__name__": f"shop_{name}", "service": "checkout"}
        series.append((labels, [1000 * moment for moment in moments], values))
    series.append(({"__name__": "shop_rate", "service": "other"}, [1000 * newest], [1.0]))
    remote_write.write(prometheus_url, series)
    return prometheus_url, newest


class Service:
    """An AnomalyService on the real API server with the mounts of its pods."""

    def __init__(self, crds: Sandbox, namespace: str, folder: Path, url: str) -> None:
        self.sandbox, self.folder = crds, folder
        body = {
            "apiVersion": "anomaly-operator.dev/v1alpha1",
            "kind": "AnomalyService",
            "metadata": {"name": "checkout"},
            "spec": {"preset": "OpenTelemetrySpanMetrics"},
        }
        made = crds.api.create("anomalyservices", body, namespace)
        self.identity = ServiceIdentity(namespace, "checkout", made["metadata"]["uid"])
        config = run_config(RunKind.TRAIN, prometheus_source(url))
        training = replace(config.training, lookback_seconds=HOURS * 3600)
        self.config = replace(
            config,
            service=self.identity,
            training=training,
            metrics=tuple(_selected(metric) for metric in config.metrics),
        )
        (folder / "token").write_text(crds.admin_token)
        (folder / "ca.crt").write_bytes(crds.ca_file.read_bytes())

    @property
    def live(self) -> dict[str, Any]:
        found = self.sandbox.api.get("anomalyservices", "checkout", self.identity.namespace)
        assert found is not None
        return found

    def api(self) -> KubernetesAPI:
        address = urlsplit(self.sandbox.server)
        assert address.hostname is not None
        assert address.port is not None
        return KubernetesAPI(address.hostname, address.port, self.folder, self.identity)

    def run(self, verb: str, config: RunConfig) -> int:
        (self.folder / "run.json").write_text(dumps(config))
        address = urlsplit(self.sandbox.server)
        environment = {
            **os.environ,
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        }
        arguments = ["--config", "run.json", "--models", "models", "--identity", ".",
                     "--report", "report.json"]  # fmt: skip
        command = [sys.executable, "-m", "detector_runtime", verb, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, check=False)
        return done.returncode


def _selected(metric: MetricSpec) -> MetricSpec:
    return replace(metric, query=f'sum(shop_{metric.query}{{service="checkout"}})')


@pytest.fixture
def service(crds: Sandbox, namespace: str, tmp_path: Path, metrics: tuple[str, int]) -> Service:
    return Service(crds, namespace, tmp_path, metrics[0])


def test_a_service_is_trained_scored_and_its_fault_found(service, metrics):
    newest = metrics[1]
    fault = newest - FAULT_WINDOWS * STEP
    assert service.run("train", ending(service.config, fault)) == ExitCode.OK
    report = loads(TrainReport, (service.folder / "report.json").read_bytes())
    assert report.outcome.value == "Succeeded", report
    model = ModelRef(report.revision, report.digest)
    config = replace(service.config, kind=RunKind.SCORE, model=model)
    assert service.run("score", ending(config, fault)) == ExitCode.OK
    quiet = whole_detection(service.live["status"]["detection"])
    assert quiet["windows"] == []
    assert service.run("score", ending(config, newest)) == ExitCode.OK
    found = decode(Detection, whole_detection(service.live["status"]["detection"]))
    assert found.scored_from == quiet["scoredFrom"]
    assert found.scored_through == iso(newest)
    assert found.anomaly is not None
    assert found.anomaly.findings[0].pattern == "latency_spike_recent"
    managers = [entry["manager"] for entry in service.live["metadata"]["managedFields"]]
    assert "anomaly-runtime" in managers
    before = service.live["metadata"]["resourceVersion"]
    assert service.run("score", ending(config, newest)) == ExitCode.OK
    assert service.live["metadata"]["resourceVersion"] == before


def applied(service: Service, detection: dict[str, Any]) -> None:
    api = service.api()
    api.apply(detection, api.read().resource_version)
    api.close()


MINIMAL = {"formatVersion": 1, "modelRevision": "20260101-000000-abcdef",
           "run": {"outcome": "Succeeded"}, "skippedWindows": 0}  # fmt: skip


def test_an_apply_changes_the_detection_and_nothing_else(service):
    before = service.live
    applied(service, MINIMAL)
    after = service.live
    written = {"detection": shown_detection(MINIMAL)}
    assert after["status"] == {**before.get("status", {}), **written}
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_an_equal_apply_writes_nothing(service):
    applied(service, MINIMAL)
    version = service.live["metadata"]["resourceVersion"]
    applied(service, MINIMAL)
    assert service.live["metadata"]["resourceVersion"] == version


def test_an_apply_from_an_older_read_is_refused_as_changed_meanwhile(service):
    api = service.api()
    old = api.read().resource_version
    applied(service, MINIMAL)
    with pytest.raises(ChangedMeanwhileError):
        api.apply({**MINIMAL, "skippedWindows": 5}, old)
    api.close()
    kept = whole_detection(service.live["status"]["detection"])
    assert kept["skippedWindows"] == 0


def test_a_service_that_was_deleted_or_made_anew_is_gone(service):
    api = service.api()
    version = api.read().resource_version
    namespace = service.identity.namespace
    service.sandbox.api.delete("anomalyservices", "checkout", namespace)
    with pytest.raises(ServiceGoneError):
        api.read()
    with pytest.raises((ServiceGoneError, ChangedMeanwhileError)):
        api.apply(MINIMAL, version)
    body = {"apiVersion": "anomaly-operator.dev/v1alpha1", "kind": "AnomalyService",
            "metadata": {"name": "checkout"},
            "spec": {"preset": "OpenTelemetrySpanMetrics"}}  # fmt: skip
    service.sandbox.api.create("anomalyservices", body, namespace)
    with pytest.raises(ServiceGoneError, match="another uid"):
        api.read()
    api.close()


def test_a_document_that_the_schema_refuses_is_refused_for_good(service):
    api = service.api()
    version = api.read().resource_version
    with pytest.raises(ApiRefusedError, match=r"422|500"):
        api.apply({**MINIMAL, "scoredThrough": "x" * 64}, version)
    api.close()


def test_a_token_without_rights_is_refused_by_name(service):
    (service.folder / "token").write_text(
        service.sandbox.api.token("default", service.identity.namespace)
    )
    api = service.api()
    with pytest.raises(ApiRefusedError, match=r"403.*checkout"):
        api.read()
    api.close()


def fetch(service: Service, query: str, start: int, end: int) -> Any:
    metric = replace(service.config.metrics[0], query=query)
    config = replace(service.config, metrics=(metric,))
    folder = service.folder
    source = open_source(config, auth=folder, ca=folder, data=folder, seconds=20.0, api_server=None)
    return source.fetch(start, end)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sum(", "parse error"),
        ("shop_rate", "2 series"),
        ('shop_rate{service=~"("}', "parse error"),
        ("shop_rate + on(service) group_left shop_latency[5m]", "parse error"),
    ],
)
def test_prometheus_own_words_reach_the_user(service, metrics, query, said):
    with pytest.raises(RunError, match=said) as caught:
        fetch(service, query, metrics[1] - 10 * STEP, metrics[1])
    assert caught.value.outcome.value == "InvalidQuery"


def test_values_are_those_that_were_written(service, metrics):
    newest = metrics[1]
    query = 'shop_rate{service="checkout"}'
    frame = fetch(service, query, newest - 5 * STEP, newest).frame
    rate = this_week(newest)[1]["rate"]
    expected = [rate(int(moment)) for moment in frame.times]
    assert frame.values[:, 0].tolist() == pytest.approx(expected)


def test_a_query_without_a_series_is_a_column_of_holes(service, metrics):
    frame = fetch(service, "nothing_like_it", metrics[1] - 5 * STEP, metrics[1]).frame
    assert len(frame) == 5
    assert all(value != value for value in frame.values[:, 0])  # noqa: PLR0124 - NaN


def test_a_span_of_more_points_than_prometheus_allows_is_fetched_in_parts(service, metrics):
    config = replace(service.config, step_seconds=1)
    metric = replace(config.metrics[0], query='shop_rate{service="checkout"}')
    source = open_source(
        replace(config, metrics=(metric,)),
        auth=service.folder, ca=service.folder, data=service.folder,
        seconds=30.0, api_server=None,
    )  # fmt: skip
    end = metrics[1]
    frame = source.fetch(end - 25_000, end).frame
    assert len(frame) == 25_000
    assert not any(value != value for value in frame.values[:, 0])  # noqa: PLR0124 - NaN
