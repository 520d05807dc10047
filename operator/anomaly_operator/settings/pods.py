"""What the admin decides about the runtime's pods, and what of it a service may add.

Image, command, volumes and privileges are not among it: they are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from anomaly_operator.api import names

# A sidecar that does not end keeps the pod of a Job running, so injectors are told to stay away.
OPT_OUT_ANNOTATIONS: Mapping[str, str] = MappingProxyType(
    {
        "consul.hashicorp.com/connect-inject": "false",
        "dapr.io/enabled": "false",
        "instrumentation.opentelemetry.io/inject-python": "false",
        "kuma.io/sidecar-injection": "disabled",
        "linkerd.io/inject": "disabled",
        "openservicemesh.io/sidecar-injection": "disabled",
        "sidecar.istio.io/inject": "false",
        "sidecar.opentelemetry.io/inject": "false",
        "vault.hashicorp.com/agent-inject": "false",
    }
)
OPT_OUT_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "admission.datadoghq.com/enabled": "false",
        "kuma.io/sidecar-injection": "disabled",
        "sidecar.istio.io/inject": "false",
    }
)

RESERVED_KEYS = frozenset({"controller-uid", "job-name"})
RESERVED_DOMAINS = frozenset({names.GROUP, "batch.kubernetes.io"})
"""Keys that the operator and the Job controller set themselves."""

ANY_PLAIN_KEY = "*"
"""In a list of allowed keys: every key without a domain, such as `team`."""


@dataclass(frozen=True, slots=True)
class PerService:
    """What `spec.podTemplate` of a service may contain.

    Of annotations and labels: `team` is that key, `example.com/` every key of that domain, `*`
    every key without a domain. Of node selectors and tolerations: the keys. An empty list allows
    nothing.
    """

    annotations: tuple[str, ...] = (ANY_PLAIN_KEY,)
    labels: tuple[str, ...] = (ANY_PLAIN_KEY,)
    node_selector: tuple[str, ...] = ()
    tolerations: tuple[str, ...] = ()
    priority_classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Handed on to the pod template. `env` has literal values. `uid_from_platform` leaves user
    and groups out, so that the platform sets them from the namespace's range (OpenShift).
    """

    annotations: Mapping[str, str] = field(default_factory=lambda: dict(OPT_OUT_ANNOTATIONS))
    labels: Mapping[str, str] = field(default_factory=lambda: dict(OPT_OUT_LABELS))
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)
    topology_spread_constraints: tuple[Mapping[str, Any], ...] = ()
    priority_class_name: str = ""
    runtime_class_name: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    uid_from_platform: bool = False
    per_service: PerService = field(default_factory=PerService)
