"""What one can ask of a cluster, be it a sandbox or somebody's real one: kubectl, helm, objects.

`kubectl` for what a user would do, the small REST client for what a test polls.
"""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import yaml

from anomaly_sandbox import kubeconfig
from anomaly_sandbox.resolve import Resolver
from anomaly_sandbox.rest import Api, Json
from anomaly_sandbox.waiting import SandboxError, wait_for

T = TypeVar("T")


class ClusterClient:
    """A cluster's admin. Blocking; safe to use from several threads.

    `folder` takes caches and kubeconfig files, so that none goes to the user's home.
    """

    def __init__(self, folder: Path, kubeconfig_file: Path, api: Api, ca_file: Path) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig_file
        self.api = api
        self.ca_file = ca_file
        self._resolver = Resolver()
        self._programs: dict[str, Path] = {}

    @property
    def server(self) -> str:
        """Address of the API server as clients dial it."""
        return self.api.server

    def close(self) -> None:
        """Closes connections; the cluster goes on."""
        self.api.close()

    def bin(self, name: str) -> Path:
        """The executable of a program (kubectl, helm, promtool ...), fetched if need be."""
        if name not in self._programs:
            self._programs.update(self._resolver.resolve([name]))
        return self._programs[name]

    def environment(self) -> dict[str, str]:
        """Environment for clients: KUBECONFIG, caches inside our folder, and kubectl's plugins."""
        plugins = str(Path(sys.executable).parent)
        return {
            **os.environ,
            "PATH": os.pathsep.join([plugins, os.environ.get("PATH", os.defpath)]),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kube-cache"),
            "HELM_CACHE_HOME": str(self.folder / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(self.folder / "helm" / "config"),
            "HELM_DATA_HOME": str(self.folder / "helm" / "data"),
        }

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - named as in subprocess.run
        check: bool = False,
        timeout: float = 120.0,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as the admin. With `check`, SandboxError when it fails."""
        return self._run("kubectl", args, input, check=check, timeout=timeout)

    def helm(
        self, *args: str, check: bool = False, timeout: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Runs helm as the admin. With `check`, SandboxError when it fails."""
        return self._run("helm", args, None, check=check, timeout=timeout)

    def apply(self, manifest: str | Json | Iterable[Json], *, namespace: str | None = None) -> str:
        """`kubectl apply` of YAML text, an object or objects; returns kubectl's output.

        SandboxError with the server's words when anything was refused.
        """
        if isinstance(manifest, str):
            text = manifest
        else:
            text = yaml.safe_dump_all([manifest] if isinstance(manifest, dict) else list(manifest))
        scope = ("--namespace", namespace) if namespace else ()
        return self.kubectl("apply", *scope, "-f", "-", input=text, check=True).stdout

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """The object, or None. `kind` as for kubectl: kind, plural, singular or short name."""
        return self.api.get(kind, name, namespace)

    def list(
        self, kind: str, namespace: str | None = None, *, labels: str = ""
    ) -> builtins.list[Json]:
        """Objects of a kind, in one namespace or (None) in all."""
        return self.api.list(kind, namespace, labels=labels)

    def wait_for(
        self,
        ready: Callable[[], T | None],
        deadline: float = 30.0,
        what: str = "",
        pause: float = 0.1,
    ) -> T:
        """`waiting.wait_for`, at hand."""
        return wait_for(ready, deadline, what, pause)

    def kubeconfig_for(self, account: str, namespace: str) -> Path:
        """A kubeconfig of a ServiceAccount, good for a day."""
        folder = self.folder / "accounts"
        folder.mkdir(exist_ok=True)
        return kubeconfig.write(
            folder / f"{namespace}.{account}.kubeconfig",
            server=self.server,
            ca_file=self.ca_file,
            token=self.api.token(account, namespace),
            namespace=namespace,
        )

    def _run(
        self, program: str, args: Iterable[str], text: str | None, *, check: bool, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin(program)), *args]
        done = subprocess.run(
            command,
            input="" if text is None else text,
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            words = " ".join([program, *command[1:4]])
            raise SandboxError(f"{words} exited with code {done.returncode}: {done.stderr.strip()}")
        return done
