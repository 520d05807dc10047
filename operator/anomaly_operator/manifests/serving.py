"""The objects that let a model answer requests: ConfigMap, Deployment and Service of one service.

The ConfigMap names the served revision and changes in place, which is how a promotion reaches pods
that run. The pods read the models and nothing else: they have no metrics source, and an API token
only where they review those of others.
"""

from __future__ import annotations

import json

from anomaly_operator.api import names, resources
from anomaly_operator.manifests.metadata import (
    Component,
    Json,
    manifest,
    owned,
    service_labels,
    watched,
)
from anomaly_operator.manifests.placement import Beside, labels_of_runs, placement, pod_metadata
from anomaly_operator.manifests.pod import (
    COMMAND,
    container_resources,
    container_security,
    environment,
    pod_security,
)
from anomaly_operator.manifests.run_config import Resolved
from anomaly_operator.manifests.volumes import (
    SCRATCH_DIR,
    claim_volume,
    identity_volume,
    mount,
    private_mode,
    read_only,
)
from anomaly_operator.settings.values import AccessMode, Settings
from anomaly_operator.spec.serving import ServingAuth
from anomaly_operator.world.objects import Meta
from detector_runtime.contract.codec import dumps
from detector_runtime.contract.serving import (
    SERVED_FILE,
    SERVED_PATH,
    SERVING_PORT,
    SERVING_TOKEN_PATH,
    Served,
)
from detector_runtime.contract.vocabulary import IDENTITY_DIR, MODELS_DIR, TERMINATION_LOG

PORT_NAME = "http"
SERVICE_PORT = 80
GRACE_SECONDS = 60
"""For requests under way, after the few seconds in which clients still find the pod."""
PROGRESS_SECONDS = 300
_EPHEMERAL = ("16Mi", "128Mi")
_SCRATCH = "64Mi"
_TOKEN_DIR = SERVING_TOKEN_PATH.rpartition("/")[0]
_SERVED_DIR = SERVED_PATH.rpartition("/")[0]


def served_config(service: Meta, served: Served) -> Json:
    """Not immutable, unlike a RunConfig: the pods that run have to see the next revision."""
    name = names.served_config_name(service.name, service.uid)
    labels = watched(service_labels(service, Component.SERVED_REVISION))
    made = manifest(
        resources.CONFIG_MAP, service.namespace, name, labels=labels, owners=owned(service)
    )
    return {**made, "data": {SERVED_FILE: dumps(served)}}


