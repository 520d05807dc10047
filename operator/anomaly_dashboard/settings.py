"""What the command line decides, as values."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Headers by which a proxy in front names the person, taken from these addresses alone."""

    user_header: str
    groups_header: str
    networks: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """`kubeconfig`: local mode, in which everybody with the printed code acts as its user.
    `operator_settings`: the operator's settings file, for its sources. `public_url`: where browsers
    find the dashboard, for the check of the Origin header; empty: where they say that it is."""

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

    @property
    def local(self) -> bool:
        return self.kubeconfig is not None
