"""The command line of the dashboard, parsed once into values."""

from __future__ import annotations

import argparse
from ipaddress import ip_network
from pathlib import Path

from anomaly_dashboard.settings import DashboardSettings, ProxySettings

_DESCRIPTION = """Serves the dashboard. In a cluster it uses the pod's account to watch and the
caller's own token for everything else; with --kubeconfig it serves one person on this machine."""


def parse(argv: list[str] | None = None) -> DashboardSettings:
    """The settings; ends the process with a message for what it does not understand."""
    parser = argparse.ArgumentParser(prog="anomaly-dashboard", description=_DESCRIPTION)
    parser.add_argument("--host", default="127.0.0.1", help="address (default %(default)s)")
    parser.add_argument("--port", type=int, default=8050, help="port (default %(default)s)")
    parser.add_argument("--path-prefix", default="", help="path under which a proxy publishes it")
    parser.add_argument("--public-url", default="", help="where browsers find it")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="the operator's settings")
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="serve this machine alone")
    parser.add_argument("--context", default="", help="context of the kubeconfig")
    parser.add_argument("--proxy-user-header", default="", help="header that names the person")
    parser.add_argument("--proxy-groups-header", default="", help="header that names the groups")
    parser.add_argument(
        "--proxy-cidr", action="append", default=[], type=ip_network, help="addresses of the proxy"
    )
    parser.add_argument("--explore-workers", type=int, default=1, help="trials at once")
    parser.add_argument("--metrics-port", type=int, default=0, help="0: none")
    given = parser.parse_args(argv)
    if bool(given.proxy_user_header) != bool(given.proxy_cidr):
        parser.error("--proxy-user-header and --proxy-cidr go together")
    if given.kubeconfig and given.host not in {"127.0.0.1", "::1", "localhost"}:
        parser.error(f"--kubeconfig serves this machine alone, not --host {given.host}")
    proxy = None
    if given.proxy_user_header:
        networks = tuple(given.proxy_cidr)
        proxy = ProxySettings(given.proxy_user_header, given.proxy_groups_header, networks)
    return DashboardSettings(
        host=given.host,
        port=given.port,
        path_prefix=given.path_prefix,
        kubeconfig=given.kubeconfig,
        context=given.context,
        operator_settings=given.settings,
        proxy=proxy,
        public_url=given.public_url,
        explore_workers=given.explore_workers,
        metrics_port=given.metrics_port,
    )
