"""Every series that the project exports, from the code that exports it, as samples for promtool.

Each has all labels that Prometheus adds at a scrape. A query that names a series or a label that
does not exist finds nothing among them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import product
from types import SimpleNamespace
from typing import Any

from prometheus_client.registry import CollectorRegistry

from anomaly_dashboard.identity.measures import Measures as DashboardMeasures
from anomaly_dashboard.watched.store import Store
from anomaly_operator.controller.loop import Controller
from anomaly_operator.controller.workqueue import WorkQueue
from anomaly_operator.delivery.notifier import Notifier
from anomaly_operator.evaluation.outcome import Judgement
from anomaly_operator.manifests.burn_rules import group
from anomaly_operator.observe.cache import Cache
from anomaly_operator.settings.values import Settings
from anomaly_operator.telemetry.metrics import Metrics
from detector_runtime.contract.objectives import TIERS, ObjectiveSpec, ObjectiveType
from detector_runtime.contract.vocabulary import Severity
from detector_runtime.serving.measures import Measures

Samples = dict[str, str]
OPERATOR = {"namespace": "anomaly-system", "pod": "anomaly-operator-7c9"}
DASHBOARD = {"namespace": "anomaly-system", "pod": "anomaly-operator-dashboard-5fc"}
SERVER = {"namespace": "shop", "pod": "checkout-api-0a1b-5d6"}
OBJECTIVE = {
    "namespace": "shop",
    "service": "checkout",
    "slo_policy": "web",
    "objective": "availability",
}
VALUES: Mapping[str, list[str]] = {
    "severity": [one.value for one in Severity],
    "state": ["Healthy", "Degraded"],
    "judgement": [one.value for one in Judgement],
    "outcome": ["Succeeded", "Failed"],
    "result": ["Success", "Forbidden", "delivered", "failed"],
    "code": ["200", "503"],
    "stage": ["Detect", "Acknowledge", "Close"],
    "le": ["1", "+Inf"],
}
"""Values that queries ask for; a label that is not here has any one value."""
_GROWS = "1+1x120"
_STANDS = "1x120"


class _Listed(Metrics):
    """Notes the labels of gauges that are read only when somebody asks."""

    def __init__(self) -> None:
        super().__init__("1")
        self.gauges: dict[str, tuple[str, ...]] = {}

    def add_gauge(self, name: str, text: str, read: Any, *labels: str) -> None:
        self.gauges[f"anomaly_operator_{name}"] = labels


def operator_labels() -> dict[str, tuple[str, ...]]:
    """Labels of each series of the operator, by its name."""
    metrics = _Listed()
    any_: Any = SimpleNamespace()
    Controller(
        settings=Settings(),
        cache=Cache(),
        queue=WorkQueue(time.monotonic),
        recorder=any_,
        metrics=metrics,
        reconcilers=any_,
    )
    Notifier(settings=Settings(), cache=Cache(), kube=any_, intake=any_, metrics=metrics)
    return metrics.gauges | _labels(metrics.registry)


def server_labels() -> dict[str, tuple[str, ...]]:
    """The same of a server of `spec.serving`."""
    model = SimpleNamespace(served=SimpleNamespace(revision="r1"))
    current: Any = SimpleNamespace(model=model, error="", failures=0, swaps=0)
    return _labels(Measures(current)._registry)


def dashboard_labels() -> dict[str, tuple[str, ...]]:
    """The same of the dashboard."""
    return _labels(DashboardMeasures(Store(), lambda: 0)._registry)


def _labels(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for collector in list(registry._collector_to_names):
        names = tuple(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            labels = names or tuple({key for one in family.samples for key in one.labels})
            for suffix, more in _SUFFIXES[family.type]:
                found[family.name + suffix] = (*(x for x in labels if x != "le"), *more)
    return found


_SUFFIXES: Mapping[str, list[tuple[str, tuple[str, ...]]]] = {
    "counter": [("_total", ())],
    "gauge": [("", ())],
    "histogram": [("_bucket", ("le",)), ("_sum", ()), ("_count", ())],
}


def recorded() -> dict[str, Mapping[str, str]]:
    """What Prometheus records of an objective, with its labels, for both ways to count."""
    found: dict[str, Mapping[str, str]] = {}
    for way in ({"errors": "bad", "total": "all"}, {"error_ratio": "ratio"}):
        one = ObjectiveSpec(
            name="availability",
            type=ObjectiveType.AVAILABILITY,
            target=0.999,
            window_seconds=30 * 86_400,
            tiers=TIERS,
            **way,
        )
        rules = group(one, OBJECTIVE, "checkout/availability")["rules"]
        found |= {rule["record"]: rule["labels"] for rule in rules if "record" in rule}
        found |= {
            f"ALERTS/{rule['labels']['tier']}/{state}": {
                **rule["labels"],
                "alertname": rule["alert"],
                "alertstate": state,
            }
            for rule in rules
            if "alert" in rule
            for state in ("pending", "firing")
        }
    return found


def samples() -> Samples:
    """Values each minute for two hours, by series."""
    series: Samples = {}
    for labels, target in (
        (operator_labels(), OPERATOR),
        (dashboard_labels(), DASHBOARD),
        (server_labels(), SERVER),
    ):
        series |= _scraped(labels, target)
    for name, own in recorded().items():
        series[_series(name.partition("/")[0], own)] = _STANDS
    return series


def _scraped(
    exported: Mapping[str, tuple[str, ...]], target: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for name, labels in exported.items():
        # A scrape sets namespace and pod; what the process itself calls so is renamed.
        renamed = [f"exported_{one}" if one in target else one for one in labels]
        for values in product(*(VALUES.get(one, ["any"]) for one in renamed)):
            known = {**target, **dict(zip(renamed, values, strict=True))}
            grows = name.endswith(("_total", "_bucket", "_sum", "_count"))
            yield _series(name, known), _GROWS if grows else _STANDS


def _series(name: str, labels: Mapping[str, str]) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
