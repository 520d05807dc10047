"""The command line of the dashboard, parsed once into values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from importlib.metadata import version
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from anomaly_dashboard.settings import DashboardSettings, ProxySettings
from anomaly_operator.client.login import SERVICE_ACCOUNT_DIR

_DESCRIPTION = """Serves the dashboard. In a cluster it uses the pod's account to watch and the
caller's own token for everything else; with --kubeconfig it serves one person on this machine."""
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def parse(argv: Sequence[str] | None = None) -> DashboardSettings:
    """The settings; ends the process with a message for what it does not understand."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.proxy_user_header and not given.proxy_cidr:
        parser.error("--proxy-user-header needs --proxy-cidr: headers of anybody else do not count")
    if given.proxy_groups_header and not given.proxy_user_header:
        parser.error("--proxy-groups-header needs --proxy-user-header")
    if given.kubeconfig and given.host not in _LOOPBACK:
        parser.error(f"--kubeconfig serves this machine alone, not --host {given.host}")
    if given.kubeconfig and given.proxy_cidr:
        parser.error("--kubeconfig serves this machine alone, without a proxy in front")
    proxy = None
    if given.proxy_cidr:
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
        identity_dir=given.identity_dir,
        code_file=given.code_file,
        log_level=given.log_level,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="anomaly-dashboard", description=_DESCRIPTION)
    add = parser.add_argument
    add("--version", action="version", version=f"anomaly-operator {version('anomaly-operator')}")
    add("--host", default="127.0.0.1", help="address (default %(default)s)")
    add("--port", type=_port, default=8050, help="port, 0 = any (default %(default)s)")
    add("--path-prefix", type=_prefix, default="", help="path under which a proxy publishes it")
    add("--public-url", type=_url, default="", metavar="URL", help="where browsers find it")
    add("--settings", type=Path, metavar="FILE", help="the operator's settings, for its sources")
    add("--kubeconfig", type=Path, metavar="FILE", help="serve this machine alone, as its user")
    add("--context", default="", help="context of the kubeconfig")
    add("--code-file", type=Path, metavar="FILE", help="write the one-time code there as well")
    add(
        "--identity-dir",
        type=Path,
        default=SERVICE_ACCOUNT_DIR,
        metavar="DIR",
        help="folder with the service account's token, ca.crt and namespace (default: %(default)s)",
    )
    add("--proxy-user-header", type=_header, default="", help="header that names the person")
    add("--proxy-groups-header", type=_header, default="", help="header that names the groups")
    add(
        "--proxy-cidr",
        action="append",
        default=[],
        type=ip_network,
        help="addresses of the proxy in front, repeatable; its X-Forwarded-For is believed",
    )
    add("--explore-workers", type=_positive, default=1, help="trials at once")
    add("--metrics-port", type=_port, default=0, help="port of /metrics, 0 = none")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write a number up to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def _prefix(text: str) -> str:
    prefix = text.rstrip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise argparse.ArgumentTypeError(f"{text!r} is no path; write one such as /anomalies")
    return prefix


def _header(text: str) -> str:
    if text and not _HEADER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a header, such as X-Remote-User")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise argparse.ArgumentTypeError(f"{text!r} is no address, such as https://host.example")
    return text
