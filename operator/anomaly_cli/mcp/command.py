"""`kubectl-anomaly mcp`: the server from start to end. Standard output is the protocol's alone."""

from __future__ import annotations

import argparse

from anomaly_cli.mcp.options import options
from anomaly_cli.refusal import InputError


def run(given: argparse.Namespace) -> int:
    """The exit code. Raises InputError."""
    chosen = options(given)
    try:
        from anomaly_cli.mcp.server import server  # noqa: PLC0415 - the library is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise InputError(
            "the package mcp is not installed; pip install 'anomaly-operator[cli,mcp,operator,"
            "train]'"
        ) from error
    server(chosen).run("stdio")
    return 0
