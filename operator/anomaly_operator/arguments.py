"""The command line: files, addresses, log level. All else is in the settings file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from anomaly_operator.client.login import SERVICE_ACCOUNT_DIR
from anomaly_operator.telemetry.health import split_address


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Arguments with types; ends the process with usage on a wrong one."""
    parser = argparse.ArgumentParser(
        prog="anomaly-operator",
        description="Kubernetes operator for AnomalyService, SLOPolicy and Anomaly resources.",
    )
    parser.add_argument(
        "--version", action="version", version=f"anomaly-operator {version('anomaly-operator')}"
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="settings file (YAML)"
    )
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="FILE",
        help="kubeconfig to use instead of the pod's service account",
    )
    parser.add_argument(
        "--identity-dir",
        type=Path,
        default=SERVICE_ACCOUNT_DIR,
        metavar="DIR",
        help="folder with the service account's token, ca.crt and namespace (default: %(default)s)",
    )
    parser.add_argument(
        "--namespace",
        default="",
        metavar="NAME",
        help="namespace of the Lease (default: that of the pod or kubeconfig context)",
    )
    parser.add_argument(
        "--leader-elect",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="write only while holding the Lease; required with more than one replica",
    )
    parser.add_argument(
        "--metrics-bind",
        type=_address,
        default="127.0.0.1:8080",
        metavar="HOST:PORT",
        help="address of /metrics (default: %(default)s; port 0 picks a free port)",
    )
    parser.add_argument(
        "--health-bind",
        type=_address,
        default="127.0.0.1:8081",
        metavar="HOST:PORT",
        help="address of /livez and /readyz (default: %(default)s; port 0 picks a free port)",
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="log level (default: %(default)s)",
    )
    return parser.parse_args(argv)


def _address(text: str) -> str:
    try:
        split_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
