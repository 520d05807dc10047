"""The linters' list over every pod of the project: the chart's own and those that the operator
makes. One assertion a check, each for each pod."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Json = dict[str, Any]
Check = Callable[[Json, Json], object]

PODS = ["operator", "dashboard", "test", "training", "inference"]
NEEDS_TOKEN = {"operator", "dashboard", "test"}


@pytest.fixture(params=PODS)
def pod(
    request: pytest.FixtureRequest,
    render: Callable[..., list[Json]],
    only: Callable[..., Json],
    workloads: dict[str, Json],
) -> tuple[str, Json]:
    found: dict[str, Callable[[], Json]] = {
        "operator": lambda: only(render(), "Deployment")["spec"]["template"]["spec"],
        "dashboard": lambda: only(
            render({"dashboard": {"enabled": True}}), "Deployment", "anomaly-operator-dashboard"
        )["spec"]["template"]["spec"],
        "test": lambda: only(render(), "Pod")["spec"],
        "training": lambda: workloads["Job"]["spec"]["template"]["spec"],
        "inference": lambda: workloads["CronJob"]["spec"]["jobTemplate"]["spec"]["template"][
            "spec"
        ],
    }
    return request.param, found[request.param]()


def absent(field: str) -> Check:
    return lambda pod, _: not pod.get(field)


CHECKS: dict[str, Check] = {
    "one container, nothing before it": lambda pod, _: (
        len(pod["containers"]) == 1 and not pod.get("initContainers")
    ),
    "not privileged": lambda _, c: c["securityContext"]["privileged"] is False,
    "no escalation": lambda _, c: c["securityContext"]["allowPrivilegeEscalation"] is False,
    "read-only root": lambda _, c: c["securityContext"]["readOnlyRootFilesystem"] is True,
    "all capabilities dropped": lambda _, c: (
        c["securityContext"]["capabilities"]["drop"] == ["ALL"]
    ),
    "no capability added": lambda _, c: "add" not in c["securityContext"]["capabilities"],
    "no other proc mount": lambda _, c: "procMount" not in c["securityContext"],
    "not as root": lambda pod, _: pod["securityContext"]["runAsNonRoot"] is True,
    "high user": lambda pod, _: pod["securityContext"]["runAsUser"] >= 10_000,
    "high group": lambda pod, _: pod["securityContext"]["runAsGroup"] >= 10_000,
    "files for the group": lambda pod, _: pod["securityContext"]["fsGroup"] >= 10_000,
    "seccomp": lambda pod, _: (
        pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    ),
    "no sysctls": lambda pod, _: "sysctls" not in pod["securityContext"],
    "no host network": absent("hostNetwork"),
    "no host processes": absent("hostPID"),
    "no host IPC": absent("hostIPC"),
    "no host aliases": absent("hostAliases"),
    "no node of its choice": absent("nodeName"),
    "processes not shared": absent("shareProcessNamespace"),
    "no host port": lambda _, c: not any(p.get("hostPort") for p in c.get("ports", ())),
    "harmless volumes": lambda pod, _: all(
        len({"configMap", "emptyDir", "persistentVolumeClaim", "projected"} & set(volume)) == 1
        for volume in pod.get("volumes", ())
    ),
    "scratch space is bounded": lambda pod, _: all(
        volume["emptyDir"].get("sizeLimit")
        for volume in pod.get("volumes", ())
        if "emptyDir" in volume
    ),
    "every mount but scratch and models is read-only": lambda _, c: all(
        mount.get("readOnly") or mount["name"] in {"tmp", "scratch", "models"}
        for mount in c.get("volumeMounts", ())
    ),
    "CPU requested": lambda _, c: c["resources"]["requests"]["cpu"],
    "memory requested": lambda _, c: c["resources"]["requests"]["memory"],
    "memory limited": lambda _, c: c["resources"]["limits"]["memory"],
    "CPU limited": lambda _, c: c["resources"]["limits"]["cpu"],
    "fixed image": lambda _, c: (
        ":" in c["image"].rsplit("/", 1)[-1] and not c["image"].endswith(":latest")
    ),
    "pull policy said": lambda _, c: c["imagePullPolicy"] in {"IfNotPresent", "Always"},
    "own account": lambda pod, _: pod["serviceAccountName"] != "default",
    "no service links": lambda pod, _: pod["enableServiceLinks"] is False,
    "no secret in the environment": lambda _, c: (
        not c.get("envFrom")
        and not any("secretKeyRef" in e.get("valueFrom", {}) for e in c.get("env", ()))
    ),
    "no variable twice": lambda _, c: (
        len({e["name"] for e in c.get("env", ())}) == len(c.get("env", ()))
    ),
    "nothing runs beside the command": absent("lifecycle"),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.replace(" ", "-"))
def test_every_pod_is_restricted(pod: tuple[str, Json], check: str) -> None:
    _, spec = pod
    assert CHECKS[check](spec, spec["containers"][0])


def test_only_who_needs_it_has_the_standing_token(pod: tuple[str, Json]) -> None:
    name, spec = pod
    assert spec["automountServiceAccountToken"] is (name in NEEDS_TOKEN)


def test_a_training_has_no_token_at_all(workloads: dict[str, Json]) -> None:
    volumes = workloads["Job"]["spec"]["template"]["spec"]["volumes"]
    assert not any("projected" in volume for volume in volumes)


def test_the_operator_is_probed(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    (container,) = only(render(), "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports


def test_replicas_are_spread_and_replaced_one_by_one(
    render: Callable[..., list[Json]], only: Callable[..., Json]
) -> None:
    deployment = only(render(), "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    constraints = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert {item["topologyKey"] for item in constraints} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }


def test_runs_end_by_themselves(workloads: dict[str, Json]) -> None:
    job, cron = workloads["Job"]["spec"], workloads["CronJob"]["spec"]
    assert job["activeDeadlineSeconds"] > 0
    assert job["ttlSecondsAfterFinished"] > 0
    assert cron["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    assert cron["concurrencyPolicy"] == "Forbid"
    assert cron["startingDeadlineSeconds"] >= 10


def test_everything_has_its_namespace(render: Callable[..., list[Json]]) -> None:
    cluster_wide = {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    for item in render():
        assert ("namespace" in item["metadata"]) is (item["kind"] not in cluster_wide)
