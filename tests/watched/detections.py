"""Writes `.status.detection` of a service as a scoring pod would: the test says what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anomaly_operator.api import names
from anomaly_operator.api.text import to_text
from anomaly_sandbox.cluster import Sandbox
from detector_runtime.contract.codec import encode
from detector_runtime.contract.detection import (
    Detection,
    Finding,
    RunStatus,
    WindowReport,
    WindowVerdict,
)
from detector_runtime.contract.vocabulary import RunOutcome, Severity, Verdict
from watched.namespace import NEVER

STEP = 60
SUMMARY = "latency 812 ms, usually 190 to 240 ms"
UNSCORED: dict[str, Any] = {
    "step": "1m",
    "rateInterval": "1m",
    "metrics": [
        {"name": "rate", "role": "Traffic", "query": "rate", "unit": "RequestsPerSecond"},
        {"name": "latency", "role": "Latency", "query": "latency", "unit": "Seconds"},
    ],
    "training": {
        "schedule": NEVER,
        "lookback": "1d",
        "minSamples": {"univariate": 100, "multivariate": 200},
    },
    "inference": {"interval": "1h"},
    "incidents": {"separation": "5h"},
}
"""Spec of a service whose scoring pods do not come between: the test says what was detected."""


@dataclass(frozen=True, slots=True)
class Found:
    """`count` anomalous windows, `apart` seconds from one to the next; the last one ends at `last`,
    in unix seconds."""

    last: int
    count: int = 3
    severity: Severity = Severity.HIGH
    pattern: str = "metric_latency"
    apart: int = STEP

    def detection(self, revision: str, through: int) -> dict[str, Any]:
        """All windows up to `through`; those that are not anomalous were Normal."""
        ends = [self.last - self.apart * back for back in reversed(range(self.count))]
        windows = tuple(
            WindowVerdict(
                to_text(end),
                Verdict.ANOMALOUS,
                score="6",
                severity=self.severity,
                confidence="90%",
                patterns=(self.pattern,),
            )
            for end in ends
        )
        finding = Finding(
            self.pattern, self.severity, self.severity, "90%", "6", SUMMARY, to_text(ends[0])
        )
        worst = WindowReport(
            end=to_text(self.last),
            verdict=Verdict.ANOMALOUS,
            period="always",
            severity=self.severity,
            confidence="90%",
            score="6",
            probability="0.000001",
            findings=(finding,),
        )
        document = Detection(
            model_revision=revision,
            run=RunStatus(RunOutcome.SUCCEEDED),
            step_seconds=STEP,
            scored_from=to_text(ends[0] - STEP),
            scored_through=to_text(through),
            windows=windows,
            report=worst,
            anomaly=worst,
        )
        return dict(encode(document))


def report(cluster: Sandbox, namespace: str, service: str, document: dict[str, Any]) -> None:
    """Apply the detection with the runtime's field manager."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": "AnomalyService",
        "metadata": {"name": service, "namespace": namespace},
        "status": {"detection": document},
    }
    cluster.api.request(
        "PATCH",
        cluster.api.resource("asvc").path(namespace, service, "status"),
        body,
        query={"fieldManager": "anomaly-runtime", "force": "true"},
        content_type="application/apply-patch+yaml",
    )
