"""The kind PrometheusRule on a real API server, for as long as a test needs it.

Its schema takes anything: what a rule must look like is promtool's word, not this kind's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from anomaly_operator.api.resources import RULE
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.rest import ApiError

NAME = f"{RULE.plural}.{RULE.group}"
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": RULE.group,
        "scope": "Namespaced",
        "names": {"kind": RULE.kind, "plural": RULE.plural, "singular": "prometheusrule"},
        "versions": [
            {
                "name": RULE.version,
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


@contextmanager
def rule_kind(cluster: Sandbox) -> Iterator[None]:
    """The kind is served meanwhile, and gone after it."""
    path = RULE.path("")

    def served() -> bool:
        try:
            return "items" in cluster.api.request("GET", path)
        except ApiError:
            return False

    cluster.api.create("customresourcedefinitions", DEFINITION)
    try:
        cluster.wait_for(served, 90, "PrometheusRule is served")
        yield
    finally:
        cluster.api.delete("customresourcedefinitions", NAME)
        cluster.wait_for(lambda: not served(), 90, "PrometheusRule is gone")
