"""The arguments of `kubectl-anomaly mcp`. It imports nothing of the protocol's library."""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_cli.verbs.target import add_target

_DESCRIPTION = (
    "Serve the Model Context Protocol on standard input and output, with the caller's kubeconfig. "
    "An assistant starts this command; it reads until its input ends. Without --allow-writes no "
    "tool changes anything."
)
_EXIT_CODES = (
    "Exit codes: 0 the input ended; 2 wrong arguments, or the package mcp is not installed."
)
Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no other name for it


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """The command `mcp`."""
    one = commands.add_parser(
        "mcp",
        help="serve the verbs to an assistant (Model Context Protocol)",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
    )
    add_target(one)
    one.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help="folder whose recordings the backtest tool may read; default: none",
    )
    one.add_argument(
        "--source-url",
        default="",
        metavar="URL",
        help="Prometheus that the backtest tool may ask; default: none",
    )
    one.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="the operator's settings file, for the tools plan and backtest",
    )
    one.add_argument(
        "--allow-writes",
        action="store_true",
        help="add the tools acknowledge and feedback, which write as you",
    )
