"""The runtime's pod: restricted, our image, our command, and only what the run needs mounted.

What a user can set is a closed list (resources, and what `placement` lets a service add). The
training pod has no API token; the scoring pod has a projected one that the kubelet renews.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anomaly_operator.api import names
from anomaly_operator.api.quantities import larger_quantity
from anomaly_operator.manifests.metadata import Json
from anomaly_operator.manifests.placement import placement, pod_metadata, user_and_groups
from anomaly_operator.manifests.run_config import Resolved
from anomaly_operator.settings.values import Resources, Settings
from detector_runtime.contract.vocabulary import (
    DATA_DIR,
    IDENTITY_DIR,
    MODELS_DIR,
    RUN_CONFIG_PATH,
    SOURCE_AUTH_DIR,
    SOURCE_CA_DIR,
    TERMINATION_LOG,
    AuthType,
    RunKind,
    SourceType,
)

RUN_AS = 10001
TOKEN_SECONDS = 3600
SCRATCH_DIR = "/tmp"  # noqa: S108 - a path inside the pod, an emptyDir of its own
CONFIG_KEY = "run.json"

# numpy starts a thread a core otherwise; the requests of these pods are a fraction of one core.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class RunProfile:
    """How the two kinds of run differ. `scratch` is the size limit of /tmp."""

    kind: RunKind
    verb: str
    image: str
    defaults: Resources
    wanted: Resources
    ephemeral: tuple[str, str]
    scratch: str

    @property
    def scores(self) -> bool:
        return self.kind is RunKind.SCORE


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
        verb="score",
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
    spec: Json = {
        "restartPolicy": "Never",
        "serviceAccountName": names.RUNNER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "securityContext": {
            "runAsNonRoot": True,
            **user_and_groups(settings.pods, RUN_AS),
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(run, resolved, settings)],
        "volumes": _volumes(run, resolved, settings, config),
        **placement(resolved.spec.pod_template, settings),
    }
    ours = {**labels, names.LABEL_MODELS: names.MODELS_CLAIM}
    metadata = pod_metadata(resolved.spec.pod_template, settings, ours)
    return {"metadata": metadata, "spec": spec}


def _container(run: RunProfile, resolved: Resolved, settings: Settings) -> Json:
    return {
        "name": names.CONTAINER,
        "image": run.image,
        "imagePullPolicy": settings.images.pull_policy.value,
        "command": ["python", "-m", "detector_runtime"],
        "args": _arguments(run, resolved),
        "env": _environment(settings),
        "resources": _resources(run),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "volumeMounts": _mounts(run, resolved),
    }


def _environment(settings: Settings) -> list[Json]:
    variables = {**settings.pods.env, **_ENVIRONMENT}
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _arguments(run: RunProfile, resolved: Resolved) -> list[str]:
    source = resolved.source
    arguments = [run.verb, "--config", RUN_CONFIG_PATH, "--models", MODELS_DIR]
    arguments += ["--report", TERMINATION_LOG]
    if run.scores:
        arguments += ["--identity", IDENTITY_DIR]
    if source.auth is not AuthType.NONE:
        arguments += ["--auth", SOURCE_AUTH_DIR]
    if source.ca_config_map:
        arguments += ["--ca", SOURCE_CA_DIR]
    if source.type is SourceType.CSV:
        arguments += ["--data", DATA_DIR]
    return arguments


def _resources(run: RunProfile) -> Json:
    """The admin's defaults, the user's wishes over them, scratch space always bounded.

    A limit below the default request, or a request above the default limit, takes the other along:
    the API server would refuse the Job.
    """
    request, limit = run.ephemeral
    merged: Json = {
        "requests": {"ephemeral-storage": request},
        "limits": {"ephemeral-storage": limit},
    }
    for layer in (run.defaults, run.wanted):
        for kind, quantities in layer.items():
            merged[kind] = {**merged.get(kind, {}), **quantities}
    requests, limits = merged["requests"], merged["limits"]
    for name in requests.keys() & limits.keys():
        if larger_quantity(limits[name], requests[name]) == limits[name]:
            continue
        if name in run.wanted.get("limits", {}):
            requests[name] = limits[name]
        else:
            limits[name] = requests[name]
    return merged


def _mounts(run: RunProfile, resolved: Resolved) -> list[Json]:
    source = resolved.source
    mounts = [
        _mount("run", RUN_CONFIG_PATH.rpartition("/")[0]),
        {"name": "models", "mountPath": MODELS_DIR, "readOnly": run.scores},
        {"name": "scratch", "mountPath": SCRATCH_DIR},
    ]
    if run.scores:
        mounts.append(_mount("identity", IDENTITY_DIR))
    if source.auth is not AuthType.NONE:
        mounts.append(_mount("source-auth", SOURCE_AUTH_DIR))
    if source.ca_config_map:
        mounts.append(_mount("source-ca", SOURCE_CA_DIR))
    if source.type is SourceType.CSV:
        mounts.append(_mount("data", DATA_DIR))
    return mounts


def _mount(name: str, path: str) -> Json:
    return {"name": name, "mountPath": path, "readOnly": True}


def _volumes(run: RunProfile, resolved: Resolved, settings: Settings, config: str) -> list[Json]:
    """The Secret with the source's credentials is optional: the run then says `SecretMissing`,
    where a pod that never starts would say nothing.
    """
    source, private = resolved.source, _private_mode(settings)
    claim = {"claimName": names.MODELS_CLAIM, "readOnly": run.scores}
    volumes: list[Json] = [
        {"name": "run", "configMap": {"name": config, "defaultMode": 0o444}},
        {"name": "models", "persistentVolumeClaim": claim},
        {"name": "scratch", "emptyDir": {"sizeLimit": run.scratch}},
    ]
    if run.scores:
        volumes.append({"name": "identity", "projected": _identity(private)})
    if source.auth is not AuthType.NONE:
        secret = {"secretName": source.secret_name, "optional": True, "defaultMode": private}
        volumes.append({"name": "source-auth", "secret": secret})
    if source.ca_config_map:
        bundle = {"name": source.ca_config_map, "optional": True, "defaultMode": 0o444}
        volumes.append({"name": "source-ca", "configMap": bundle})
    if source.type is SourceType.CSV:
        volumes.append({"name": "data", **_data(resolved)})
    return volumes


def _private_mode(settings: Settings) -> int:
    """Credentials are for the pod's group. Which group that is, only we know where we set it: else
    whoever runs in the container reads them, and nothing else is in it.
    """
    return 0o444 if settings.pods.uid_from_platform else 0o440


def _identity(mode: int) -> Json:
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    root = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    return {
        "defaultMode": mode,
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
            {"configMap": root},
            {"downwardAPI": {"items": [namespace]}},
        ],
    }


def _data(resolved: Resolved) -> Json:
    source = resolved.source
    if source.claim:
        return {"persistentVolumeClaim": {"claimName": source.claim, "readOnly": True}}
    # Optional, as a pod that waits for its volume says nothing: the run names the missing file.
    return {"configMap": {"name": source.config_map, "optional": True, "defaultMode": 0o444}}
