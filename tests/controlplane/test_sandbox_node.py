"""Pods really run: as local processes, with the status that a kubelet would write."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from anomaly_sandbox.cluster import Sandbox
from anomaly_sandbox.node.images import HOST_IMAGE
from anomaly_sandbox.node.status import IGNORED_CONDITION

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
WAIT = 120.0
"""Seconds: after the API server was away its clients come back one by one, some only after 40."""
SERVER = (
    "import http.server, os, pathlib\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200 if pathlib.Path(os.environ['READY']).exists() else 503)\n"
    "        self.end_headers()\n"
    "    def log_message(self, *a): pass\n"
    "http.server.HTTPServer((os.environ['POD_IP'], 8080), H).serve_forever()\n"
)


def container(command: list[str], **more: Any) -> Json:
    return {"name": "main", "image": HOST_IMAGE, "command": command, **more}


def pod(name: str, item: Json, **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 2,
            "containers": [item],
            **spec,
        },
    }


def job(name: str, item: Json, **spec: Any) -> Json:
    template = pod(name, item)["spec"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": template}, **spec},
    }


def wait_for_phase(sandbox: Sandbox, name: str, namespace: str, phase: str) -> Json:
    def reached() -> Json | None:
        found = sandbox.get("pods", name, namespace)
        return found if found and found["status"].get("phase") == phase else None

    return sandbox.wait_for(reached, WAIT, f"pod {name} {phase}")


def terminated(found: Json) -> Json:
    state: Json = found["status"]["containerStatuses"][0]["state"]["terminated"]
    return state


def wait_for_waiting(sandbox: Sandbox, name: str, namespace: str, reason: str) -> str:
    def reached() -> str | None:
        found = sandbox.get("pods", name, namespace)
        for status in (found or {}).get("status", {}).get("containerStatuses", ()):
            waiting = status["state"].get("waiting", {})
            if waiting.get("reason") == reason:
                return str(waiting.get("message", "")) or "(no message)"
        return None

    return sandbox.wait_for(reached, WAIT, f"pod {name} waiting for {reason}")


def wait_for_condition(sandbox: Sandbox, kind: str, name: str, namespace: str, word: str) -> Json:
    def reached() -> Json | None:
        found = sandbox.get(kind, name, namespace)
        for condition in (found or {}).get("status", {}).get("conditions", ()):
            if condition["type"] == word and condition["status"] == "True":
                return found
        return None

    return sandbox.wait_for(reached, WAIT, f"{kind} {name} {word}")


def test_a_job_runs_to_complete_and_its_words_can_be_read(sandbox: Sandbox, namespace: str) -> None:
    script = "echo from the pod; echo last words > /dev/termination-log"
    sandbox.apply(job("hello", container(["sh", "-c", script])), namespace=namespace)
    done = wait_for_condition(sandbox, "jobs", "hello", namespace, "Complete")
    assert done["status"]["succeeded"] == 1
    (ran,) = sandbox.list("pods", namespace)
    assert ran["status"]["phase"] == "Succeeded"
    assert terminated(ran)["message"] == "last words\n"
    assert sandbox.logs(ran["metadata"]["name"], namespace) == "from the pod\n"
    assert sandbox.kubectl("logs", "job/hello", "-n", namespace).stdout == "from the pod\n"


def test_a_failed_job_says_its_exit_code_and_the_end_of_its_log(
    sandbox: Sandbox, namespace: str
) -> None:
    item = container(
        ["sh", "-c", "echo it broke >&2; exit 3"], terminationMessagePolicy="FallbackToLogsOnError"
    )
    sandbox.apply(job("broken", item), namespace=namespace)
    wait_for_condition(sandbox, "jobs", "broken", namespace, "Failed")
    (ran,) = sandbox.list("pods", namespace)
    assert terminated(ran)["exitCode"] == 3
    assert terminated(ran)["reason"] == "Error"
    assert terminated(ran)["message"] == "it broke"


def test_a_cron_job_runs_on_its_schedule(sandbox: Sandbox, namespace: str) -> None:
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "minutely"},
        "spec": {
            "schedule": "* * * * *",
            "jobTemplate": {"spec": job("x", container(["true"]))["spec"]},
        },
    }
    sandbox.apply(cron, namespace=namespace)

    def ran() -> bool:
        jobs = sandbox.list("jobs", namespace)
        return any(item.get("status", {}).get("succeeded") for item in jobs)

    assert sandbox.wait_for(ran, 60 + WAIT, "a run of the CronJob", pause=0.5)


def test_a_deployment_is_available_once_both_replicas_are_ready(
    sandbox: Sandbox, namespace: str
) -> None:
    labels = {"app": "web"}
    item = container(
        ["python", "-c", SERVER],
        env=[
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "READY", "value": "/state/ready"},
        ],
        ports=[{"name": "http", "containerPort": 8080}],
        volumeMounts=[{"name": "state", "mountPath": "/state"}],
        readinessProbe={"httpGet": {"port": "http"}, "periodSeconds": 1},
        livenessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1, "initialDelaySeconds": 10},
        startupProbe={"tcpSocket": {"port": "http"}, "periodSeconds": 1, "failureThreshold": 60},
        lifecycle={},
    )
    init = {**container(["sh", "-c", "touch /state/ready"]), "name": "init"}
    init["volumeMounts"] = item["volumeMounts"]
    template = pod("web", item, initContainers=[init], volumes=[{"name": "state", "emptyDir": {}}])
    template["spec"]["restartPolicy"] = "Always"
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        },
    }
    sandbox.apply(deployment, namespace=namespace)
    available = wait_for_condition(sandbox, "deployments", "web", namespace, "Available")
    assert available["status"]["observedGeneration"] == 1
    sandbox.wait_for(
        lambda: sandbox.get("deployments", "web", namespace)["status"].get("readyReplicas") == 2,
        WAIT,
    )
    addresses = {item["status"]["podIP"] for item in sandbox.list("pods", namespace)}
    assert len(addresses) == 2
    sandbox.api.delete("deployments", "web", namespace)
    sandbox.wait_for(lambda: not sandbox.list("pods", namespace), WAIT, "the pods to go")


def test_a_pod_over_its_memory_limit_ends_as_oom_killed(sandbox: Sandbox, namespace: str) -> None:
    script = "import time; held = bytearray(200 << 20); time.sleep(600)"
    item = container(["python", "-c", script], resources={"limits": {"memory": "64Mi"}})
    sandbox.apply(pod("greedy", item), namespace=namespace)
    ended = wait_for_phase(sandbox, "greedy", namespace, "Failed")
    assert terminated(ended)["reason"] == "OOMKilled"
    assert terminated(ended)["exitCode"] == 137


def test_an_unknown_image_backs_off_and_names_the_image(sandbox: Sandbox, namespace: str) -> None:
    item = {"name": "main", "image": "registry.example/nobody/knows:1"}
    sandbox.apply(pod("strange", item), namespace=namespace)
    message = wait_for_waiting(sandbox, "strange", namespace, "ImagePullBackOff")
    assert "registry.example/nobody/knows:1" in message


def test_a_missing_key_keeps_the_container_from_starting_until_it_is_there(
    sandbox: Sandbox, namespace: str
) -> None:
    reference = {"secretKeyRef": {"name": "login", "key": "password"}}
    item = container(
        ["sh", "-c", 'test "$PASSWORD" = open'], env=[{"name": "PASSWORD", "valueFrom": reference}]
    )
    sandbox.apply(pod("locked", item), namespace=namespace)
    message = wait_for_waiting(sandbox, "locked", namespace, "CreateContainerConfigError")
    assert message == 'secret "login" not found'
    sandbox.api.create(
        "secrets", {"metadata": {"name": "login"}, "stringData": {"password": "open"}}, namespace
    )
    wait_for_phase(sandbox, "locked", namespace, "Succeeded")


def test_an_optional_secret_may_be_absent(sandbox: Sandbox, namespace: str) -> None:
    volume = {"name": "auth", "secret": {"secretName": "absent", "optional": True}}
    item = container(
        ["sh", "-c", 'test -z "$(ls /auth)"'],
        volumeMounts=[{"name": "auth", "mountPath": "/auth", "readOnly": True}],
    )
    sandbox.apply(pod("open", item, volumes=[volume]), namespace=namespace)
    wait_for_phase(sandbox, "open", namespace, "Succeeded")


def test_a_deadline_ends_the_pod_and_is_its_reason(sandbox: Sandbox, namespace: str) -> None:
    sandbox.apply(
        pod("slow", container(["sleep", "600"]), activeDeadlineSeconds=1), namespace=namespace
    )
    ended = wait_for_phase(sandbox, "slow", namespace, "Failed")
    assert ended["status"]["reason"] == "DeadlineExceeded"
    assert terminated(ended)["exitCode"] == 143


def test_a_stubborn_process_is_killed_after_its_grace(sandbox: Sandbox, namespace: str) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
    item = container(["python", "-c", script + "time.sleep(60)"])
    sandbox.apply(pod("stubborn", item, terminationGracePeriodSeconds=1), namespace=namespace)
    sandbox.wait_for(lambda: sandbox.logs("stubborn", namespace) == "up\n", WAIT)
    sandbox.kubectl("delete", "pod", "stubborn", "-n", namespace, "--wait=false", check=True)
    sandbox.wait_for(lambda: sandbox.get("pods", "stubborn", namespace) is None, WAIT)
    assert sandbox.containers("stubborn", namespace) == []


def test_a_crashing_container_is_started_again_with_a_growing_pause(
    sandbox: Sandbox, namespace: str
) -> None:
    item = container(["sh", "-c", "exit 1"])
    crashing = pod("crashing", item)
    crashing["spec"]["restartPolicy"] = "Always"
    sandbox.apply(crashing, namespace=namespace)
    wait_for_waiting(sandbox, "crashing", namespace, "CrashLoopBackOff")
    (status,) = sandbox.get("pods", "crashing", namespace)["status"]["containerStatuses"]
    assert status["restartCount"] >= 1
    assert status["lastState"]["terminated"]["exitCode"] == 1


def test_a_claim_keeps_what_one_pod_wrote_for_the_next(sandbox: Sandbox, namespace: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    sandbox.apply(claim, namespace=namespace)
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
    mount = {"volumeMounts": [{"name": "models", "mountPath": "/models", "subPath": "a"}]}
    writer = container(["sh", "-c", "echo kept > /models/x"], **mount)
    sandbox.apply(pod("writer", writer, volumes=[volume]), namespace=namespace)
    wait_for_phase(sandbox, "writer", namespace, "Succeeded")
    reader = container(["cat", "/models/x"], **mount)
    sandbox.apply(pod("reader", reader, volumes=[volume]), namespace=namespace)
    wait_for_phase(sandbox, "reader", namespace, "Succeeded")
    assert sandbox.logs("reader", namespace) == "kept\n"
    bound = sandbox.get("pvc", "models", namespace)
    assert bound["status"]["phase"] == "Bound"
    for name in ("reader", "writer"):
        sandbox.api.delete("pods", name, namespace)
    sandbox.api.delete("pvc", "models", namespace)
    volume_name = bound["spec"]["volumeName"]
    sandbox.wait_for(lambda: sandbox.get("pv", volume_name) is None, WAIT, "the volume to go")


def test_a_claim_nobody_uses_stays_pending(sandbox: Sandbox, namespace: str) -> None:
    sandbox.apply(pod("lost", container(["true"]), volumes=[
        {"name": "x", "persistentVolumeClaim": {"claimName": "absent"}}
    ]), namespace=namespace)  # fmt: skip

    def explained() -> str | None:
        found = sandbox.get("pods", "lost", namespace) or {}
        conditions = found.get("status", {}).get("conditions", ())
        return next((item.get("message") for item in conditions if item["status"] == "False"), None)

    assert sandbox.wait_for(explained, WAIT) == 'persistentvolumeclaim "absent" not found'


def test_a_projected_token_is_accepted_by_the_api_server(sandbox: Sandbox, namespace: str) -> None:
    script = (
        "import os, ssl, urllib.request\n"
        "d = os.environ['IDENTITY']\n"
        "request = urllib.request.Request('https://%s:%s/api/v1/namespaces/%s/pods' % (\n"
        "    os.environ['KUBERNETES_SERVICE_HOST'], os.environ['KUBERNETES_SERVICE_PORT'],\n"
        "    open(d + '/namespace').read()))\n"
        "request.add_header('Authorization', 'Bearer ' + open(d + '/token').read())\n"
        "urllib.request.urlopen(request, context=ssl.create_default_context(cafile=d + '/ca.crt'))"
    )
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [
                    {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}},
                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                ]
            }
        },
    ]
    item = container(
        ["python", "-c", script],
        env=[{"name": "IDENTITY", "value": "/var/run/identity"}],
        volumeMounts=[{"name": "identity", "mountPath": "/var/run/identity", "readOnly": True}],
    )
    volume = {"name": "identity", "projected": {"sources": sources}}
    log = sandbox.audit().since_now()
    sandbox.apply(pod("caller", item, volumes=[volume]), namespace=namespace)
    # No rights were granted, so the call is refused; what counts is as whom.
    wait_for_phase(sandbox, "caller", namespace, "Failed")
    (call,) = log.requests(user=f"system:serviceaccount:{namespace}:default", resource="pods")
    assert (call.verb, call.code) == ("list", 403)


@pytest.mark.parametrize(
    ("spec", "more", "words"),
    [
        ({"hostNetwork": True}, {}, "spec.hostNetwork"),
        ({"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}, {}, "hostPath volumes"),
        ({}, {"stdin": True}, "stdin"),
        ({}, {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}, "capabilities.add"),
        ({}, {"resources": {"limits": {"nvidia.com/gpu": "1"}}}, "nvidia.com/gpu"),
    ],
)
def test_what_a_process_cannot_honour_is_refused_by_name(
    sandbox: Sandbox, namespace: str, spec: Json, more: Json, words: str
) -> None:
    sandbox.apply(pod("asks", container(["true"], **more), **spec), namespace=namespace)
    refused = wait_for_phase(sandbox, "asks", namespace, "Failed")
    assert refused["status"]["reason"] == "SandboxRefused"
    assert words in refused["status"]["message"]


def test_what_is_ignored_is_said_in_a_condition(sandbox: Sandbox, namespace: str) -> None:
    item = container(
        ["true"],
        securityContext={"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        resources={"limits": {"cpu": "1", "memory": "64Mi"}},
    )
    sandbox.apply(pod("quiet", item, securityContext={"runAsNonRoot": True}), namespace=namespace)
    done = wait_for_phase(sandbox, "quiet", namespace, "Succeeded")
    (said,) = [c for c in done["status"]["conditions"] if c["type"] == IGNORED_CONDITION]
    assert said["message"].split(", ") == [
        "resources.limits.cpu",
        "securityContext.capabilities",
        "securityContext.readOnlyRootFilesystem",
        "securityContext.runAsNonRoot",
    ]


def test_a_killed_node_agent_runs_no_pod_twice_and_loses_no_exit_code(
    sandbox: Sandbox, namespace: str
) -> None:
    script = "echo began; while [ ! -e /gate/open ]; do sleep 0.1; done; exit 7"
    item = container(["sh", "-c", script], volumeMounts=[{"name": "gate", "mountPath": "/gate"}])
    volume = {"name": "gate", "emptyDir": {}}
    sandbox.apply(pod("survivor", item, volumes=[volume]), namespace=namespace)
    running = wait_for_phase(sandbox, "survivor", namespace, "Running")
    sandbox.wait_for(lambda: sandbox.logs("survivor", namespace) == "began\n", WAIT)
    agent = sandbox.process("node-agent")
    os.kill(agent.pid, signal.SIGKILL)
    # It ends while no agent looks.
    gate = sandbox.state / "pods" / running["metadata"]["uid"] / "volumes" / "gate"
    (gate / "open").touch()
    ended = wait_for_phase(sandbox, "survivor", namespace, "Failed")
    assert sandbox.process("node-agent").pid != agent.pid
    assert terminated(ended)["exitCode"] == 7
    assert sandbox.logs("survivor", namespace) == "began\n"


def test_a_pod_deleted_while_no_agent_looks_is_ended(sandbox: Sandbox, namespace: str) -> None:
    sandbox.apply(pod("orphan", container(["sleep", "300"])), namespace=namespace)
    wait_for_phase(sandbox, "orphan", namespace, "Running")
    os.kill(sandbox.process("node-agent").pid, signal.SIGKILL)
    sandbox.kubectl(
        "delete", "pod", "orphan", "-n", namespace, "--grace-period=0", "--force", check=True
    )

    sandbox.wait_for(lambda: not sandbox.containers("orphan", namespace), WAIT)


def test_a_configmap_change_reaches_a_pod_and_a_new_image_can_be_named(
    sandbox: Sandbox, namespace: str
) -> None:
    sandbox.map_image("test.example/greeter:*", ["sh", "-c", 'cat "$0"'])
    sandbox.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v\n"}},
        namespace=namespace,
    )
    item = {
        "name": "main",
        "image": "test.example/greeter",
        "args": ["$(FOLDER)/k"],
        "env": [{"name": "FOLDER", "value": "/config"}],
        "volumeMounts": [{"name": "c", "mountPath": "/config"}],
    }
    volumes = [{"name": "c", "configMap": {"name": "c"}}]
    sandbox.apply(pod("greeter", item, volumes=volumes), namespace=namespace)
    wait_for_phase(sandbox, "greeter", namespace, "Succeeded")
    assert sandbox.logs("greeter", namespace) == "v\n"


def test_a_pod_that_ends_while_the_api_server_is_away_is_reported_afterwards(
    sandbox: Sandbox, namespace: str
) -> None:
    script = "while [ ! -e /gate/open ]; do sleep 0.1; done; exit 5"
    item = container(["sh", "-c", script], volumeMounts=[{"name": "gate", "mountPath": "/gate"}])
    volumes = [{"name": "gate", "emptyDir": {}}]
    sandbox.apply(pod("patient", item, volumes=volumes), namespace=namespace)
    running = wait_for_phase(sandbox, "patient", namespace, "Running")
    os.kill(sandbox.process("kube-apiserver").pid, signal.SIGKILL)
    gate = sandbox.state / "pods" / running["metadata"]["uid"] / "volumes" / "gate"
    (gate / "open").touch()
    ended = wait_for_phase(sandbox, "patient", namespace, "Failed")
    assert terminated(ended)["exitCode"] == 5


def test_a_stateful_set_gets_named_pods_with_claims_of_their_own(
    sandbox: Sandbox, namespace: str
) -> None:
    labels = {"app": "store"}
    item = container(["sleep", "600"], volumeMounts=[{"name": "data", "mountPath": "/data"}])
    template = pod("store", item)["spec"] | {"restartPolicy": "Always"}
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    sandbox.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "store"},
            "spec": {
                "serviceName": "store",
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": template},
                "volumeClaimTemplates": [claim],
            },
        },
        namespace=namespace,
    )
    wait_for_phase(sandbox, "store-1", namespace, "Running")
    claims = {item["metadata"]["name"]: item for item in sandbox.list("pvc", namespace)}
    assert set(claims) == {"data-store-0", "data-store-1"}
    assert len({item["spec"]["volumeName"] for item in claims.values()}) == 2


def test_a_failing_liveness_probe_restarts_the_container(sandbox: Sandbox, namespace: str) -> None:
    item = container(
        ["sh", "-c", "echo began; exec sleep 600"],
        livenessProbe={"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1},
    )
    sick = pod("sick", item)
    sick["spec"]["restartPolicy"] = "Always"
    sandbox.apply(sick, namespace=namespace)

    def restarted() -> Json | None:
        found = sandbox.get("pods", "sick", namespace) or {}
        statuses = found.get("status", {}).get("containerStatuses", ())
        return next((item for item in statuses if item["restartCount"] >= 1), None)

    status = sandbox.wait_for(restarted, WAIT, "a restart")
    assert status["lastState"]["terminated"]["exitCode"] == 143
    # It is restarted before its first words at times, and counted before its second ones.
    sandbox.wait_for(
        lambda: sandbox.logs("sick", namespace).startswith("began\nbegan\n"), WAIT, "its words"
    )
