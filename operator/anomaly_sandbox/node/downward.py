"""The downward API: what a pod may learn about itself."""

from __future__ import annotations

import os
import re
from typing import Any

from anomaly_operator.api.quantities import rounded_up

Json = dict[str, Any]
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def field_value(pod: Json, path: str, *, pod_ip: str, host_ip: str) -> str:
    """The value of a fieldRef; ValueError for a path that the downward API does not know."""
    meta, spec = pod["metadata"], pod["spec"]
    if found := _SUBSCRIPT.fullmatch(path):
        return str((meta.get(found[1]) or {}).get(found[2], ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        pairs = meta.get(path.rsplit(".", 1)[1]) or {}
        return "\n".join(f'{key}="{_escaped(pairs[key])}"' for key in sorted(pairs))
    values = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
    }
    if path not in values:
        raise ValueError(f"fieldRef {path!r} is not supported")
    return str(values[path])


def resource_value(container: Json, reference: Json) -> str:
    """The value of a resourceFieldRef; without a limit the node's capacity, as in a cluster."""
    kind, _, name = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(name)
    if amount is None:
        if kind == "requests":
            amount = "0"
        elif name == "memory":
            amount = str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        elif name == "cpu":
            amount = str(os.cpu_count() or 1)
        else:
            amount = "0"
    return str(rounded_up(amount, reference.get("divisor") or "1"))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
