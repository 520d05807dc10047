"""A pod that asks for what a local process cannot give is told so."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_sandbox.node import images
from anomaly_sandbox.node.images import Image
from anomaly_sandbox.node.refusals import ignored, refused

Json = dict[str, Any]


def spec(container: Json | None = None, **more: Any) -> Json:
    return {"containers": [{"name": "main", "image": "x", **(container or {})}], **more}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (spec(hostNetwork=True), "spec.hostNetwork"),
        (spec(hostPID=True), "spec.hostPID"),
        (spec(hostIPC=True), "spec.hostIPC"),
        (spec(shareProcessNamespace=True), "spec.shareProcessNamespace"),
        (spec(runtimeClassName="gvisor"), "spec.runtimeClassName"),
        (spec(hostAliases=[{"ip": "1.2.3.4"}]), "spec.hostAliases"),
        (spec(dnsPolicy="None"), "spec.dnsPolicy"),
        (spec(readinessGates=[{"conditionType": "x"}]), "spec.readinessGates"),
        (spec(ephemeralContainers=[{"name": "x"}]), "spec.ephemeralContainers"),
        (spec(os={"name": "windows"}), "spec.os.name"),
        (spec(securityContext={"sysctls": [{}]}), "sysctls"),
        (spec(somethingNew="x"), "spec.somethingNew"),
        (spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), "hostPath"),
        (spec(volumes=[{"name": "v", "nfs": {}}]), "nfs"),
        (spec(volumes=[{"name": "v", "csi": {}}]), "csi"),
        (
            spec(volumes=[{"name": "v", "projected": {"sources": [{"clusterTrustBundle": {}}]}}]),
            "clusterTrustBundle",
        ),
        (spec({"securityContext": {"privileged": True}}), "privileged"),
        (spec({"securityContext": {"capabilities": {"add": ["SYS_TIME"]}}}), "capabilities.add"),
        (spec({"ports": [{"containerPort": 80, "hostPort": 80}]}), "hostPort 80"),
        (spec({"resources": {"limits": {"example.com/gpu": "1"}}}), "example.com/gpu"),
        (spec({"lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}), "lifecycle"),
        (spec({"livenessProbe": {"grpc": {"port": 1}}}), "livenessProbe.grpc"),
        (spec({"stdin": True, "tty": True}), "tty"),
        (spec({"volumeDevices": [{"name": "x"}]}), "volumeDevices"),
        (spec({"restartPolicy": "Always"}), "restartPolicy"),
        (spec({"volumeMounts": [{"name": "v", "mountPath": "/etc/"}]}), "/etc/"),
        (
            spec({"volumeMounts": [{"name": "v", "mountPath": "/x", "mountPropagation": "Both"}]}),
            "mountPropagation",
        ),
    ],
)
def test_it_is_refused_with_the_field_in_the_message(asked: Json, words: str) -> None:
    assert words in "; ".join(refused(asked))


@pytest.mark.parametrize(
    "asked",
    [
        spec(),
        spec(hostNetwork=False, hostPID=False, terminationGracePeriodSeconds=30),
        spec(dnsPolicy="ClusterFirst", schedulerName="default-scheduler", priority=0),
        spec({"resources": {"limits": {"memory": "1Mi", "cpu": "1"}, "claims": []}}),
        spec({"securityContext": {"privileged": False, "capabilities": {"drop": ["ALL"]}}}),
        spec({"volumeMounts": [{"name": "v", "mountPath": "/etc/anomaly-operator"}]}),
        spec({"lifecycle": {}, "stdin": False}),
    ],
)
def test_an_ordinary_pod_is_not_refused(asked: Json) -> None:
    assert refused(asked) == []


def test_what_has_no_effect_is_listed() -> None:
    asked = spec(
        {"securityContext": {"readOnlyRootFilesystem": True}, "resources": {"limits": {"cpu": 1}}},
        securityContext={"runAsUser": 1, "fsGroup": 2},
        volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}],
    )
    assert ignored(asked) == [
        "emptyDir.sizeLimit",
        "resources.limits.cpu",
        "securityContext.fsGroup",
        "securityContext.readOnlyRootFilesystem",
        "securityContext.runAsUser",
    ]


@pytest.mark.parametrize(
    ("reference", "program"),
    [
        ("anomaly-operator/operator:0.1.0", "anomaly_operator"),
        ("ghcr.io/acme/anomaly-operator/operator:v1", "anomaly_operator"),
        ("localhost:5000/anomaly-operator/operator", "anomaly_operator"),
        ("anomaly-operator/operator:1@sha256:00", "anomaly_operator"),
        ("anomaly-operator/runtime-score:0.1.0", "detector_runtime"),
        ("anomaly-operator/runtime-train", "detector_runtime"),
    ],
)
def test_the_products_images_are_known_from_any_registry(reference: str, program: str) -> None:
    found = images.find(reference, ())
    assert found is not None
    assert found.entrypoint[-1] == program


@pytest.mark.parametrize(
    "reference", ["nginx", "notanomaly-operator/operator", "anomaly-operator/other:1", "operator"]
)
def test_other_images_are_unknown(reference: str) -> None:
    assert images.find(reference, ()) is None


def test_an_image_of_the_sandbox_wins_over_a_built_in_one() -> None:
    own = Image("anomaly-operator/operator:*", ["true"])
    assert images.find("anomaly-operator/operator:1", (own,)) is own
