"""Credentials for the API server: a pod's projected token, or a kubeconfig for a local process.

Both are read again and again, because tokens are rotated under a running process. Every path is
an argument; nothing is read from a home folder unless it is named.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from anomaly_operator.api.errors import LoginFailedError

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the API server. `authorization` is the header's value, empty for certificates.

    `tls_server_name`: the name in the server's certificate where it is not the host of `server`.
    `expires`: unix seconds at which the token ends, None when it does not say.
    """

    server: str
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    tls_server_name: str = ""
    authorization: str = ""
    expires: float | None = None
    namespace: str = ""

    def same_endpoint(self, other: Connection) -> bool:
        """Is only the token another one? Then open connections can stay."""
        return replace(self, authorization="", expires=None, namespace="") == replace(
            other, authorization="", expires=None, namespace=""
        )


class Login(Protocol):
    async def connect(self) -> Connection:
        """Read the credentials as they are now. Raises LoginFailedError."""


@dataclass(frozen=True, slots=True)
class PodLogin:
    """The files `token`, `ca.crt` and `namespace` that the kubelet keeps fresh in `directory`."""

    directory: Path
    host: str
    port: str

    @classmethod
    def from_environment(cls, directory: Path, environment: Mapping[str, str]) -> PodLogin:
        host = environment.get("KUBERNETES_SERVICE_HOST", "")
        if not host:
            raise LoginFailedError(
                "not running in a pod (KUBERNETES_SERVICE_HOST is not set); pass "
                "--kubeconfig FILE or set KUBECONFIG"
            )
        return cls(directory, host, environment.get("KUBERNETES_SERVICE_PORT", "443"))

    async def connect(self) -> Connection:
        token = self._read("token")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return Connection(
            server=f"https://{host}:{self.port}",
            ca_file=str(self.directory / "ca.crt"),
            authorization=f"Bearer {token}",
            expires=token_expiry(token),
            namespace=self._read("namespace"),
        )

    def _read(self, name: str) -> str:
        path = self.directory / name
        try:
            text = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise LoginFailedError(f"cannot read {path}: {error.strerror}") from error
        if not text:
            raise LoginFailedError(f"{path} is empty; it must hold the service account's {name}")
        return text


@dataclass(frozen=True, slots=True)
class KubeconfigLogin:
    """A context of a kubeconfig, exec plug-ins included. An empty `context` is the current one.

    `path` may be several files, joined as in the variable KUBECONFIG.
    """

    path: Path | str
    context: str = ""

    async def connect(self) -> Connection:
        # Costs 100 ms and 10 MiB that a pod never needs.
        from kubernetes.aio.client import Configuration  # noqa: PLC0415
        from kubernetes.aio.config import ConfigException, load_kube_config  # noqa: PLC0415

        configuration = Configuration()
        try:
            loader = await load_kube_config(
                config_file=str(self.path),
                context=self.context or None,
                client_configuration=configuration,
            )
        except (ConfigException, OSError, ValueError, KeyError) as error:
            raise LoginFailedError(f"cannot use kubeconfig {self.path}: {error}") from error
        authorization = str(configuration.api_key.get("BearerToken") or "")
        return Connection(
            server=configuration.host,
            ca_file=configuration.ssl_ca_cert,
            cert_file=configuration.cert_file,
            key_file=configuration.key_file,
            verify=configuration.verify_ssl,
            tls_server_name=configuration.tls_server_name or "",
            authorization=authorization,
            expires=token_expiry(authorization.removeprefix("Bearer ")),
            namespace=_context_namespace(loader) or "default",
        )


def choose(kubeconfig: Path | None, directory: Path, environment: Mapping[str, str]) -> Login:
    """A named kubeconfig wins over the pod's identity, that over the variable KUBECONFIG."""
    if kubeconfig is not None:
        return KubeconfigLogin(kubeconfig)
    if not environment.get("KUBERNETES_SERVICE_HOST") and environment.get("KUBECONFIG"):
        return KubeconfigLogin(Path(environment["KUBECONFIG"]))
    return PodLogin.from_environment(directory, environment)


def token_expiry(token: str) -> float | None:
    """`exp` of a JSON web token in unix seconds; None for any other token. Nothing is verified."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        return None


def _context_namespace(loader: object) -> str:
    context = getattr(loader, "current_context", None)
    if isinstance(context, Mapping):
        inner = context.get("context")
        if isinstance(inner, Mapping):
            return str(inner.get("namespace") or "")
    return ""
