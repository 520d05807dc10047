"""What pods leave in a cluster: their own state, a training's report, a detection in a status."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_operator.manifests.metadata import Component
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.train_report import TrainReport
from tests.pretend.api_server import ApiServer, Json


@dataclass
class WithPods(ApiServer):
    """An API server beside which pods run."""

    def end_training(self, report: TrainReport | None, succeeded: bool = True) -> Json:
        """The newest training Job ends; its pod leaves `report`."""
        job = self.jobs()[-1]
        ended = "Complete" if succeeded else "Failed"
        job["status"] = {
            "startTime": to_text(self.now),
            "conditions": [
                {"type": ended, "status": "True", "lastTransitionTime": to_text(self.now)}
            ],
        }
        message = dumps(report) if report else ""
        self.pod_of(job, terminated={"exitCode": 0 if succeeded else 1, "message": message})
        return self._store(job)

    def end_process(self, report: TrainReport | None, code: int = 0) -> Json:
        """The newest training's process ends; an injected sidecar keeps its pod running."""
        job = self.jobs()[-1]
        job["status"] = {"startTime": job["metadata"]["creationTimestamp"], "active": 1, "ready": 0}
        message = dumps(report) if report else ""
        ended = {"exitCode": code, "message": message, "finishedAt": to_text(self.now)}
        self.pod_of(job, terminated=ended)
        pod = self.objects["Pod", "shop", f"{job['metadata']['name']}-pod"]
        pod["status"] = {
            "phase": "Running",
            "containerStatuses": [
                {"name": "istio-proxy", "state": {"running": {}}},
                {"name": names.CONTAINER, "state": {"terminated": ended}},
            ],
        }
        return self._store(job)

    def pod_of(self, job: Json, **state: Any) -> None:
        name = job["metadata"]["name"]
        pod = self._new("v1", "Pod", job["metadata"]["namespace"], f"{name}-pod")
        pod["metadata"]["labels"] = {
            **job["spec"]["template"]["metadata"]["labels"],
            "batch.kubernetes.io/job-name": name,
        }
        pod["status"] = {"phase": "Pending", "containerStatuses": [{"state": state}]}
        self.objects["Pod", "shop", f"{name}-pod"] = pod

    def scoring_pod(self, name: str = "checkout", **state: Any) -> None:
        """The pod of an inference Job, with its container in that state."""
        service = self.objects["AnomalyService", "shop", name]
        pod = self._new("v1", "Pod", "shop", f"{name}-inf-pod")
        pod["metadata"]["labels"] = {
            names.LABEL_SERVICE_UID: service["metadata"]["uid"],
            names.LABEL_COMPONENT: Component.INFERENCE.value,
        }
        pod["status"] = {"phase": "Pending", "containerStatuses": [{"state": state}]}
        self.objects["Pod", "shop", f"{name}-inf-pod"] = pod

    def detect(self, name: str = "checkout", **detection: Any) -> None:
        """The scoring pod applies `.status.detection`."""
        raw = copy.deepcopy(self.objects["AnomalyService", "shop", name])
        status = raw.setdefault("status", {})
        status["detection"] = {
            "formatVersion": 1,
            "modelRevision": status.get("model", {}).get("revision", ""),
            "run": {"outcome": "Succeeded"},
            **detection,
        }
        self._store(raw)

    def report_run(self, name: str = "checkout", **report: Any) -> None:
        """The pod that follows a training run applies `.status.trainingRun`."""
        raw = copy.deepcopy(self.objects["AnomalyService", "shop", name])
        raw.setdefault("status", {})["trainingRun"] = {"formatVersion": 1, **report}
        self._store(raw)

    def follow(self, state: str, *rows: str, name: str = "checkout", **detection: Any) -> None:
        """The pod of a training run applies `.status.detection` and `.status.trainingRun`; `rows`:
        names of triggers in the newest window, each of which is critical."""
        through = to_text(self.now - self.now % 60)
        window = {"end": through, "verdict": "Anomalous", "severity": "Critical", "score": "10"}
        found = [{**window, "patterns": list(rows)}] if rows else []
        known = {"stepSeconds": 60, "scoredFrom": to_text(self.now - self.now % 60 - 60)}
        known |= {"scoredThrough": through, "windows": found}
        self.detect(name, modelRevision="", **{**known, **detection})
        raw = copy.deepcopy(self.objects["AnomalyService", "shop", name])
        run = {"formatVersion": 1, "state": state, "since": through, "step": self.now % 10_000}
        raw["status"]["trainingRun"] = {**run, "lastRowAt": through}
        self._store(raw)
