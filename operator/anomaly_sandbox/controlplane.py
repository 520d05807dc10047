"""The command lines of the control plane: which flags, and why those.

Pure: paths and addresses in, process specifications out. What a flag does is in the
program's --help; comments here say why the sandbox needs it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from anomaly_sandbox.control import ProcessSpec

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
PROMETHEUS = "prometheus"
NODE_AGENT = "node-agent"

CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)
"""Controllers of what the product and its tests use; each one more costs memory and requests."""

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # The control plane talks to itself; only clients are counted.
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths, address and ports of one sandbox."""

    state: Path
    address: str
    etcd_port: int
    etcd_peer_port: int
    api_port: int
    prometheus_port: int

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.api_port}"

    @property
    def etcd_url(self) -> str:
        return f"http://{self.address}:{self.etcd_port}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{self.address}:{self.prometheus_port}"

    @property
    def certificates(self) -> Path:
        return self.state / "certificates"

    @property
    def ca_file(self) -> Path:
        # The API server makes it at its first start: its own certificate and the CA's.
        return self.certificates / "apiserver.crt"

    @property
    def tls_key(self) -> Path:
        return self.certificates / "apiserver.key"

    @property
    def tokens(self) -> Path:
        return self.state / "tokens.csv"

    @property
    def signing_key(self) -> Path:
        return self.state / "service-accounts.key"

    @property
    def audit_log(self) -> Path:
        return self.state / "audit.log"

    @property
    def audit_policy(self) -> Path:
        return self.state / "audit-policy.json"

    @property
    def prometheus_config(self) -> Path:
        return self.state / "prometheus.yml"

    @property
    def controller_kubeconfig(self) -> Path:
        return self.state / "controller-manager.kubeconfig"

    def log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"


def etcd(program: Path, layout: Layout) -> ProcessSpec:
    peer = f"http://{layout.address}:{layout.etcd_peer_port}"
    argv = [
        str(program),
        "--name=sandbox",
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={layout.etcd_url}",
        f"--advertise-client-urls={layout.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=sandbox={peer}",
        # The data dies with the sandbox; waiting for the disk would buy nothing.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]
    return _service(ETCD, argv, layout)


def api_server(program: Path, layout: Layout) -> ProcessSpec:
    argv = [
        str(program),
        f"--etcd-servers={layout.etcd_url}",
        f"--bind-address={layout.address}",
        f"--advertise-address={layout.address}",
        f"--secure-port={layout.api_port}",
        f"--cert-dir={layout.certificates}",
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=RBAC",
        f"--service-account-issuer={layout.server}",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # The endpoint of the `kubernetes` Service may not be a loopback address.
        "--endpoint-reconciler-type=none",
        "--allow-privileged=false",
        f"--audit-policy-file={layout.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-format=json",
        # Blocking, so that a test that reads the log sees every request that was answered.
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=1000",
        # Short, so that a restart does not wait for the watches to drain.
        "--shutdown-delay-duration=0s",
        # The node's name resolves nowhere; `kubectl logs` goes to its address.
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]
    return _service(API_SERVER, argv, layout)


def controller_manager(program: Path, layout: Layout) -> ProcessSpec:
    argv = [
        str(program),
        f"--kubeconfig={layout.controller_kubeconfig}",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.ca_file}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--controllers={','.join(CONTROLLERS)}",
        # The default of 20 requests per second makes hundreds of Jobs wait for one another.
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--profiling=false",
    ]
    return _service(CONTROLLER_MANAGER, argv, layout)


def node_agent(layout: Layout, environ: Mapping[str, str]) -> ProcessSpec:
    argv = [
        sys.executable,
        "-m",
        "anomaly_sandbox.node.agent",
        f"--state-dir={layout.state}",
    ]
    spec = _service(NODE_AGENT, argv, layout)
    # Where this package is not installed but lies on the path, so it does for the agent.
    path = {"PYTHONPATH": environ["PYTHONPATH"]} if "PYTHONPATH" in environ else {}
    return replace(spec, env={**spec.env, **path})


def prometheus(program: Path, layout: Layout) -> ProcessSpec:
    argv = [
        str(program),
        f"--config.file={layout.prometheus_config}",
        f"--storage.tsdb.path={layout.state / 'prometheus'}",
        "--storage.tsdb.retention.time=90d",
        f"--web.listen-address={layout.address}:{layout.prometheus_port}",
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    ]
    return _service(PROMETHEUS, argv, layout)


def prometheus_config(out_of_order: str = "90d") -> str:
    """Nothing is scraped; samples come by remote write, older ones after newer ones too."""
    content = {
        "global": {"scrape_interval": "15s"},
        "storage": {"tsdb": {"out_of_order_time_window": out_of_order}},
    }
    return json.dumps(content)


def _service(name: str, argv: list[str], layout: Layout) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=argv,
        env={"PATH": "/usr/bin:/bin", "HOME": str(layout.state)},
        cwd=str(layout.state),
        log=str(layout.log(name)),
        restart=True,
        labels={"role": "control-plane"},
    )
