"""What a pod may ask of an ordinary process: honoured, ignored and said so, or refused.

Every field is in one of three sets. A field in none of them is refused by name: the sandbox
would rather not run a pod than pretend. The sets are shown in operator/docs/sandbox.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

POD_HONOURED = frozenset(
    {
        "activeDeadlineSeconds", "automountServiceAccountToken", "containers", "initContainers",
        "nodeName", "nodeSelector", "restartPolicy", "serviceAccountName",
        "terminationGracePeriodSeconds", "volumes",
    }
)  # fmt: skip
POD_SATISFIED = frozenset(
    {
        "affinity", "dnsPolicy", "enableServiceLinks", "hostname", "imagePullSecrets", "os",
        "overhead", "preemptionPolicy", "priority", "priorityClassName", "schedulerName",
        "schedulingGates", "serviceAccount", "subdomain", "tolerations",
        "topologySpreadConstraints",
    }
)  # fmt: skip
CONTAINER_HONOURED = frozenset(
    {
        "args", "command", "env", "envFrom", "image", "imagePullPolicy", "livenessProbe", "name",
        "ports", "readinessProbe", "resizePolicy", "resources", "startupProbe",
        "terminationMessagePath", "terminationMessagePolicy", "volumeMounts", "workingDir",
    }
)  # fmt: skip
IGNORED_SECURITY = frozenset(
    {
        "allowPrivilegeEscalation", "appArmorProfile", "capabilities", "fsGroup",
        "fsGroupChangePolicy", "procMount", "readOnlyRootFilesystem", "runAsGroup", "runAsNonRoot",
        "runAsUser", "seLinuxOptions", "seccompProfile", "supplementalGroups",
        "supplementalGroupsPolicy",
    }
)  # fmt: skip
VOLUMES = frozenset(
    {
        "configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret",
    }
)  # fmt: skip
PROJECTED = frozenset(
    {
        "configMap", "downwardAPI", "secret", "serviceAccountToken",
    }
)  # fmt: skip
RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
SYSTEM_PATHS = frozenset({"", "/bin", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"})
PROBE_HONOURED = frozenset(
    {
        "exec", "failureThreshold", "httpGet", "initialDelaySeconds", "periodSeconds",
        "successThreshold", "tcpSocket", "timeoutSeconds",
    }
)  # fmt: skip
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def refused(spec: Json) -> list[str]:
    """Why this pod cannot run here, a sentence each; empty when it can."""
    return [
        *_pod(spec),
        *_volumes(spec),
        *(text for item in containers(spec) for text in _container(item)),
    ]


def ignored(spec: Json) -> list[str]:
    """Field paths that the pod sets and that have no effect here, in order."""
    found: set[str] = set()
    contexts = [spec.get("securityContext"), *(c.get("securityContext") for c in containers(spec))]
    for context in contexts:
        found.update(f"securityContext.{key}" for key in (context or {}) if key in IGNORED_SECURITY)
    for item in containers(spec):
        limits = item.get("resources", {}).get("limits", {})
        found.update(f"resources.limits.{key}" for key in limits if key != "memory")
    for volume in spec.get("volumes", ()):
        found.update(f"emptyDir.{key}" for key in volume.get("emptyDir") or {})
        if (volume.get("persistentVolumeClaim") or {}).get("readOnly"):
            found.add("persistentVolumeClaim.readOnly")
    return sorted(found)


def containers(spec: Json) -> list[Json]:
    return [*spec.get("initContainers", ()), *spec.get("containers", ())]


def _pod(spec: Json) -> Iterator[str]:
    known = POD_HONOURED | POD_SATISFIED | {"securityContext"}
    for key, value in spec.items():
        if key not in known and value not in (False, None, [], {}):
            yield f"spec.{key}: a local process cannot honour this"
    for key in spec.get("securityContext") or {}:
        if key not in IGNORED_SECURITY:
            yield f"spec.securityContext.{key}: a local process cannot honour this"
    if (spec.get("os") or {}).get("name", "linux") != "linux":
        yield "spec.os.name: only linux runs here"
    if spec.get("dnsPolicy", "ClusterFirst") == "None":
        yield "spec.dnsPolicy: None needs a resolver of its own; there is no cluster DNS here"


def _volumes(spec: Json) -> Iterator[str]:
    for volume in spec.get("volumes", ()):
        kinds = [key for key in volume if key != "name"]
        for kind in kinds:
            if kind not in VOLUMES:
                yield f"volume {volume['name']}: {kind} volumes are not possible here"
        for source in (volume.get("projected") or {}).get("sources", ()):
            for kind in source:
                if kind not in PROJECTED:
                    yield f"volume {volume['name']}: projected {kind} is not possible here"


def _container(item: Json) -> Iterator[str]:
    where = f"container {item['name']}"
    for key, value in item.items():
        if key not in CONTAINER_HONOURED | {"securityContext"} and value not in (False, None, {}):
            yield f"{where}: {key}: a local process cannot honour this"
    yield from _security(where, item.get("securityContext") or {})
    yield from _resources(where, item.get("resources") or {})
    for port in item.get("ports", ()):
        if port.get("hostPort"):
            yield f"{where}: hostPort {port['hostPort']}: use the pod's own address"
    for probe in PROBES:
        for key in item.get(probe) or {}:
            if key not in PROBE_HONOURED:
                yield f"{where}: {probe}.{key}: not possible here"
    for mount in item.get("volumeMounts", ()):
        if mount.get("mountPropagation", "None") != "None":
            yield f"{where}: mountPropagation: there are no mounts here"
        if mount["mountPath"].rstrip("/") in SYSTEM_PATHS:
            yield f"{where}: mountPath {mount['mountPath']}: hides what a process needs"


def _security(where: str, context: Json) -> Iterator[str]:
    if context.get("privileged"):
        yield f"{where}: securityContext.privileged: a local process cannot be privileged"
    for key in context:
        if key not in IGNORED_SECURITY | {"privileged"}:
            yield f"{where}: securityContext.{key}: a local process cannot honour this"
    if (context.get("capabilities") or {}).get("add"):
        yield f"{where}: securityContext.capabilities.add: a local process gets none"


def _resources(where: str, resources: Json) -> Iterator[str]:
    for kind in ("limits", "requests"):
        for name in resources.get(kind, {}):
            if name not in RESOURCES:
                yield f"{where}: resources.{kind}.{name}: the node has none"
    if resources.get("claims"):
        yield f"{where}: resources.claims: the node has no devices"
