"""Services that call one another, also in a circle, and one that would call itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from anomaly_operator.api import names
from anomaly_operator.api.resources import SERVICE
from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.local_operator import LocalOperator
from watched.namespace import NEVER, Watched, operator_writes, reconciles

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]


def service(name: str, *calls: str) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": SERVICE.kind,
        "metadata": {"name": name},
        "spec": {
            "preset": "OpenTelemetrySpanMetrics",
            "training": {"schedule": NEVER},
            "inference": {"interval": "1h"},
            "incidents": {"separation": "5h"},
            "dependsOn": [{"name": called} for called in calls],
        },
    }


def test_a_service_that_depends_on_itself_is_refused(crds: Sandbox, namespace: str) -> None:
    refused = crds.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(service("a", "a")))
    assert refused.returncode != 0
    assert "spec.dependsOn names the service itself, a" in refused.stderr


def test_a_circle_is_named_stays_quiet_and_tells_who_is_gone(
    crds: Sandbox, namespace: str, make_operator: Callable[..., LocalOperator], trainer: str
) -> None:
    shop = Watched(crds, namespace)
    operator = make_operator(namespace, "--no-leader-elect", runtime=trainer)
    circle = {"a": ("b",), "b": ("c", "a"), "c": ("a",)}
    shop.apply(service("a", *circle["a"]))
    seen = shop.await_condition("a", "DependenciesResolved", "DependencyMissing", words=("b",))
    assert seen.status == "False"
    for name in ("b", "c"):
        shop.apply(service(name, *circle[name]))
    for name in circle:
        shop.await_condition(name, "DependenciesResolved", "DependencyCycle", words=(name,))
        shop.wait(lambda n=name: shop.serves(n), 180)
    shop.wait(lambda: all(shop.condition(n, "Ready").status == "True" for n in circle))
    # Each is looked at again, and no one sets another off.
    log, before = crds.audit().since_now(), reconciles(operator)
    crds.kubectl("annotate", "asvc", "--all", "look=again", "-n", namespace, check=True)
    shop.wait(lambda: reconciles(operator) >= before + len(circle))
    assert operator_writes(log, namespace) == []
    crds.kubectl("delete", "asvc", "c", "-n", namespace, check=True)
    shop.await_condition("b", "DependenciesResolved", "DependencyMissing", words=("c",))
    assert shop.condition("a", "DependenciesResolved").reason == "DependencyCycle"
    assert shop.condition("b", "Ready").status == "True"
