"""What the command line decides, as values."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import urlsplit

from anomaly_operator.client.login import SERVICE_ACCOUNT_DIR


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What stands in front, known by its addresses: it is believed whom it forwards for and, where
    `user_header` is not empty, who the person is."""

    user_header: str
    groups_header: str
    networks: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """`kubeconfig`: local mode, in which everybody with the printed code acts as its user.
    `operator_settings`: the operator's settings file, for its sources. `public_url`: where browsers
    find the dashboard, for the checks of Host and Origin; empty: where they say that it is.
    `identity_dir`: of the pod's service account. `code_file`: gets the one-time code of the local
    mode, readable by this user alone."""

    host: str = "127.0.0.1"
    port: int = 8050
    path_prefix: str = ""
    kubeconfig: Path | None = None
    context: str = ""
    operator_settings: Path | None = None
    proxy: ProxySettings | None = None
    public_url: str = ""
    explore_workers: int = 1
    metrics_port: int = 0
    identity_dir: Path = SERVICE_ACCOUNT_DIR
    code_file: Path | None = None
    log_level: str = "info"

    @property
    def local(self) -> bool:
        return self.kubeconfig is not None

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Addresses of the proxy in front."""
        return self.proxy.networks if self.proxy else ()

    @property
    def public_host(self) -> str:
        """Host of the public address, empty where none is given."""
        return (urlsplit(self.public_url).hostname or "").lower()

    @property
    def public_origin(self) -> str:
        """Scheme, host and port of the public address as browsers write an origin."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else ""
