"""The arguments of `kubectl-anomaly run`."""

from __future__ import annotations

import argparse
from pathlib import Path

_EXIT_CODES = (
    "Exit codes: 0 no trigger above Normal; 1 at least one Warning or Critical trigger; 2 wrong "
    "arguments, or a log that cannot be read or holds no row."
)
STANDARD, SHORT = "standard", "short-windows"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The sub-command's arguments."""
    group = commands.add_parser(
        "run", help="watch the log of a training run, offline", epilog=_EXIT_CODES
    )
    actions = group.add_subparsers(dest="action", required=True)
    one = actions.add_parser(
        "replay",
        help="which triggers the log of a training run would have raised",
        description="Reads the log of a training run row by row and lists its triggers: loss, "
        "learning rate, accuracy and answers that tell of a fault. Needs no cluster.",
        epilog=_EXIT_CODES,
    )
    one.add_argument(
        "log",
        type=Path,
        metavar="LOG",
        help="JSON lines, or CSV with a header: step, and any of loss, learning_rate, accuracy (a "
        "part of 1 or percent), accuracy_percent, prompt, golden_answer, model_answer, matches, "
        "resume; each other number is a metric",
    )
    one.add_argument("-o", "--output", choices=("json",), help="print one JSON document")
    one.add_argument(
        "--mode",
        choices=(STANDARD, SHORT),
        default=STANDARD,
        help="short-windows: mean and deviation of the last 10 rows instead of the quartiles of "
        "the last 1,000; default: standard",
    )
    one.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="name of a field in this log, such as loss=train_loss; may be given several times",
    )
    one.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="METRIC",
        help="metric that is not judged; may be given several times",
    )
    one.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another threshold, named as in spec.trainingRun.thresholds, such as zScore=4 or "
        "cooldownSteps=100; may be given several times",
    )
    one.add_argument(
        "--schedule",
        default="",
        metavar="SCHEDULE",
        help="what the learning rate is to do, as spec.trainingRun.schedule in JSON, or as "
        "kind=Cosine,peak=0.0003,warmupSteps=2000,totalSteps=143000",
    )
