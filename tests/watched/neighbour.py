"""A namespace that does nothing but what everybody does: train, detect, open an incident.

Each step says how long it took, and `told` what the API server has in the end in a form that is
the same for every namespace, so that two of them can be compared.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import Detection, RunStatus
from detector_runtime.contract.vocabulary import RunOutcome, Severity
from watched.detections import STEP, UNSCORED, Found, report
from watched.namespace import condition
from watched.stored import whole_status

PAUSE = 0.01
PATIENCE = 150.0
"""Seconds that a step may take, on a machine that does much else."""
VARIABLE = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "TIME",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}": "UID",
    r"-(train|inf|run)-[0-9a-f]{8,10}": r"-\1-HASH",
    r"\b[0-9a-f]{12}\b": "FINGERPRINT",
    r"FINGERPRINT-[0-9a-z]{6}\b": "INCIDENT",
    r'"resourceVersion": "\d+"': '"resourceVersion": "VERSION"',
}
"""What differs between two runs of the same thing: times, uids, and hashes of these."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds: from the service to its training Job, from there to the model in the status, from
    the runtime's write to what it says in a condition, and to an Anomaly object that is open."""

    job: float
    model: float
    detection: float
    incident: float


class Neighbour:
    """The namespace `name`."""

    def __init__(self, cluster: Sandbox, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def live(self, service: str, seen: int) -> Delays:
        """A new service from its creation to its first incident, which is Critical. `seen`: when it
        was seen, in unix seconds."""
        end = seen // STEP * STEP
        job, model = self._train(service)
        detection = self._detect(service, end)
        return Delays(job, model, detection, self._open_incident(service, end))

    def uid(self, service: str) -> str:
        return str(self._get(service)["metadata"]["uid"])

    def told(self, service: str) -> Json:
        """The status, the children by kind and the Anomaly objects of the service, without what
        differs between two runs."""
        children = {
            kind: [one["metadata"]["name"] for one in self._cluster.list(kind, self.name)]
            for kind in ("jobs", "cronjobs", "serviceaccounts", "roles", "persistentvolumeclaims")
        }
        anomalies = [
            {"labels": one["metadata"]["labels"], "status": one["status"]}
            for one in self._cluster.list("anomalies", self.name)
        ]
        status = whole_status(self._get(service))
        text = json.dumps({"status": status, "children": children, "anomalies": anomalies})
        for pattern, word in VARIABLE.items():
            text = re.sub(pattern, word, text)
        return dict(json.loads(text.replace(self.name, "NAMESPACE")))

    def _train(self, service: str) -> tuple[float, float]:
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "AnomalyService",
            "metadata": {"name": service},
            "spec": UNSCORED,
        }
        began = time.monotonic()
        self._cluster.api.create("asvc", body, self.name)
        label = f"{names.LABEL_SERVICE}={service},{names.LABEL_COMPONENT}=training"
        job = self._until(
            lambda: self._cluster.list("jobs", self.name, labels=label), f"a training of {service}"
        )
        model = self._until(lambda: self._scored(service), f"a model of {service}")
        return job - began, model - job

    def _scored(self, service: str) -> bool:
        status = self._get(service).get("status", {})
        serves = status.get("references", {}).get("inferenceCronJob")
        return bool(serves and status.get("model", {}).get("revision"))

    def _detect(self, service: str, end: int) -> float:
        """A run that found no data, which the condition `DataAvailable` says."""
        found = Detection(
            model_revision=self._revision(service),
            run=RunStatus(RunOutcome.NO_DATA, "no data"),
            scored_through=to_text(end - STEP),
        )
        return self._after_report(
            service,
            dict(encode(found)),
            lambda: condition(self._status(service), "DataAvailable").reason == "NoData",
        )

    def _open_incident(self, service: str, end: int) -> float:
        found = Found(end, severity=Severity.CRITICAL).detection(self._revision(service), end)

        def opened() -> bool:
            anomalies = self._cluster.list("anomalies", self.name)
            states = {
                one["spec"]["serviceRef"]["name"]: one.get("status", {}).get("state")
                for one in anomalies
            }
            return states.get(service) == "Open"

        return self._after_report(service, found, opened)

    def _after_report(self, service: str, document: Json, told: Callable[[], bool]) -> float:
        began = time.monotonic()
        report(self._cluster, self.name, service, document)
        return self._until(told, f"the operator's answer to a detection of {service}") - began

    def _until(self, ready: Callable[[], object], what: str) -> float:
        """When it came true."""
        self._cluster.wait_for(ready, PATIENCE, f"{what} in {self.name}", PAUSE)
        return time.monotonic()

    def _revision(self, service: str) -> str:
        return str(self._status(service)["model"]["revision"])

    def _status(self, service: str) -> Json:
        return whole_status(self._get(service))

    def _get(self, service: str) -> Json:
        return self._cluster.get("asvc", service, self.name) or {}
