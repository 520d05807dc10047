"""The arguments of `kubectl-anomaly report`, apart from what carries them out: the numerical
libraries that read a recording take a while to import."""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_cli.connection import add_options


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    one = commands.add_parser(
        "report",
        help="the record of an incident: timeline, figures, cause, decisions, what was learned",
        description="Prints the record of an incident as Markdown, or writes it to files.",
        epilog="Exit codes: 0 written; 1 the cluster cannot be reached or refuses, or has no such "
        "incident; 2 wrong arguments or a file that cannot be read or written.",
    )
    one.add_argument("name", metavar="NAME", help="name of the Anomaly")
    add_options(one)
    one.add_argument(
        "--markdown", metavar="FILE|-", default="", help="Markdown file to write; - prints it"
    )
    one.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="HTML file to write: one page that needs no network",
    )
    one.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="recording of the service's metrics to plot, in any form that backtest reads",
    )
    one.add_argument(
        "--source-url",
        metavar="URL",
        default="",
        help="Prometheus from which the service's metrics are queried to plot them",
    )
    one.add_argument(
        "--around",
        metavar="DURATION",
        default="1h",
        help="time to plot before and after the incident, up to 7d; default: 1h",
    )
