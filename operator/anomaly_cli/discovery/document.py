"""The graph as AnomalyServices: YAML that `kubectl apply` takes, or a List in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from anomaly_cli.discovery.graph import Graph, Service
from anomaly_cli.discovery.names import Key
from anomaly_operator.api.names import API_VERSION
from anomaly_operator.api.resources import SERVICE
from anomaly_operator.spec.service import MetricPreset

Json = dict[str, Any]

_PART = "# A part of an AnomalyService: add spec.metrics or spec.preset.\n"


def manifests(graph: Graph, *, preset: bool) -> list[Json]:
    """`preset`: the source has span metrics, so that the preset monitors each service, also those
    that call nobody. Without, only callers are written, and their metrics are the user's to add."""
    written = [one for one in graph.services.values() if preset or one.calls]
    return [_manifest(one, preset) for one in written]


def yaml_text(graph: Graph, *, preset: bool) -> Iterator[str]:
    """One document for each service; a comment has what it calls how often."""
    services = {one.key: one for one in graph.services.values()}
    for document in manifests(graph, preset=preset):
        metadata = document["metadata"]
        service = services[Key(metadata.get("namespace", ""), metadata["name"])]
        rates = [
            f"{callee} {rate:.3g}" for callee, rate in service.calls.items() if rate is not None
        ]
        comment = f"# Calls a second: {', '.join(rates)}\n" if rates else ""
        if not preset:
            comment += _PART
        yield f"---\n{comment}{dumped(document)}"


def json_text(graph: Graph, *, preset: bool) -> str:
    items = manifests(graph, preset=preset)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2) + "\n"


def entries(service: Key, callees: Iterator[Key] | list[Key]) -> list[Json]:
    """`spec.dependsOn`; the namespace is written where it is another one."""
    return [
        {"name": one.name}
        if one.namespace == service.namespace
        else {"name": one.name, "namespace": one.namespace}
        for one in callees
    ]


def dumped(document: Json) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=4096)


def _manifest(service: Service, preset: bool) -> Json:
    spec: Json = {}
    if preset:
        spec["preset"] = MetricPreset.OPEN_TELEMETRY_SPAN_METRICS.value
        if service.source_name != service.key.name:
            spec["parameters"] = {"service": service.source_name}
    if service.calls:
        spec["dependsOn"] = entries(service.key, list(service.calls))
    namespace = {"namespace": service.key.namespace} if service.key.namespace else {}
    return {
        "apiVersion": API_VERSION,
        "kind": SERVICE.kind,
        "metadata": {"name": service.key.name, **namespace},
        "spec": spec,
    }