def serving_deployment(resolved: Resolved, settings: Settings) -> Json:
    """`spec.replicas` within what the settings allow, and none while the service is suspended. A
    new pod is ready before an old one goes."""
    service, plan = resolved.meta, resolved.spec.serving
    labels = service_labels(service, Component.SERVING)
    template = _pod_template(resolved, settings)
    replicas = 0 if resolved.spec.suspend else min(plan.replicas, settings.serving.max_replicas)
    made = manifest(
        resources.DEPLOYMENT,
        service.namespace,
        names.serving_name(service.name, service.uid),
        labels=labels,
        owners=owned(service),
        annotations={
            names.ANNOTATION_TEMPLATE: names.short_hash(json.dumps(template, sort_keys=True))
        },
    )
    spec = {
        "replicas": replicas,
        "revisionHistoryLimit": 2,
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "selector": {"matchLabels": _selector(service)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "template": template,
    }
    return {**made, "spec": spec}


def serving_service(service: Meta) -> Json:
    """Inside the cluster alone; what is to be reached from outside has its own way in front."""
    made = manifest(
        resources.K8S_SERVICE,
        service.namespace,
        names.serving_name(service.name, service.uid),
        labels=service_labels(service, Component.SERVING),
        owners=owned(service),
    )
    port = {"name": PORT_NAME, "port": SERVICE_PORT, "protocol": "TCP", "targetPort": PORT_NAME}
    return {
        **made,
        "spec": {"type": "ClusterIP", "selector": _selector(service), "ports": [port]},
    }


def endpoint(service: Meta) -> str:
    """URL inside the cluster."""
    return f"http://{names.serving_name(service.name, service.uid)}.{service.namespace}.svc"


def _selector(service: Meta) -> dict[str, str]:
    """By uid: a service made anew under the name has other pods. A selector cannot be changed."""
    return {
        names.LABEL_COMPONENT: Component.SERVING.value,
        names.LABEL_SERVICE_UID: service.uid,
    }


def _pod_template(resolved: Resolved, settings: Settings) -> Json:
    service, wanted = resolved.meta, resolved.spec.pod_template
    reviews = resolved.spec.serving.auth is ServingAuth.TOKEN_REVIEW
    once = settings.storage.access_mode is not AccessMode.READ_WRITE_MANY
    spec: Json = {
        "restartPolicy": "Always",
        "serviceAccountName": settings.serving.account if reviews else names.RUNNER,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod_security(settings),
        "containers": [_container(resolved, settings)],
        "volumes": _volumes(resolved, settings),
        **placement(wanted, settings, Beside(models=once)),
    }
    ours = labels_of_runs(wanted, settings, service_labels(service, Component.SERVING))
    metadata = pod_metadata(wanted, settings, {**ours, names.LABEL_MODELS: names.MODELS_CLAIM})
    return {"metadata": metadata, "spec": spec}


def _container(resolved: Resolved, settings: Settings) -> Json:
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    plan = resolved.spec.serving
    return {
        "name": names.CONTAINER,
        "image": settings.serving.image,
        "imagePullPolicy": settings.images.pull_policy.value,
        "command": list(COMMAND),
        "args": _arguments(resolved),
        "env": [address, *environment(settings)],
        "ports": [{"name": PORT_NAME, "containerPort": SERVING_PORT, "protocol": "TCP"}],
        "startupProbe": {**_probe("/health"), "periodSeconds": 1, "failureThreshold": 60},
        "readinessProbe": {**_probe("/ready"), "periodSeconds": 2, "failureThreshold": 2},
        "livenessProbe": {**_probe("/health"), "periodSeconds": 10, "failureThreshold": 3},
        "resources": container_resources(settings.serving.resources, plan.resources, _EPHEMERAL),
        "securityContext": container_security(),
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "volumeMounts": _mounts(plan.auth),
    }


def _probe(path: str) -> Json:
    return {"httpGet": {"path": path, "port": PORT_NAME}, "timeoutSeconds": 5}


def _arguments(resolved: Resolved) -> list[str]:
    auth = resolved.spec.serving.auth
    arguments = ["serve", "--uid", resolved.meta.uid, "--models", MODELS_DIR]
    arguments += ["--served", SERVED_PATH]
    # Only the pod's own address, and no other of the node.
    arguments += ["--host", "$(POD_IP)", "--port", str(SERVING_PORT), "--auth", auth.value]
    match auth:
        case ServingAuth.TOKEN:
            arguments += ["--token", SERVING_TOKEN_PATH]
        case ServingAuth.TOKEN_REVIEW:
            arguments += ["--identity", IDENTITY_DIR]
    return arguments


def _mounts(auth: ServingAuth) -> list[Json]:
    found = [
        read_only("served", _SERVED_DIR),
        read_only("models", MODELS_DIR),
        mount("scratch", SCRATCH_DIR, writes=True),
    ]
    if auth is ServingAuth.TOKEN:
        found.append(read_only("serving-auth", _TOKEN_DIR))
    if auth is ServingAuth.TOKEN_REVIEW:
        found.append(read_only("identity", IDENTITY_DIR))
    return found


def _volumes(resolved: Resolved, settings: Settings) -> list[Json]:
    """Without its Secret the pod starts and is not ready: it says why, where the kubelet would
    only wait."""
    service, auth = resolved.meta, resolved.spec.serving.auth
    config = names.served_config_name(service.name, service.uid)
    found: list[Json] = [
        {"name": "served", "configMap": {"name": config, "defaultMode": 0o444}},
        claim_volume("models", names.MODELS_CLAIM, reads_only=True),
        {"name": "scratch", "emptyDir": {"sizeLimit": _SCRATCH}},
    ]
    if auth is ServingAuth.TOKEN:
        mode = private_mode(settings)
        secret = {"secretName": names.SERVING_TOKEN, "optional": True, "defaultMode": mode}
        found.append({"name": "serving-auth", "secret": secret})
    if auth is ServingAuth.TOKEN_REVIEW:
        found.append(identity_volume(settings))
    return found
