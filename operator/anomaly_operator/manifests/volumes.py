"""What a runtime pod has mounted: only what its run needs, and read-only what it does not write.

A training has no API token; the other runs have a projected one that the kubelet renews. A training
run's claim is that of its log, in the namespace of the service; no other path of a node or of
another namespace can be mounted.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator.api import names
from anomaly_operator.manifests.metadata import Json
from anomaly_operator.manifests.run_config import Resolved
from anomaly_operator.settings.values import MetricsSource, Settings
from detector_runtime.contract.vocabulary import (
    DATA_DIR,
    IDENTITY_DIR,
    MODELS_DIR,
    RUN_CONFIG_PATH,
    RUN_DATA_DIR,
    SOURCE_AUTH_DIR,
    SOURCE_CA_DIR,
    AuthType,
    RunKind,
    SourceType,
)

TOKEN_SECONDS = 3600
SCRATCH_DIR = "/tmp"  # noqa: S108 - a path inside the pod, an emptyDir of its own


@dataclass(frozen=True, slots=True)
class Mounted:
    """`models`: the claim with the namespace's models, or with the state of a training run that has
    no claim to write to. `run_claim`: of the log, empty without one. `identity`: the API token.
    """

    models: bool = True
    models_read_only: bool = False
    run_claim: str = ""
    run_read_only: bool = False
    identity: bool = False


def mounted_by(kind: RunKind, resolved: Resolved) -> Mounted:
    run = resolved.spec.training_run
    if kind is RunKind.FOLLOW and run is not None:
        return Mounted(
            models=not run.writes_to_claim,
            run_claim=run.claim,
            run_read_only=not run.writes_to_claim,
            identity=True,
        )
    scores = kind is RunKind.SCORE
    return Mounted(models_read_only=scores, identity=scores)


def mounts(mounted: Mounted, source: MetricsSource) -> list[Json]:
    """The volumeMounts of the container."""
    found = [read_only("run", RUN_CONFIG_PATH.rpartition("/")[0])]
    if mounted.models:
        found.append(mount("models", MODELS_DIR, writes=not mounted.models_read_only))
    if mounted.run_claim:
        found.append(mount("run-data", RUN_DATA_DIR, writes=not mounted.run_read_only))
    found.append({"name": "scratch", "mountPath": SCRATCH_DIR})
    if mounted.identity:
        found.append(read_only("identity", IDENTITY_DIR))
    if source.auth is not AuthType.NONE:
        found.append(read_only("source-auth", SOURCE_AUTH_DIR))
    if source.ca_config_map:
        found.append(read_only("source-ca", SOURCE_CA_DIR))
    if source.type is SourceType.CSV:
        found.append(read_only("data", DATA_DIR))
    return found


def volumes(
    mounted: Mounted, source: MetricsSource, settings: Settings, config: str, scratch: str
) -> list[Json]:
    """The volumes of the pod. The Secret with the source's credentials is optional: the run then
    says `SecretMissing`, where a pod that never starts would say nothing.
    """
    private = private_mode(settings)
    found: list[Json] = [{"name": "run", "configMap": {"name": config, "defaultMode": 0o444}}]
    if mounted.models:
        found.append(claim_volume("models", names.MODELS_CLAIM, mounted.models_read_only))
    if mounted.run_claim:
        found.append(claim_volume("run-data", mounted.run_claim, mounted.run_read_only))
    found.append({"name": "scratch", "emptyDir": {"sizeLimit": scratch}})
    if mounted.identity:
        found.append(identity_volume(settings))
    if source.auth is not AuthType.NONE:
        secret = {"secretName": source.secret_name, "optional": True, "defaultMode": private}
        found.append({"name": "source-auth", "secret": secret})
    if source.ca_config_map:
        bundle = {"name": source.ca_config_map, "optional": True, "defaultMode": 0o444}
        found.append({"name": "source-ca", "configMap": bundle})
    if source.type is SourceType.CSV:
        found.append({"name": "data", **_data(source)})
    return found


def mount(name: str, path: str, *, writes: bool) -> Json:
    return {"name": name, "mountPath": path, "readOnly": not writes}


def read_only(name: str, path: str) -> Json:
    return mount(name, path, writes=False)


def claim_volume(volume: str, name: str, reads_only: bool) -> Json:
    claim = {"claimName": name, "readOnly": reads_only}
    return {"name": volume, "persistentVolumeClaim": claim}


def private_mode(settings: Settings) -> int:
    """Credentials are for the pod's group. Which group that is, only we know where we set it: else
    whoever runs in the container reads them, and nothing else is in it.
    """
    return 0o444 if settings.pods.uid_from_platform else 0o440


def identity_volume(settings: Settings) -> Json:
    """The API token of the pod's account."""
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    root = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    token = {"path": "token", "expirationSeconds": TOKEN_SECONDS}
    sources: list[Json] = [
        {"serviceAccountToken": token},
        {"configMap": root},
        {"downwardAPI": {"items": [namespace]}},
    ]
    projected = {"defaultMode": private_mode(settings), "sources": sources}
    return {"name": "identity", "projected": projected}


def _data(source: MetricsSource) -> Json:
    if source.claim:
        return {"persistentVolumeClaim": {"claimName": source.claim, "readOnly": True}}
    # Optional, as a pod that waits for its volume says nothing: the run names the missing file.
    return {"configMap": {"name": source.config_map, "optional": True, "defaultMode": 0o444}}
