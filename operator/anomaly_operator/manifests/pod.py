"""The runtime's pod: restricted, our image, our command.

What a user can set is a closed list (resources, and what `placement` lets a service add). What is
mounted is `volumes`' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_operator.api import names
from anomaly_operator.api.quantities import larger_quantity
from anomaly_operator.manifests.metadata import Json
from anomaly_operator.manifests.placement import (
    Beside,
    placement,
    pod_metadata,
    user_and_groups,
)
from anomaly_operator.manifests.run_config import Resolved
from anomaly_operator.manifests.volumes import Mounted, mounted_by, mounts, volumes
from anomaly_operator.settings.values import AccessMode, Resources, Settings
from detector_runtime.contract.vocabulary import (
    DATA_DIR,
    IDENTITY_DIR,
    MODELS_DIR,
    RUN_CONFIG_PATH,
    RUN_DATA_DIR,
    SOURCE_AUTH_DIR,
    SOURCE_CA_DIR,
    TERMINATION_LOG,
    AuthType,
    RunKind,
    SourceType,
)

RUN_AS = 10001
CONFIG_KEY = "run.json"
COMMAND = ("python", "-m", "detector_runtime")

# numpy starts a thread a core otherwise; the requests of these pods are a fraction of one core.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class RunProfile:
    """How the kinds of run differ. `scratch` is the size limit of /tmp."""

    kind: RunKind
    verb: str
    image: str
    defaults: Resources
    wanted: Resources
    ephemeral: tuple[str, str]
    scratch: str


def profile_of(kind: RunKind, resolved: Resolved, settings: Settings) -> RunProfile:
    spec, images = resolved.spec, settings.images
    if kind is RunKind.TRAIN:
        return RunProfile(
            kind=kind,
            verb="train",
            image=images.train,
            defaults=settings.training.resources,
            wanted=spec.training_resources,
            ephemeral=("64Mi", "1Gi"),
            scratch="512Mi",
        )
    return RunProfile(
        kind=kind,
        verb="follow" if kind is RunKind.FOLLOW else "score",
        image=images.score,
        defaults=settings.inference.resources,
        wanted=spec.inference_resources,
        ephemeral=("16Mi", "128Mi"),
        scratch="64Mi",
    )


def pod_template(
    run: RunProfile, resolved: Resolved, settings: Settings, config: str, labels: Mapping[str, str]
) -> Json:
    """A PodTemplateSpec. `config` is the ConfigMap with the RunConfig."""
    mounted = mounted_by(run.kind, resolved)
    spec: Json = {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUNNER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "securityContext": pod_security(settings),
        "containers": [_container(run, mounted, resolved, settings)],
        "volumes": volumes(mounted, resolved.source, settings, config, run.scratch),
        **placement(resolved.spec.pod_template, settings, _beside(mounted, resolved, settings)),
    }
    ours = {**labels, **({names.LABEL_MODELS: names.MODELS_CLAIM} if mounted.models else {})}
    metadata = pod_metadata(resolved.spec.pod_template, settings, ours)
    return {"metadata": metadata, "spec": spec}


def pod_security(settings: Settings) -> Json:
    return {
        "runAsNonRoot": True,
        **user_and_groups(settings.pods, RUN_AS),
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _beside(mounted: Mounted, resolved: Resolved, settings: Settings) -> Beside:
    """Pods that share a ReadWriteOnce volume have to be on one node; whoever reads the log of a
    trainer does well to be on its node."""
    once = settings.storage.access_mode is not AccessMode.READ_WRITE_MANY
    return Beside(models=mounted.models and once, trainer=resolved.spec.trainer)


def _container(run: RunProfile, mounted: Mounted, resolved: Resolved, settings: Settings) -> Json:
    return {
        "name": names.CONTAINER,
        "image": run.image,
        "imagePullPolicy": settings.images.pull_policy.value,
        "command": list(COMMAND),
        "args": _arguments(run, mounted, resolved),
        "env": environment(settings),
        "resources": container_resources(run.defaults, run.wanted, run.ephemeral),
        "securityContext": container_security(),
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts(mounted, resolved.source),
    }


def container_security() -> Json:
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def environment(settings: Settings) -> list[Json]:
    variables = {**settings.pods.env, **_ENVIRONMENT}
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _arguments(run: RunProfile, mounted: Mounted, resolved: Resolved) -> list[str]:
    source = resolved.source
    arguments = [run.verb, "--config", RUN_CONFIG_PATH]
    if mounted.models:
        arguments += ["--models", MODELS_DIR]
    if mounted.run_claim:
        arguments += ["--run-data", RUN_DATA_DIR]
    arguments += ["--report", TERMINATION_LOG]
    if mounted.identity:
        arguments += ["--identity", IDENTITY_DIR]
    if source.auth is not AuthType.NONE:
        arguments += ["--auth", SOURCE_AUTH_DIR]
    if source.ca_config_map:
        arguments += ["--ca", SOURCE_CA_DIR]
    if source.type is SourceType.CSV:
        arguments += ["--data", DATA_DIR]
    return arguments


def container_resources(defaults: Resources, wanted: Resources, ephemeral: tuple[str, str]) -> Json:
    """The admin's defaults, the user's wishes over them, scratch space always bounded.

    A limit below the default request, or a request above the default limit, takes the other along:
    the API server would refuse the Job.
    """
    request, limit = ephemeral
    merged: Json = {
        "requests": {"ephemeral-storage": request},
        "limits": {"ephemeral-storage": limit},
    }
    for layer in (defaults, wanted):
        for kind, quantities in layer.items():
            merged[kind] = {**merged.get(kind, {}), **quantities}
    requests, limits = merged["requests"], merged["limits"]
    for name in requests.keys() & limits.keys():
        if larger_quantity(limits[name], requests[name]) == limits[name]:
            continue
        if name in wanted.get("limits", {}):
            requests[name] = limits[name]
        else:
            limits[name] = requests[name]
    return merged
