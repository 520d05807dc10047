"""One scoring pod, cold, beside the obvious way to write it: scikit-learn, joblib, kubernetes.

Both read the service, query five metrics, score the newest window and write the result, against
the same servers on loopback. The peer does less: one forest a metric and one for all, no SLO, no
explanation. Ratios count, not seconds; both run in turn, so that a busy machine hurts both.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.pod_cost import OURS, Cost, cost
from detector_runtime.commands.train import train
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.run_config import ModelRef, RunConfig
from detector_runtime.contract.vocabulary import Role, RunKind, RunOutcome
from detector_runtime.sources.opening import open_source
from loopback.api_server import FakeAPIServer
from loopback.prometheus import FakePrometheus
from loopback.server import make_certificate
from loopback.settings import DATABASE, STEP, UID, prometheus_source, run_config
from loopback.shop import SHOP, noise

pytestmark = pytest.mark.benchmark

ROUNDS = 5
MAX_MEBIBYTES = 60
MIN_CPU_RATIO = 6
FIVE = {
    **SHOP,
    "database": lambda moment: 20 + 2 * noise("database", moment),
    "dependency": lambda moment: 60 + 5 * noise("dependency", moment),
}
PEER = """
import json, sys, urllib.request
from urllib.parse import urlencode
import joblib, numpy as np
from kubernetes import client
url, host, folder, now, step = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
configuration = client.Configuration()
configuration.host = host
configuration.ssl_ca_cert = folder + "/ca.crt"
configuration.api_key = {"authorization": "Bearer pod-token", "BearerToken": "Bearer pod-token"}
api = client.CustomObjectsApi(client.ApiClient(configuration))
where = ("anomaly-operator.dev", "v1alpha1", "shop", "anomalyservices", "checkout")
service = api.get_namespaced_custom_object(*where)
models = joblib.load(folder + "/models.joblib")
row = []
for name in models["queries"]:
    query = urlencode({"query": name, "start": now - 180 * step, "end": now, "step": step})
    with urllib.request.urlopen(url + "/api/v1/query_range?" + query) as reply:
        row.append(float(json.load(reply)["data"]["result"][0]["values"][-1][1]))
scores = [float(model.score_samples([[value]])[0]) for model, value in zip(models["each"], row)]
scores.append(float(models["all"].score_samples([row])[0]))
metadata = {key: service["metadata"][key] for key in ("name", "uid", "resourceVersion")}
body = {"apiVersion": "/".join(where[:2]), "kind": "AnomalyService", "metadata": metadata,
        "status": {"detection": {"scoredThrough": now, "scores": scores}}}
api.patch_namespaced_custom_object_status(
    *where, body, field_manager="anomaly-runtime", force=True,
    _content_type="application/apply-patch+yaml")
"""
FOREST = """
import sys, joblib, numpy as np
from sklearn.ensemble import IsolationForest
rows = np.random.default_rng(0).normal(size=(3600, 5)) * 10 + 50
fit = lambda part: IsolationForest(n_estimators=200, random_state=0).fit(part)
each = [fit(rows[:, [k]]) for k in range(5)]
joblib.dump({"queries": sys.argv[2:], "each": each, "all": fit(rows)}, sys.argv[1])
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[FakeAPIServer, FakePrometheus]]:
    certificate = make_certificate(tmp_path)
    (tmp_path / "token").write_text("pod-token")
    with FakeAPIServer(UID, certificate) as api, FakePrometheus(FIVE) as metrics:
        yield api, metrics


def five_metrics(kind: RunKind, metrics: FakePrometheus) -> RunConfig:
    config = run_config(kind, prometheus_source(metrics.url))
    dependency = replace(
        DATABASE, name="dependency_latency", role=Role.DEPENDENCY_LATENCY, query="dependency"
    )
    return replace(config, metrics=(*config.metrics, DATABASE, dependency))


def trained(folder: Path, metrics: FakePrometheus, now: int) -> ModelRef:
    config = five_metrics(RunKind.TRAIN, metrics)
    source = open_source(config, auth=folder, ca=folder, data=folder, seconds=60.0, api_server=None)
    report = train(config, source, folder / "models", now)
    assert report.outcome is RunOutcome.SUCCEEDED, report.message
    return ModelRef(report.revision, report.digest)


def test_a_cold_scoring_pod_is_lean(servers, tmp_path, capsys):
    api, metrics = servers
    now = int(time.time()) // STEP * STEP
    config = replace(five_metrics(RunKind.SCORE, metrics), model=trained(tmp_path, metrics, now))
    (tmp_path / "run.json").write_text(dumps(config))
    names = [metric.query for metric in config.metrics]
    subprocess.run(
        [sys.executable, "-c", FOREST, str(tmp_path / "models.joblib"), *names], check=True
    )
    environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                   "KUBERNETES_SERVICE_PORT": str(api.port)}  # fmt: skip
    ours_arguments = [
        "score", "--config", "run.json", "--models", "models", "--identity", ".",
        "--report", "report.json",
    ]  # fmt: skip
    peer_arguments = [
        metrics.url, f"https://127.0.0.1:{api.port}", ".", str(now), str(STEP)
    ]  # fmt: skip
    ours, peers = [], []
    for _ in range(ROUNDS):
        api.put(None)
        ours.append(cost(OURS, ours_arguments, tmp_path, environment))
        assert api.detection["run"]["outcome"] == "Succeeded"
        peers.append(cost(PEER, peer_arguments, tmp_path, {}))
        assert len(api.detection["scores"]) == 6
    mine = Cost(min(one.cpu for one in ours), max(one.mebibytes for one in ours))
    peer = Cost(min(one.cpu for one in peers), min(one.mebibytes for one in peers))
    with capsys.disabled():
        print(
            f"\nscoring pod: {mine.cpu:.2f} s CPU, {mine.mebibytes:.1f} MiB; "
            f"peer: {peer.cpu:.2f} s CPU, {peer.mebibytes:.1f} MiB; "
            f"{peer.cpu / mine.cpu:.1f} times less CPU"
        )
    assert mine.mebibytes <= MAX_MEBIBYTES
    assert peer.cpu / mine.cpu >= MIN_CPU_RATIO
