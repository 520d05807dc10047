"""The arguments of `kubectl-anomaly recalibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from anomaly_cli.connection import add_options


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    one = commands.add_parser(
        "recalibrate",
        help="propose weights of the priority from past feedback; applies nothing",
        description="Fits the weights of spec.playbook of an SLOPolicy to the verdicts "
        "TruePositive and FalsePositive on the incidents of its services. Prints the evidence and "
        "the change as a diff, and applies nothing.",
        epilog="Exit codes: 0 weights are proposed; 1 the cluster cannot be reached or refuses; 2 "
        "wrong arguments or a file that cannot be read; 3 nothing is proposed, because too little "
        "was judged or no other weights are better.",
    )
    add_options(one)
    one.add_argument(
        "--policy", metavar="NAME", default="", help="SLOPolicy; default: the only one there is"
    )
    one.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="exported objects instead of a cluster: `kubectl get anomalies,asvc,slop -o yaml`",
    )
