"""`kubectl anomaly explain SERVICE`: why this verdict now. Reads one object, changes nothing."""

from __future__ import annotations

import argparse
import math
import time
from typing import Any

from anomaly_cli import console
from anomaly_cli.verbs.explained import Explained, explained
from anomaly_cli.verbs.explanation import explanation
from anomaly_cli.verbs.output import write_document
from anomaly_cli.verbs.show import width
from anomaly_cli.verbs.target import bare, cluster_of
from anomaly_cli.verbs.to_alert import to_alert
from anomaly_operator.api.resources import SERVICE
from detector_runtime.contract.codec import encode


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises ClusterError."""
    with cluster_of(given) as cluster:
        found = explained(cluster.get(SERVICE, bare(given.service)))
    if given.output:
        write_document(given.output, document(found))
    else:
        console.say(explanation(found, int(time.time()), width()))
    return 0


def document(found: Explained) -> dict[str, Any]:
    """The same for programs; numbers are JSON numbers, absent where they are not known."""
    report = found.report
    return {
        "service": found.meta.name,
        "namespace": found.meta.namespace,
        "state": found.status.state,
        "score": _known(found.score),
        "alertLevel": _known(found.level),
        "metrics": [
            {
                "metric": one.name,
                "unit": one.unit.value,
                "value": _known(one.value),
                "usualLow": _known(one.low),
                "usualHigh": _known(one.high),
                "position": _known(one.position),
            }
            for one in found.metrics
        ],
        "windows": {verdict.value: count for verdict, count in found.counts.items()},
        "toAlert": to_alert(found),
        "report": encode(report) if report else None,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
